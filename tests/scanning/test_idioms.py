"""The idioms of each framework are recognised without it being installed, and the proposal passes the loader."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanning.idioms import ALL
from tests.scanning.support import load, patterns, scan, targets
from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.scanning.frameworks import FRAMEWORKS
from tracing_proxies.scanning.survey import Survey
from tracing_proxies.scanning.writing import write_registry


def found_in(tmp_path: Path, name: str) -> Survey:
    return scan(tmp_path, {f"{name}_app.py": ALL[name]})


@pytest.mark.parametrize("name", ALL)
def test_what_is_proposed_passes_the_loader_and_is_the_same_each_time(tmp_path: Path, name: str) -> None:
    found = found_in(tmp_path, name)
    load(found)
    assert write_registry(found) == write_registry(found_in(tmp_path, name))


COVERED = {
    "langchain": ["search", "Multiply"],
    "crewai": ["search", "Weigh"],
    "smolagents": ["double", "Weather"],
    "openai_agents": ["get_weather"],
    "pydantic_ai": ["balance", "dice"],
    "autogen": ["add"],
    "llama_index": [],
    "adk": ["roll"],
    "dspy": ["search"],
    "mcp": ["add"],
}


@pytest.mark.parametrize("name", COVERED)
def test_tools_that_a_framework_keeps_are_left_to_its_own_functions(tmp_path: Path, name: str) -> None:
    found = found_in(tmp_path, name)
    assert [tool.name for tool in found.covered] == [f"{name}_app:{tool}" for tool in COVERED[name]]
    assert targets(found, "tool") == []
    observed = {setting for rule in found.proposal.rules for setting in rule.settings}
    assert "observation: tool" in observed


def test_tools_of_strands_are_named_since_its_preset_gives_them_their_spans(tmp_path: Path) -> None:
    found = found_in(tmp_path, "strands")
    assert [name for name, _ in found.proposal.uses] == ["strands"]
    assert targets(found, "tool") == ["strands_app:Shop.order", "strands_app:look_up"]
    assert targets(found, "agent") == ["strands_app:Planner.run"]
    tool = found.proposal.roles["tool"]
    assert "error_when: 'result.status == \"error\" or result.success == false'" in tool
    assert "error_message: first(result.error, result.message)" in tool
    assert found.personal == ("customer_email",)


def test_a_class_that_asks_agents_in_several_places_is_an_orchestrator(tmp_path: Path) -> None:
    found = found_in(tmp_path, "openai_agents")
    assert targets(found, "chain") == ["openai_agents_app:ResearchManager.run"]


def test_kernel_functions_are_plain_methods(tmp_path: Path) -> None:
    assert targets(found_in(tmp_path, "semantic_kernel"), "tool") == ["semantic_kernel_app:Lights.switch"]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("openai", "openai.resources.chat.completions.completions:Completions.create"),
        ("anthropic", "anthropic.resources.messages.messages:Messages.create"),
        ("litellm", "litellm.main:completion"),
        ("bedrock", "botocore.client:BaseClient._make_api_call"),
    ],
)
def test_clients_of_models_are_traced_where_they_are_called(tmp_path: Path, name: str, pattern: str) -> None:
    found = found_in(tmp_path, name)
    assert pattern in patterns(found)
    assert targets(found, "generation") == []


def test_a_client_that_is_imported_and_not_called_gets_no_rule(tmp_path: Path) -> None:
    assert patterns(scan(tmp_path, "import openai\nkey = openai.api_key\n")) == []


def test_hooks_into_libraries_that_are_missing_wait_for_them(tmp_path: Path) -> None:
    found = found_in(tmp_path, "semantic_kernel")
    missing = scan(tmp_path / "b", "import ollama\n\ndef ask(text):\n    return ollama.chat(model='m', messages=[])\n")
    assert 'when: \'package("ollama") >= "0"\'' in missing.proposal.rules[0].settings
    assert "not installed here" in missing.proposal.rules[0].head
    assert found.proposal.rules[0].head == "The tools"


def test_routes_and_commands_are_named_as_out_of_reach_and_http_is_used(tmp_path: Path) -> None:
    found = found_in(tmp_path, "servers")
    assert [(route.kind, route.name) for route in found.routes] == [
        ("route", "servers_app:chat"),
        ("command", "servers_app:serve"),
    ]
    assert "http" in [name for name, _ in found.proposal.uses]
    assert targets(found, "agent") == ["servers_app:ChatAgent.chat"]


def test_what_reads_frames_is_named_and_not_proposed(tmp_path: Path) -> None:
    found = found_in(tmp_path, "frames")
    assert [function.target for function in found.frames] == ["frames_app:who", "frames_app:TracerAgent.run"]
    assert found.candidates == ()
    assert "read their caller's frame" in write_registry(found)


@pytest.mark.parametrize("hook", [hook for framework in FRAMEWORKS for hook in framework.hooks])
def test_every_hook_is_made_of_patterns(hook: object) -> None:
    for alternatives in hook.match:  # type: ignore[attr-defined]
        for pattern in alternatives.split("|"):
            Pointcut.parse(pattern)
