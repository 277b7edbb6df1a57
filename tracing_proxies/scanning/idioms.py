"""How agents, tools, orchestrators and models are called by those who write them: names, and what they suggest."""

from __future__ import annotations

import re
from typing import Final

# Classes
AGENT_CLASS: Final = re.compile(
    r"(Agents?|AgentBase|AgentMixin|Chatbot|Assistant|Researcher|Copilot)$|^(Base|Abstract)Agent"
)
ORCHESTRATOR_CLASS: Final = re.compile(
    r"(Orchestrat(or|ion)|Coordinat(or|ion)|Supervisor|Workflow|Pipeline|Crew|Swarm|Team|Delegator|Dispatcher|"
    r"Router|Planner|Collaboration|Debate|GroupChat)(Base|s)?$"
)
MODEL_CLASS: Final = re.compile(r"(LLM|Llm|LanguageModel|ChatModel|Model|Completion|Provider|Backend|Client)(Base)?$")
SURE_MODEL_CLASS: Final = re.compile(r"LLM|Llm|(Language|Chat)Model|ModelClient")
TOOL_CLASS: Final = re.compile(r"(Tool|Skill|Action)(Base)?$|^(Base|Abstract)(Tool|Skill)")
WORLD_CLASS: Final = re.compile(r"(Environment|Env|Sandbox|Executor|Toolbox|Toolkit|Browser|Interpreter)$")
HANDLER_CLASS: Final = re.compile(r"(Consumer|Handler|Listener|Subscriber|Worker|Processor|Trigger)$")
NO_BEHAVIOUR: Final = re.compile(
    r"(TypedDict|NamedTuple|Enum|IntEnum|StrEnum|Exception|Error|Warning|Config|"
    r"Formatter|TestCase)$"
)

# Methods and functions
AGENT_METHOD: Final = re.compile(
    r"(a?run(_(async|sync|stream|task))?|a?invoke|a?act|a?decide|a?handle|a?execute(_task)?|a?process|a?respond|a?reply|"
    r"a?chat|a?solve|a?answer|a?ask|a?call|a?kickoff|a?perform|a?forward|on_message|receive_message|generate_reply|"
    r"a?review|a?research|a?analy[sz]e|a?recommend|a?classify|a?summari[sz]e|a?work|__call__)$"
)
AGENT_FAMILIES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"make_(\w+_)?decision$",
        r"process_\w+$",
        r"handle_\w+$",
        r"decide_\w+$",
        r"conduct_\w+$",
        r"run_\w*(task|research|agent)\w*$",
        r"generate_\w*(reply|response|answer|plan)$",
    )
)
STEP_METHOD: Final = re.compile(
    r"(a?step|a?think|a?plan|a?reason|a?reflect|a?observe|execute_(action|tool|step)s?|replan)$"
)
NO_WORK: Final = re.compile(r"error|exception|failure|log|config|arg|option|setting|setup|init|format|parse|serial")
ORCHESTRATING: Final = re.compile(
    r"(orchestrat|coordinat|collaborat|delegat|dispatch|supervis|negotiat|synthesi|consensus|handoff|hand_off|debate)\w*$|"
    r"(a?run|a?start|execute|trigger|process|handle)_\w*(workflow|pipeline|event|agents|crew|team|round|plan|request)\w*$|"
    r"\w*(workflow|pipeline)$|(detect|resolve)_conflicts?$"
)
ELSEWHERE_CLASS: Final = re.compile(r"(Agent|Orchestrator|Crew|Swarm|Workflow)s?$")
PRIMARY: Final = re.compile(r"(a?run|a?execute|a?process|a?handle|a?invoke|a?kickoff|orchestrate|__call__)$")
MODEL_METHOD: Final = re.compile(
    r"a?(generate|complete|chat|query|invoke|predict|stream|completion|call|ask|prompt|request|get_response|"
    r"chat_completion|get_chat_response|generate_text|generate_response|generate_stream|create_completion)$"
)
MODEL_FUNCTION: Final = re.compile(
    r"(a?(call|ask|query|prompt|invoke|request|run)_(the_)?(llm|model|gpt|claude|openai|anthropic|gemini|bedrock)\w*|"
    r"(llm|gpt|chat)_(call|completion|query|request|complete)|get_(llm|chat|model)_(response|completion)|"
    r"create_chat_completion)$"
)
MODEL_HOLDER: Final = re.compile(
    r"(llm|model|model_backend|chat_model|language_model|lm|model_client|llm_client|provider)$"
)
# What only counts as a question where it is asked of something that is called a model.
ASKED_METHOD: Final = re.compile(r"a?run$")
TOOL_METHOD: Final = re.compile(r"(_?a?run|a?execute|a?call|a?invoke|forward|__call__|_execute|perform|use)$")
WORLD_HOLDER: Final = re.compile(r"(env|environment|sandbox|executor|toolbox|tools|browser|interpreter|shell)$")
HANDLER_METHOD: Final = re.compile(r"(handle|consume|process|on_(message|event|trigger|\w+)|receive|dispatch)$")
ENTRY_FUNCTION: Final = re.compile(r"(async_)?main$|_main$|main_async$|run_(app|demo|example|simulation)$|amain$")
HANDLER_FUNCTION: Final = re.compile(r"(lambda_handler|handler|handle_(event|request|message|trigger|job|task))$")

# Decorators, by their last name
KEEPS_FUNCTION: Final = re.compile(
    r"(staticmethod|classmethod|abstractmethod|override|final|wraps|cache|lru_cache|retry|contextmanager|"
    r"asynccontextmanager|validate_call|timeit|timer|beartype|typechecked|kernel_function|experimental|deprecated|"
    r"traceable|observe|coroutine|no_type_check|inject|on_exception|backoff)$"
)
ROUTE: Final = re.compile(r"(get|post|put|patch|delete|route|websocket|api_route|head|options)$")
JOB: Final = re.compile(r"(task|shared_task|job|scheduled_job|actor|cron)$")
COMMAND: Final = re.compile(r"(command|callback)$")

# Parameters
PERSONAL: Final = re.compile(
    r"(^|_)(e?mails?|phones?|mobile|telephone|iban|address|birthday|birth_date|date_of_birth|ssn|passport|"
    r"first_name|last_name|full_name|surname|card(_number)?|credit_card)(_|$)"
)
SESSION: Final = ("session_id", "conversation_id", "thread_id", "chat_id", "run_id")
USER: Final = ("user_id", "customer_id", "username", "user_name")
SELF_NAMES: Final = ("agent_id", "agent_name", "name", "role")


def last_of(name: str) -> str:
    """Return the last segment of a dotted name."""
    return name.rpartition(".")[2]
