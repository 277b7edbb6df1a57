"""Which methods of an application's own classes are proposed, as what, and which are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanning.idioms import OWN
from tests.scanning.support import load, patterns, scan, targets
from tracing_proxies.registry.pointcut import ClassRef, Target
from tracing_proxies.registry.policy import resolve_policy
from tracing_proxies.scanning.survey import Survey
from tracing_proxies.scanning.writing import write_registry


@pytest.fixture
def own(tmp_path: Path) -> Survey:
    return scan(tmp_path, OWN)


def test_agents_are_proposed_once_for_all_that_descend_from_their_base(own: Survey) -> None:
    assert targets(own, "agent") == [
        "app:ResearchAgent.decide_length",
        "app:ResearchAgent.decide_topic",
        "app:ResearchAgent.run",
        "app:WriterAgent.run",
    ]
    assert {"app:BaseAgent+.run", "app:BaseAgent+.decide_*"} <= set(patterns(own))
    [rule] = [rule for rule in own.proposal.rules if "app:BaseAgent+.run" in rule.matches[0].pattern]
    assert 'name: "{self.name}"' in rule.settings
    assert "error_when: 'result.status == \"failed\"'" in rule.settings
    assert "outcome: { decision: result.decision, status: result.status }" in rule.settings


def test_steps_orchestrators_tools_models_and_entries_are_told_apart(own: Survey) -> None:
    assert targets(own, "step") == ["app:BaseAgent.step"]
    assert targets(own, "chain") == ["app:Coordinator.coordinate"]
    assert targets(own, "tool") == ["app:SearchTool.execute"]
    assert targets(own, "generation") == ["app:ChatModel.query"]
    assert targets(own, "entry") == ["app:TaskConsumer.handle"]


def test_endless_loops_errors_and_helpers_are_not_proposed(own: Survey) -> None:
    everything = {candidate.function.target for candidate in own.candidates}
    assert not everything & {"app:Coordinator.run_forever", "app:AgentError.run", "app:BaseAgent.format_prompt"}
    assert not everything & {"app:Coordinator.register", "app:BaseAgent.run"}


def test_sessions_and_users_are_taken_from_parameters(own: Survey) -> None:
    rules = {rule.matches[0].pattern: rule.settings for rule in own.proposal.rules}
    assert {"session: args.session_id", "user: args.user_id"} <= set(rules["app:Coordinator.coordinate"])
    assert "session: args.session_id" in rules["app:TaskConsumer.handle"]


def test_hot_leaf_functions_are_named_with_the_loop_and_left_out(own: Survey) -> None:
    assert [(hot.function.target, hot.caller.name, hot.loops) for hot in own.hot] == [("app:score", "rank", 1)]
    assert "#   app:score, in rank (" in write_registry(own)
    assert "app:score" not in patterns(own)


def test_a_tool_that_is_a_hot_leaf_is_proposed_without_payload_and_with_a_duration(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        "class LookupTool:\n    def run(self, key):\n        return key\n\n"
        "def all_of(keys):\n    tool = LookupTool()\n    return [tool.run(key) for key in keys]\n",
    )
    [rule] = found.proposal.rules
    assert rule.settings == ("role: tool", "capture: none", "min_duration: 1ms")
    policy = resolve_policy(load(found), Target("app", "LookupTool", "run", (ClassRef("app", "LookupTool"),)))
    assert policy is not None
    assert (policy.observation, policy.capture_input, policy.min_duration) == ("tool", False, 1_000_000)


@pytest.mark.parametrize(
    "body",
    ["return self.client(key)", "return requests.get(key)", "time.sleep(1)", "return other(key)", "return open(key)"],
)
def test_what_waits_or_calls_others_is_no_hot_leaf(tmp_path: Path, body: str) -> None:
    found = scan(
        tmp_path,
        f"import requests\nimport time\n\ndef other(key):\n    return eval(key)\n\n"
        f"class LookupTool:\n    def run(self, key):\n        {body}\n\n"
        "def all_of(keys):\n    tool = LookupTool()\n    return [tool.run(key) for key in keys]\n",
    )
    assert found.hot == ()
    assert targets(found, "tool") == ["app:LookupTool.run"]


def test_an_agent_is_never_quiet(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        "class MyAgent:\n    def run(self, task):\n        return task.upper()\n\n"
        "def work(tasks):\n    agent = MyAgent()\n    return [agent.run(task) for task in tasks]\n",
    )
    [rule] = found.proposal.rules
    assert rule.settings == ("role: agent",)


@pytest.mark.parametrize(
    "question", ["self.llm.generate(text)", "self._model.query(text)", "self.client.chat.completions.create(x=text)"]
)
def test_a_class_that_asks_a_model_is_an_agent_whatever_it_is_called(tmp_path: Path, question: str) -> None:
    source = f"import openai\nclass {{}}:\n    def summarize(self, text):\n        return {question}\n"
    assert targets(scan(tmp_path / "a", source.format("Digest")), "agent") == ["app:Digest.summarize"]
    assert targets(scan(tmp_path / "b", source.format("SummaryModel")), "agent") == []


def test_agents_that_are_asked_side_by_side_make_an_orchestrator(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        "import asyncio\nasync def answer(question, agents):\n"
        "    return await asyncio.gather(*(agent.run(question) for agent in agents))\n",
    )
    assert targets(found, "chain") == ["app:answer"]


def test_the_program_starts_a_trace_where_no_handler_does(tmp_path: Path) -> None:
    source = (
        "class MyAgent:\n    def run(self):\n        return 1\n\ndef main():\n    agent = MyAgent()\n    agent.run()\n"
    )
    assert targets(scan(tmp_path / "a", source + "\nmain()\n"), "entry") == ["app:main"]
    assert targets(scan(tmp_path / "b", source.replace("agent.run()", "pass") + "\nmain()\n"), "entry") == []
    assert targets(scan(tmp_path / "c", source), "entry") == []


def test_many_programs_are_examples_and_get_no_rules_of_their_own(tmp_path: Path) -> None:
    source = "from strands import Agent\ndef main():\n    return Agent()('x')\nif __name__ == '__main__':\n    main()\n"
    found = scan(tmp_path, {f"example{i}.py": source for i in range(20)})
    assert (found.programs, targets(found, "entry")) == (20, [])


def test_environments_that_agents_act_through_are_tools_and_share_one_pattern(tmp_path: Path) -> None:
    box = "class {}Environment:\n    def execute(self, action): return action\n    def helper(self): pass\n"
    found = scan(
        tmp_path,
        {
            "shop/__init__.py": "",
            "shop/boxes/__init__.py": "",
            **{f"shop/boxes/{name.lower()}.py": box.format(name) for name in ("Local", "Docker", "Remote")},
            "shop/agent.py": "class CodeAgent:\n    def run(self, task):\n        return self.env.execute(task)\n",
        },
    )
    assert "shop.boxes.*:*Environment.execute" in patterns(found)


def test_a_pattern_never_matches_what_was_not_found(tmp_path: Path) -> None:
    box = "class {}Tool:\n    def execute(self, action):\n        return action\n"
    files: dict[str, str | bytes] = {f"shop/boxes/{n.lower()}.py": box.format(n) for n in ("A", "B", "C")}
    files["shop/boxes/endless.py"] = (
        "class EndlessTool:\n    def execute(self):\n        while True:\n            pass\n"
    )
    found = scan(tmp_path, {"shop/__init__.py": "", "shop/boxes/__init__.py": "", **files})
    assert sorted(patterns(found)) == [f"shop.boxes.{n.lower()}:{n}Tool.execute" for n in ("A", "B", "C")]


def test_an_agent_of_an_installed_package_is_pointed_at(tmp_path: Path) -> None:
    found = scan(tmp_path, "from pluggy import HookAgent\n\nagent = HookAgent()\n")
    assert [(other.package, other.cls) for other in found.elsewhere] == [("pluggy", "pluggy.HookAgent")]
    assert "pluggy.HookAgent" in write_registry(found)


@pytest.mark.parametrize("made", ["HookAgent[int, str]()", "HookAgent[dict[str, int]](config(1))"])
def test_an_agent_that_is_made_of_a_generic_class_is_one_all_the_same(tmp_path: Path, made: str) -> None:
    found = scan(tmp_path, f"from pluggy import HookAgent\n\nagent = {made}\n")
    assert [(other.package, other.line) for other in found.elsewhere] == [("pluggy", 3)]


def test_an_item_of_a_table_that_is_called_is_no_class(tmp_path: Path) -> None:
    found = scan(tmp_path, "from pluggy import AGENTS, agents\n\nAGENTS['a']()\nagents['b']()\n")
    assert found.elsewhere == ()


def test_a_tool_is_told_by_its_class_where_its_method_says_nothing(tmp_path: Path) -> None:
    by_class = scan(tmp_path / "a", "class SearchTool:\n    def execute(self, question):\n        return question\n")
    assert by_class.proposal.roles["tool"] == ("observation: tool",)
    source = "def search(question):\n    found = question\n    return found\n\n\ntools = [search]\n"
    by_name = scan(tmp_path / "b", source)
    assert by_name.proposal.roles["tool"] == ("observation: tool", 'name: "{function}"')


def test_agents_and_their_bases_are_followed_through_re_exports(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        {
            "shop/__init__.py": "from .core import *\n",
            "shop/core/__init__.py": "from .base import Worker as Base\n",
            "shop/core/base.py": "from strands import Agent\nclass Worker(Agent):\n    def handle_a(self): return 1\n",
            "shop/clerk.py": "import shop\n\nclass Clerk(shop.Base):\n    def handle_b(self): return 2\n",
        },
    )
    assert patterns(found) == ["shop.core.base:Worker+.handle_*"]


def test_what_a_module_does_when_it_is_imported_is_told(tmp_path: Path) -> None:
    source = "class MyAgent:\n    def run(self):\n        return 1\n\nprint(MyAgent().run())\n"
    assert scan(tmp_path / "a", source).acting == (("app", 5),)
    assert scan(tmp_path / "b", source.replace("print", "x = str")).acting == ()


def test_personal_data_that_no_pattern_finds_is_hidden_by_its_key(tmp_path: Path) -> None:
    source = "class MyAgent:\n    def run(self, email, last_name):\n        return 1\n"
    found = scan(tmp_path, source)
    assert found.personal == ("email", "last_name")
    assert load(found).masking.hide == ("last_name",)
