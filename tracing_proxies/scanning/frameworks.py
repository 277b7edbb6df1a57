"""The agent frameworks and model clients that a scan knows, and what to trace of those without a preset."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Hook:
    """One rule into a framework's own code.

    Args:
        match: all that is to be taken hold of; of those between bars the first that the installed version has, and
            none if it has none.
        settings: lines of YAML below the match, in the order in which they are written.
        frames: whether it reaches code that looks at its caller's frame, where Python before 3.12 hides no proxy.
        kind: which of the application's own things it covers: agent, tool or model.
    """

    kind: str
    match: tuple[str, ...]
    settings: tuple[str, ...]
    frames: bool = False


@attrs.frozen
class Framework:
    """One framework or client library.

    Args:
        name: what it is called; a preset of this name is used instead of the hooks.
        distribution: what has to be installed.
        imports: the modules whose import says that it is in use.
        agents: classes that are agents, or that make them, by their last name.
        tools: classes whose subclasses are tools.
        models: classes whose subclasses are models.
        decorators: what makes a function a tool, by its last name.
        calls: ends of calls that ask a model; with some of them given, an import alone says nothing.
        named: whether a rule that names the tool's function takes effect, the preset helping.
    """

    name: str
    distribution: str
    imports: tuple[str, ...]
    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    named: bool = False


def _agent(*match: str, name: str | None = None, settings: tuple[str, ...] = ()) -> Hook:
    return Hook("agent", match, ("observation: agent", *([f'name: "{name}"'] if name else []), *settings))


def _tool(*match: str, settings: tuple[str, ...] = ()) -> Hook:
    return Hook("tool", match, ("observation: tool", *settings))


def _model(*match: str, settings: tuple[str, ...] = (), frames: bool = False) -> Hook:
    return Hook("model", match, ("observation: generation", *settings), frames)


def _chain(*match: str) -> Hook:
    return Hook("agent", match, ("observation: chain",))


_CHAT_USAGE: Final = (
    "model: args.model",
    "usage: { input: result.usage.prompt_tokens, output: result.usage.completion_tokens, "
    "total: result.usage.total_tokens }",
)
_NEW_USAGE: Final = (
    "model: args.model",
    "usage: { input: result.usage.input_tokens, output: result.usage.output_tokens }",
)

FRAMEWORKS: Final[tuple[Framework, ...]] = (
    Framework(
        "strands", "strands-agents", ("strands",), agents=("Agent",), tools=("AgentTool",), models=("Model",),
        decorators=("tool",), named=True,
        hooks=(
            _agent("strands.agent.agent:Agent.stream_async", name="{self.name}"),
            _model("strands.models.model:Model+.stream"),
            _tool("strands.types.tools:AgentTool+.stream", settings=('name: "{args.tool_use.name}"',)),
        ),
    ),
    Framework(
        "pydantic_ai", "pydantic-ai-slim", ("pydantic_ai",), agents=("Agent",), models=("Model",),
        decorators=("tool", "tool_plain"),
        hooks=(
            # Agent.iter looks at its caller's frame, to find the variable that the agent is called by.
            _agent("pydantic_ai.agent:_PreparedAgentRun.open|pydantic_ai.agent:Agent.iter",
                   name="{first(self.agent_name, self._name)}",
                   settings=('input: "first(self.user_prompt_node.user_prompt, args.user_prompt)"',)),
            _model("pydantic_ai.models:Model+.request", settings=(
                "model: result.model_name",
                "usage: { input: result.usage.input_tokens, output: result.usage.output_tokens }",
            )),
            _model("pydantic_ai.models:Model+.request_stream"),
            _tool("pydantic_ai.toolsets.function:FunctionToolset.call_tool",
                  settings=('name: "{args.name}"', "input: args.tool_args")),
        ),
    ),
    Framework(
        "openai_agents", "openai-agents", ("agents",), agents=("Agent", "Runner"), models=("Model",),
        decorators=("function_tool",),
        hooks=(
            _agent("agents.run:AgentRunner.run", "agents.run:AgentRunner.run_streamed",
                   name="{args.starting_agent.name}", settings=("input: args.input", "output: result.final_output")),
            _model("agents.models.interface:Model+.get_response", "agents.models.interface:Model+.stream_response",
                   settings=(
                       "usage: { input: result.usage.input_tokens, output: result.usage.output_tokens }",
                   )),
            _tool("agents.tool:_invoke_function_tool_with_metadata|agents.tool:invoke_function_tool",
                  settings=('name: "{args.function_tool.name}"', "input: args.arguments",
                            'output: "first(result.output, result)"')),
        ),
    ),
    Framework(
        "smolagents", "smolagents", ("smolagents",), agents=("CodeAgent", "ToolCallingAgent", "MultiStepAgent"),
        tools=("Tool",), models=("Model", "ApiModel"), decorators=("tool",),
        hooks=(
            _agent("smolagents.agents:MultiStepAgent+.run"),
            _model("smolagents.models:Model+.generate", settings=(
                "model: self.model_id",
                "usage: { input: result.token_usage.input_tokens, output: result.token_usage.output_tokens }",
            )),
            _tool("smolagents.tools:Tool.__call__", settings=('name: "{self.name}"',)),
        ),
    ),
    Framework(
        "langgraph", "langgraph", ("langgraph",),
        agents=("create_react_agent", "StateGraph"),
        hooks=(_chain("langgraph.pregel.main:Pregel.stream", "langgraph.pregel.main:Pregel.astream"),),
    ),
    Framework(
        "langchain", "langchain-core", ("langchain_core", "langchain", "langgraph"),
        agents=("AgentExecutor", "create_agent", "create_react_agent", "create_tool_calling_agent"),
        tools=("BaseTool", "StructuredTool"), models=("BaseChatModel", "BaseLLM"), decorators=("tool",),
        hooks=(
            # `generate` of the base class reaches code that looks at frames; what each provider defines does not.
            _model("langchain_core.language_models.chat_models:BaseChatModel+._*generate", settings=(
                       'model: "first(self.model_name, self.model)"',
                       "usage: { input: 'result.generations[0].message.usage_metadata.input_tokens', "
                       "output: 'result.generations[0].message.usage_metadata.output_tokens' }",
                   )),
            _tool("langchain_core.tools.base:BaseTool.run", "langchain_core.tools.base:BaseTool.arun",
                  settings=('name: "{self.name}"', "input: args.tool_input")),
        ),
    ),
    Framework(
        "crewai", "crewai", ("crewai",), agents=("Agent", "Crew", "LiteAgent"), tools=("BaseTool",),
        models=("BaseLLM",), decorators=("tool",),
        hooks=(
            # crewai.crew loses its name while crewai loads, so no rule finds Crew.kickoff.
            _agent("crewai.agents.agent_builder.base_agent:BaseAgent+.execute_task",
                   "crewai.agents.agent_builder.base_agent:BaseAgent+.aexecute_task", name="{self.role}"),
            _model("crewai.llms.base_llm:BaseLLM+.call", "crewai.llms.base_llm:BaseLLM+.acall"),
            _tool("crewai.tools.structured_tool:CrewStructuredTool.invoke",
                  "crewai.tools.structured_tool:CrewStructuredTool.ainvoke", settings=('name: "{self.name}"',)),
        ),
    ),
    Framework(
        "autogen", "autogen-agentchat", ("autogen_agentchat", "autogen_core", "autogen_ext"),
        agents=("AssistantAgent", "BaseChatAgent", "RoundRobinGroupChat", "SelectorGroupChat", "Swarm"),
        tools=("BaseTool", "FunctionTool"), models=("ChatCompletionClient",),
        hooks=(
            _chain("autogen_agentchat.teams._group_chat._base_group_chat:BaseGroupChat.run_stream"),
            _agent("autogen_agentchat.agents._base_chat_agent:BaseChatAgent+.on_messages_stream", name="{self._name}"),
            _model("autogen_core.models._model_client:ChatCompletionClient+.create", settings=(
                "usage: { input: result.usage.prompt_tokens, output: result.usage.completion_tokens }",
            )),
            _tool("autogen_core.tools._base:BaseTool.run_json", settings=('name: "{self._name}"',)),
        ),
    ),
    Framework(
        "google_adk", "google-adk", ("google.adk",), agents=("Agent", "LlmAgent", "BaseAgent", "SequentialAgent"),
        tools=("BaseTool",), models=("BaseLlm",),
        hooks=(
            _agent("google.adk.agents.base_agent:BaseAgent.run_async", name="{self.name}"),
            _model("google.adk.models.base_llm:BaseLlm+.generate_content_async"),
            _tool("google.adk.tools.base_tool:BaseTool+.run_async",
                  settings=('name: "{self.name}"', "input: args.args")),
        ),
    ),
    Framework(
        "llama_index", "llama-index-core", ("llama_index",),
        agents=("FunctionAgent", "ReActAgent", "AgentWorkflow", "CodeActAgent", "BaseWorkflowAgent"),
        tools=("BaseTool", "FunctionTool"), models=("LLM", "BaseLLM", "CustomLLM", "FunctionCallingLLM"),
        hooks=(
            _tool("llama_index.core.tools.function_tool:FunctionTool.call",
                  "llama_index.core.tools.function_tool:FunctionTool.acall",
                  settings=('name: "{self._metadata.name}"',)),
            _model("llama_index.core.base.llms.base:BaseLLM+.chat", "llama_index.core.base.llms.base:BaseLLM+.achat"),
        ),
    ),
    Framework(
        "dspy", "dspy", ("dspy",), agents=("ReAct", "Module", "ChainOfThought", "Predict"), models=("BaseLM", "LM"),
        hooks=(
            _chain("dspy.primitives.module:Module.__call__", "dspy.primitives.module:Module.acall"),
            _tool("dspy.adapters.types.tool:Tool.__call__", "dspy.adapters.types.tool:Tool.acall",
                  settings=('name: "{self.name}"',)),
            _model("dspy.clients.base_lm:BaseLM.__call__", "dspy.clients.base_lm:BaseLM.acall",
                   settings=("model: self.model",), frames=True),
        ),
    ),
    Framework(
        "mcp", "mcp", ("mcp", "fastmcp"), decorators=("tool",),
        hooks=(
            _tool("mcp.server.mcpserver.tools.base:Tool.run|mcp.server.fastmcp.tools.base:Tool.run",
                  settings=('name: "{self.name}"', "input: args.arguments")),
            _tool("mcp.client.session:ClientSession.call_tool",
                  settings=('name: "{args.name}"', "input: args.arguments")),
        ),
    ),
    Framework(
        "semantic_kernel", "semantic-kernel", ("semantic_kernel",), agents=("ChatCompletionAgent",),
        decorators=("kernel_function",), named=True,
    ),
    Framework(
        "openai", "openai", ("openai",),
        calls=("completions.create", "completions.parse", "responses.create", "responses.parse", "embeddings.create"),
        hooks=(
            _model("openai.resources.chat.completions.completions:Completions.create",
                   "openai.resources.chat.completions.completions:AsyncCompletions.create",
                   "openai.resources.chat.completions.completions:Completions.parse",
                   "openai.resources.chat.completions.completions:AsyncCompletions.parse", settings=_CHAT_USAGE),
            _model("openai.resources.responses.responses:Responses.create",
                   "openai.resources.responses.responses:AsyncResponses.create", settings=_NEW_USAGE),
        ),
    ),
    Framework(
        "anthropic", "anthropic", ("anthropic",), calls=("messages.create", "messages.stream", "messages.parse"),
        hooks=(
            _model("anthropic.resources.messages.messages:Messages.create",
                   "anthropic.resources.messages.messages:AsyncMessages.create",
                   "anthropic.resources.messages.messages:Messages.stream", settings=_NEW_USAGE),
        ),
    ),
    Framework(
        "litellm", "litellm", ("litellm",), calls=("completion", "acompletion"),
        hooks=(_model("litellm.main:completion", "litellm.main:acompletion", settings=_CHAT_USAGE),),
    ),
    Framework(
        "bedrock", "botocore", ("boto3", "botocore", "aioboto3"),
        calls=("converse", "converse_stream", "invoke_model", "invoke_model_with_response_stream"),
        hooks=(
            _model("botocore.client:BaseClient._make_api_call", settings=(
                'if: \'args.operation_name in ["Converse", "ConverseStream", "InvokeModel", '
                '"InvokeModelWithResponseStream"]\'',
                "input: args.api_params",
                "model: args.api_params.modelId",
                "usage: { input: result.usage.inputTokens, output: result.usage.outputTokens }",
            )),
        ),
    ),
    Framework(
        "google_genai", "google-genai", ("google.genai",),
        calls=("models.generate_content", "models.generate_content_stream"),
        hooks=(
            _model("google.genai.models:Models.generate_content", "google.genai.models:AsyncModels.generate_content",
                   settings=("model: args.model",)),
        ),
    ),
    Framework(
        "ollama", "ollama", ("ollama",), calls=("ollama.chat", "client.chat", "ollama.generate", "client.generate"),
        hooks=(
            _model("ollama._client:Client.chat", "ollama._client:AsyncClient.chat", settings=(
                "model: args.model", "usage: { input: result.prompt_eval_count, output: result.eval_count }",
            )),
        ),
    ),
)  # fmt: skip
