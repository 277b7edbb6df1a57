"""No source, however odd, makes a scan raise or propose what the loader refuses."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.scanning.support import load, plant, scan, targets
from tracing_proxies.scanning.survey import survey
from tracing_proxies.scanning.writing import write_registry


@pytest.mark.parametrize(
    "source",
    [
        "class AAgent(BAgent):\n    def run(self): return 1\nclass BAgent(AAgent):\n    def run(self): return 2\n",
        "class MyAgent(MyAgent):\n    def run(self): return 1\n",
        "class MyAgent(app.MyAgent):\n    def run(self): return 1\n",
        "from app import MyAgent\nclass MyAgent(MyAgent):\n    def run(self): return 1\n",
        "MyAgent = MyAgent\nclass MyAgent:\n    def run(self): return self.run()\n",
    ],
    ids=["each other", "itself", "itself by module", "its own import", "its own value"],
)
def test_circular_inheritance_ends(tmp_path: Path, source: str) -> None:
    found = scan(tmp_path, source)
    assert found.files == 1
    load(found)


def test_circular_imports_end(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        {
            "a.py": "from b import *\nfrom b import Base\nclass AAgent(Base):\n    def run(self): return 1\n",
            "b.py": "from a import *\nfrom a import Base\nfrom c import Base\n",
            "c.py": "from b import Base\nimport a as b\nclass CAgent(b.AAgent):\n    def run(self): return 2\n",
        },
    )
    assert targets(found, "agent") == ["a:AAgent.run", "c:CAgent.run"]
    load(found)


def test_methods_that_call_each_other_end(tmp_path: Path) -> None:
    found = scan(
        tmp_path,
        "class MyAgent:\n    def run(self): return self.act()\n    def act(self): return self.run()\n",
    )
    assert targets(found, "agent")


def test_thousands_of_classes_take_no_quadratic_time(tmp_path: Path) -> None:
    chain = "class A0Agent:\n    def run(self): return 0\n" + "".join(
        f"class A{i}Agent(A{i - 1}Agent):\n    def run(self): return {i}\n" for i in range(1, 300)
    )
    flat = "".join(f"class B{i}Tool:\n    def execute(self): return {i}\n" for i in range(3_000))
    found = scan(tmp_path, {"chain.py": chain, "flat.py": flat})
    assert len(found.candidates) == 3_300
    assert len(found.proposal.rules) == 2
    load(found)


@pytest.mark.parametrize(
    "name", ["näme", "日本", "a b", "class", "o'clock", 'quo"te', "a#b", "a: b", "\x07bell", "new\nline"]
)
def test_names_of_files_and_folders_do_no_harm(tmp_path: Path, name: str) -> None:
    source = "class MyAgent:\n    def run(self): return 1\n"
    found = scan(tmp_path, {f"{name}/__init__.py": "", f"{name}/app.py": source, f"{name}.py": source})
    assert targets(found, "agent")
    load(found)


def test_unicode_identifiers_are_traced_by_the_name_that_python_gives_them(tmp_path: Path) -> None:
    found = scan(
        tmp_path, "class ﬁnderAgent:\n    def run(self): return 1\n\nclass 日本Agent:\n    def run(self): return 1\n"
    )
    assert targets(found, "agent") == ["app:finderAgent.run", "app:日本Agent.run"]
    load(found)


NAMES = st.sampled_from(
    "Agent MyAgent BaseAgent Orchestrator Workflow ChatModel LLM SearchTool TaskHandler Environment run step act "
    "handle process_order make_decision make_price_decision query execute main coordinate session_id email tool "
    "tools agents model env self cls strands smolagents openai x y ﬁ 日本 _private __call__ __init__".split()
)
DOTTED = st.lists(NAMES, min_size=1, max_size=3).map(".".join)


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    kinds = ["import", "from", "assign", "call", "return", "loop", "junk"]
    kinds += ["class", "def", "async", "while", "decorated"] if depth < 4 else []
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind, a, b = draw(st.sampled_from(kinds)), draw(NAMES), draw(DOTTED)
        inner = ["    " + line for line in draw(blocks(depth + 1))] if kind in kinds[7:] else []
        lines += {
            "import": [f"import {b}"],
            "from": [f"from {draw(st.sampled_from(['', '.', '..']))}{b} import {draw(st.sampled_from(['*', a]))}"],
            "assign": [f"{b} = {a}({a}, tools=[{b}])"],
            "call": [f"{b}({a})"],
            "return": [f'return {{"status": "failed", "{a}": {b}}}'],
            "loop": [f"[{b}({a}) for {a} in {b}]"],
            "junk": [draw(st.text(max_size=20))],
            "class": [f"class {a}({b}):", *inner],
            "def": [f"def {a}(self, {draw(NAMES)}: {b} = None) -> '{b}':", *inner],
            "async": [f"async def {a}(self):", *inner],
            "while": [f"while {draw(st.sampled_from(['True', b]))}:", *inner],
            "decorated": [f"@{b}", f"def {a}({draw(NAMES)}):", *inner],
        }[kind]
    return lines


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(blocks().map("\n".join), min_size=1, max_size=3), st.data())
def test_a_scan_never_raises_and_what_it_proposes_passes_the_loader(sources: list[str], data: st.DataObject) -> None:
    files: dict[str, str | bytes] = {}
    for source in sources:
        name = data.draw(st.lists(NAMES, min_size=1, max_size=3).map("/".join))
        files[f"{name}_.py"] = source.encode("utf-8", "surrogatepass")
    with tempfile.TemporaryDirectory() as folder:
        found = survey([plant(Path(folder), files)])
        load(found)
        assert write_registry(found) == write_registry(survey([Path(folder)]))


@settings(max_examples=examples(40))
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_reported(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = survey([plant(Path(folder), {"app.py": content})])
        assert found.files + len(found.unread) == 1
        load(found)
