"""Every block of the guides is run as a reader would, or says which test runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs_pages.blocks import ROOT, Block, Walk, blocks_of, pattern_of
from tracing_proxies.viewer.store import open_for_reading, read_trace

GUIDES = ROOT / "docs" / "guides"
AGENT = GUIDES / "adding-an-agent.md"
STARTED = ROOT / "docs" / "getting-started.md"
PAGES = [STARTED, *(page for page in sorted(GUIDES.glob("*.md")) if page != AGENT)]
OTHERS = [
    ROOT / "examples" / "retail" / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if not page.name.endswith(".template.md")),
]
OTHERS = [page for page in OTHERS if page.name not in ("getting-started.md", "troubleshooting.md", "commands.md")]
_WRITTEN = re.compile(r"yaml(?: (?:part|dashboard|prometheus|wrong TP\d+))?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for block in blocks_of(page.read_text("utf-8")):
        walk.take(block)


def test_the_fourth_agent_is_traced_by_yaml_alone_with_its_tools(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for block in blocks_of(AGENT.read_text("utf-8")):
        walk.take(block)
    assert not re.search("trac(e|ing)|span", (tmp_path / "supplier_agent.py").read_text("utf-8"))
    with open_for_reading(tmp_path / ".tracing_proxies" / "traces.db") as connection:
        traces = [
            row[0]
            for row in connection.execute("SELECT trace_id FROM observations GROUP BY 1 ORDER BY min(start_time)")
        ]
        rows = read_trace(connection, traces[-2]) + read_trace(connection, traces[-1])
    agents = [row for row in rows if row["type"] == "agent" and row["parent_observation_id"] is None]
    assert [(row["name"], row["metadata"]["outcome.decision"]) for row in agents] == [
        ("supplier_agent", "learn"),
        ("supplier_agent", "no_action"),
    ]
    tools = {(row["trace_id"], row["name"]): row for row in rows if row["type"] == "tool"}
    assert {name for _, name in tools} == {"request_quote", "rate_supplier"}
    assert len(tools) == 4
    for (trace, _), tool in tools.items():
        [above] = [row for row in rows if row["id"] == tool["parent_observation_id"]]
        assert (above["trace_id"], above["type"], above["name"]) == (trace, "agent", "supplier_agent")
    quoted, refused = (tools[row["trace_id"], "request_quote"] for row in agents)
    assert (quoted["level"], quoted["metadata"]["outcome.unit_price"]) == ("DEFAULT", 4.2)
    assert (refused["level"], refused["input"]["quantity"]) == ("ERROR", 4000)


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.stem)
def test_a_block_that_no_walk_comes_by_is_a_registry_or_names_the_test_that_checks_it(
    page: Path, tmp_path: Path
) -> None:
    for block in blocks_of(page.read_text("utf-8")):
        if not _WRITTEN.fullmatch(block.mark):
            assert " checked by " in block.mark or block.mark == "text drawing", f"{page.name}:{block.line}"
            Walk(tmp_path).take(block)


def test_what_the_readme_says_of_an_unknown_application_is_so(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for block in blocks_of(STARTED.read_text("utf-8"))[:3]:
        walk.take(block)
    readme = blocks_of((ROOT / "README.md").read_text("utf-8"))
    [scanning] = [block for block in readme if "tracing-proxies scan" in block.text]
    walk.take(scanning)
    assert re.search(r"^traces\s+2$", walk.printed, re.M)


def test_the_readmes_registry_and_its_lines_of_python_trace_an_application(tmp_path: Path) -> None:
    blocks = blocks_of((ROOT / "README.md").read_text("utf-8"))
    [registry] = [block.text for block in blocks if block.mark == "yaml"]
    activating, serving, capturing = (block.text for block in blocks if block.mark == "python")
    (tmp_path / "registry.yaml").write_text(registry)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "agents.py").write_text(
        "class Agent:\n    name = 'clerk'\n\n"
        "class Clerk(Agent):\n    def run(self, task):\n        return {'status': 'done'}\n"
    )
    application = "async def app(scope, receive, send): ...\n"
    program = f"{activating}\nfrom shop.agents import Clerk\nagent = Clerk()\n{application}{serving}{capturing}"
    walk = Walk(tmp_path)
    walk.take(Block("python program.py", program, 1))
    walk.take(Block("sh", "python program.py\n", 1))


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("sh", "false\n"),
        ("sh exits 3", "exit 4\n"),
        ("sh", "pip install something-else\n"),
        ("sh checked by tests/docs_pages/blocks.py", "tracing-proxies nosuchcommand\n"),
        ("python checked by tests/docs_pages/blocks.py", "from tracing_proxies.testing import nosuchname\n"),
        ("text checked by tests/docs_pages/blocks.py", "nowhere_to_be_found\n"),
        ("text", "never printed\n"),
        ("python", "print(1)\n"),
        ("json", "{}\n"),
        ("", "anything\n"),
    ],
)
def test_a_block_that_fails_or_that_nobody_runs_is_found(mark: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Walk(tmp_path).take(Block(mark, text, 1))


def test_what_is_shown_may_differ_in_its_fractions_and_in_nothing_else() -> None:
    shown = "chain handle  1.5 ms  → sent\n…\ntraces  2\n"
    assert re.search(pattern_of(shown), "chain handle  27.0 ms  → sent\n├── x\n├── y\ntraces    2\n")
    assert not re.search(pattern_of(shown), "chain handle  27.0 ms  → lost\n├── x\ntraces    2\n")
    assert not re.search(pattern_of(shown), "chain handle  27.0 ms  → sent\n├── x\ntraces    1\n")
