"""The benchmarks do what their names say, and the page on performance says what they have measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.performance import TEMPLATE, Page, microseconds, read_tables
from perf.__main__ import describe, tabulate
from perf.peers.__main__ import Unavailable, lines_of, measure
from perf.peers.tools import TOOLS
from perf.test_options import OPTIONS
from perf.turns import Rounds

ROOT = Path(__file__).parent.parent
PERF = ROOT / "perf"
SOURCES = ("report.json", "peers.json", "load.json", "throughput.md", "outage.md")
MEASURED = {"date": "2030-01-31", "python": "3.11.7", "wrapt": "2.5", "cores": 2, "load": 0.1, "rounds": 1}


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A copy of the reports, to be changed."""
    for name in SOURCES:
        shutil.copy(PERF / name, tmp_path / name)
    return tmp_path


def change(path: Path, table: str, case: str, **values: Any) -> None:
    report = json.loads(path.read_text())
    (row,) = (row for row in report[table] if row["case"] == case)
    row.update(values)
    path.write_text(json.dumps(report))


def test_every_benchmark_measures_what_it_is_called() -> None:
    command = [sys.executable, "-m", "pytest", "perf", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run([*command, "--deselect", "perf/test_calls.py::test_langfuse_observe"], cwd=ROOT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["left out by the budget", "captured", "OpenTelemetry, unsampled", "OpenTelemetry"])
def test_a_tool_is_measured_beside_plain_calls_in_a_process_of_its_own(name: str) -> None:
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    row = measure(tool, Path(sys.executable), 2)
    assert row["tool"] == name
    assert row["plain_ns"] > 0
    assert row["version"]


def test_a_tool_that_is_not_there_is_named_with_the_reason() -> None:
    (tool,) = (tool for tool in TOOLS if tool.name == "LangSmith")
    with pytest.raises(Unavailable, match="No module named 'langsmith'"):
        measure(tool, Path(sys.executable), 2)
    missing = [{"tool": "LangSmith", "reason": "no such distribution"}]
    page = "\n".join(lines_of({"measured": MEASURED, "tools": [], "missing": missing}))
    assert "Not measured: LangSmith: no such distribution" in page


def test_overheads_are_above_the_plain_call_of_the_same_kind() -> None:
    def case(name: str, group: str, microseconds_each: float, **facts: Any) -> dict[str, Any]:
        told = {"case": name, "title": name, "worker_ns": 0.0, **facts}
        return {"group": group, "stats": {"q1": microseconds_each * 1e-4}, "extra_info": told}

    tables = tabulate(
        [
            case("plain_call", "calls", 1.0),
            case("bare_wrapt_proxy", "calls", 2.0),
            case("woven_captured", "calls", 6.0),
            case("plain_generator_10", "plain", 4.0),
            case("generator_10", "options", 24.0, plain="plain_generator_10"),
        ]
    )
    assert [row["times_bare_proxy"] for row in tables["calls"]] == [0.0, 1.0, 5.0]
    (row,) = tables["options"]
    assert (row["overhead_ns"], row["times_bare_proxy"], row["more_ns"]) == (20_000.0, 20.0, 15_000.0)


def test_figures_of_a_busy_machine_are_called_provisional() -> None:
    assert "provisional" not in describe(MEASURED)
    assert "provisional" in describe({**MEASURED, "load": 1.5})


def test_the_page_has_every_option_and_every_tool() -> None:
    page = Page().text()
    assert [option.title for option in OPTIONS if f"| {option.title} |" not in page] == []
    assert [tool.name for tool in TOOLS if tool.name not in page] == []
    assert "{{" not in page


def test_no_figure_of_a_duration_is_written_by_hand() -> None:
    assert re.findall(r"\d µs", TEMPLATE.read_text("utf-8")) == []


def test_a_figure_that_has_changed_changes_the_page(reports: Path) -> None:
    before = Page(reports).text()
    change(reports / "report.json", "calls", "woven_unrecorded_root", overhead_ns=1_234_500.0)
    after = Page(reports).text()
    assert "1,200 for the first call of a trace" in after
    assert "1,200 for the first call of a trace" not in before


def test_a_knob_that_does_not_help_is_not_recommended(reports: Path) -> None:
    change(reports / "report.json", "calls", "woven_skeleton", overhead_ns=1e9)
    with pytest.raises(ValueError, match="woven_skeleton is not below woven_captured"):
        Page(reports).text()


def test_the_readme_needs_a_place_for_the_costs() -> None:
    with pytest.raises(ValueError, match="one place"):
        Page().readme("# A page\n")


def test_durations_have_the_digits_that_they_are_measured_to() -> None:
    assert [microseconds(value) for value in (-20, 379.2, 4_652, 18_335, 203_672)] == ["0", "0.4", "4.7", "18", "200"]


def test_tables_are_read_by_their_headings() -> None:
    text = "# Page\n\n| a | b c |\n|---|---|\n| 1 | x |\n| 2 |  |\n\nMore.\n\n| d |\n|---|\n| 3 |\n"
    assert read_tables(text) == [[{"a": "1", "b c": "x"}, {"a": "2", "b c": ""}], [{"d": "3"}]]


def launched(*times: float) -> list[list[dict[str, Any]]]:
    """What a program told that was launched as often, for ten rounds, with one response time in each launch."""
    return [[{"times": [one] * 6, "cpu": one}] * 10 for one in times]


def test_how_much_slower_a_program_is_holds_for_launches_that_were_not_made() -> None:
    rounds = Rounds({"plain": launched(0.1, 0.1, 0.1, 0.1), "traced": launched(0.1, 0.12, 0.14, 0.16)})
    for found in rounds.describe("traced", "plain")["slower"].values():
        assert found["from"] <= 0.21  # had the slow launches not been made
        assert found["to"] >= 0.49


def test_a_machine_that_is_busy_for_some_rounds_makes_no_program_slower_than_another() -> None:
    def ran(share: float) -> list[list[dict[str, Any]]]:
        speeds = [1.0, 3.0, 1.0, 1.2, 9.0, 1.0]
        return [[{"times": [share * speed * (1 + n) for n in range(20)], "cpu": 1.0} for speed in speeds]] * 3

    for found in Rounds({"plain": ran(0.1), "traced": ran(0.104)}).describe("traced", "plain")["slower"].values():
        assert list(found.values()) == pytest.approx([0.04] * 3)


def test_programs_that_are_alike_in_each_launch_differ_in_none() -> None:
    rounds = Rounds({"plain": launched(0.1, 0.2, 0.3), "traced": launched(0.11, 0.22, 0.33)})
    told = rounds.describe("traced", "plain")
    assert told["triggers"] == 180
    assert told["median"] == pytest.approx(220)
    assert told["cpu"] == pytest.approx(1e3 * 0.22 / 6)
    for found in told["slower"].values():
        assert list(found.values()) == pytest.approx([0.1] * 3)
