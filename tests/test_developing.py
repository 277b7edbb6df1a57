"""What the page for developers says is so: its template traces a framework, and its table is the house."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import tracing_proxies
from tests.registry.writing import as_json
from tests.test_layers import ORDER
from tracing_proxies.registry.schema import schema_of_preset
from tracing_proxies.testing import capture_spans, registry_from

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "developing.md").read_text("utf-8")
TEMPLATE = ROOT / "docs" / "adapter" / "acme_agents.yaml"
FRAMEWORK = {
    "__init__": "",
    "tools": """
class Tool:
    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, arguments):
        try:
            return {"status": "done", "value": self.function(**arguments)}
        except Exception as error:
            return {"status": "error", "message": str(error)}
""",
    "models": """
class Model:
    def complete(self, messages):
        raise NotImplementedError
""",
    "agent": """
class Agent:
    def __init__(self, name, model, tool):
        self.name, self.model, self.tool = name, model, tool

    def run(self, task):
        thought = self.model.complete([task])
        done = [self.tool({"count": 2}), self.tool({"count": 0})]
        return {"answer": thought["text"], "decision": "order", "steps": done}
""",
}
APPLICATION = """
from acme_agents.agent import Agent
from acme_agents.models import Model
from acme_agents.tools import Tool


class Scripted(Model):
    model_id = "scripted-1"

    def complete(self, messages):
        return {"text": "two", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


class Buyer(Agent):
    def run(self, task):
        return super().run(task)


def work():
    return Buyer("buyer", Scripted(), Tool("share", lambda count: 10 // count)).run("how many?")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework, and the template as the preset that a distribution of its own brings for it."""
    framework = tmp_path / "acme_agents"
    presets = tmp_path / "acme_presets"
    for folder, entry_points in (
        (framework, ""),
        (presets, "[tracing_proxies.adapters]\nacme_agents = acme_presets\n"),
    ):
        folder.mkdir()
        told = tmp_path / f"{folder.name}-2.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {folder.name.replace('_', '-')}\nVersion: 2.0\n")
        (told / "entry_points.txt").write_text(entry_points)
    for name, source in FRAMEWORK.items():
        (framework / f"{name}.py").write_text(source)
    (presets / "__init__.py").write_text("")
    shutil.copy(TEMPLATE, presets / "acme_agents.yaml")
    (tmp_path / "acme_application.py").write_text(APPLICATION)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


@pytest.mark.usefixtures("installed")
def test_the_template_traces_a_framework_as_it_stands(tmp_path: Path) -> None:
    text = f"version: 1\nuse: [acme_agents]\nexport: {{ local: {{ path: '{tmp_path / 'traces.db'}' }} }}\n"
    with capture_spans() as spans:
        tracing_proxies.activate(registry_from(text), strict=True)
        try:
            import acme_application

            assert acme_application.work()["answer"] == "two"
            tracing_proxies.flush(10.0)
        finally:
            tracing_proxies.deactivate()
    found = {(span.type, span.name): span for span in spans if span.type != "tool"}
    assert set(found) == {("agent", "buyer"), ("generation", "Scripted.complete")}
    agent, generation = found["agent", "buyer"], found["generation", "Scripted.complete"]
    assert (agent.input, agent.output) == ("how many?", "two")
    assert agent.metadata["outcome.decision"] == "order"
    assert agent.metadata["steps"] == 2
    assert (generation.input, generation.output, generation.model) == ({"messages": ["how many?"]}, "two", "scripted-1")
    assert generation.usage == {"input": 7, "output": 3}
    done, failed = (span for span in spans if span.type == "tool")
    assert (done.name, done.input, done.output, done.level) == ("share", {"count": 2}, 5, "DEFAULT")
    assert (failed.level, failed.status_message) == ("ERROR", "integer division or modulo by zero")
    assert {span.parent_id for span in (generation, done, failed)} == {agent.span_id}


def test_the_template_fits_the_schema_of_presets() -> None:
    schema = Draft202012Validator(schema_of_preset())
    assert list(schema.iter_errors(as_json(TEMPLATE.read_text("utf-8")))) == []


def test_the_table_of_rooms_is_the_order_of_imports() -> None:
    table = PAGE.partition("<!-- rooms -->")[2].partition("<!-- end of rooms -->")[0]
    told = {
        room: int(floor)
        for floor, rooms in re.findall(r"^\| (\d+) (\| .*) \|$", table, re.MULTILINE)
        for room in re.findall(r"(?:\||,|·) `(\w+)`", rooms)
    }
    assert told == {room: floor for room, floor in ORDER.items() if room}


@pytest.mark.parametrize("page", ["docs/developing.md", "docs/versioning.md", "SECURITY.md", "docs/mutants.md"])
def test_every_target_and_file_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    for path in re.findall(r"`((?:tests|tracing_proxies|docs|adapters)/[\w/.-]*)`", text):
        assert (ROOT / path).exists() or "NAME" in path, path
