"""`report`, `show` and `tail`, run as a user runs them; and the report in a browser."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from playwright.sync_api import Browser, expect

from tests.delivery.support import observation
from tests.viewer.conftest import EPOCH, Filled
from tests.viewer.test_page import opened, visit
from tracing_proxies.cli.main import commands
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.testing import fill_store, workflows
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.markdown import escape
from tracing_proxies.viewer.report import LARGEST, make_report
from tracing_proxies.viewer.store import open_for_reading

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")


def run(folder: Path, *arguments: str) -> Result:
    """Run a command in a folder, in this process: starting one for each would take most of the tests' time."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(commands, arguments, prog_name="tracing-proxies")
    finally:
        os.chdir(before)


def test_a_report_of_a_hundred_traces_is_one_small_file_for_its_owner(filled: Filled, tmp_path: Path) -> None:
    done = run(tmp_path, "report", "--store", str(filled.path), "-o", "out.html")
    assert done.exit_code == 0, done.stderr
    assert "out.html: 100 traces" in done.stdout
    file = tmp_path / "out.html"
    assert file.stat().st_size < LARGEST
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.findall(r"(?:src|href)=\"([^\"]+)\"", file.read_text("utf-8")) == ["data:,"]


def test_a_report_shows_what_the_page_shows(browser: Browser, filled: Filled, tmp_path: Path) -> None:
    run(tmp_path, "report", "--store", str(filled.path), "-o", "out.html")
    shown = filled.workflows[-100:]
    workflow = next(w for w in reversed(shown) if w.failed)
    with opened(browser, (tmp_path / "out.html").as_uri()) as page:
        expect(page.locator("tbody tr")).to_have_count(100)
        expect(page.locator("header .line")).to_contain_text("report, made")
        page.get_by_label("Level").select_option("ERROR")
        expect(page.locator("tbody tr")).to_have_count(sum(w.failed for w in shown))
        page.get_by_label("Text").fill("wool-scarf")
        page.get_by_label("Text").press("Enter")
        both = [w for w in shown if w.failed and "wool-scarf" in str([[s.input, s.output] for s in w.root.walk()])]
        expect(page.locator("tbody tr")).to_have_count(len(both))
        visit(page, f"trace/{workflow.trace_id}")
        page.get_by_role("button", name="Next error").click()
        expect(page.get_by_role("complementary").locator("section.bad h3")).to_have_text("Error")
        for view in ("flow", f"flow/{workflow.trace_id}"):
            visit(page, view)
            expect(page.locator("svg.graph")).to_be_visible()
        visit(page, "agents")
        expect(page.locator("article")).to_have_count(3)
        visit(page, "tracing")
        expect(page.locator("main")).to_contain_text("as it was when the report was made")


def test_a_report_that_would_be_too_large_cuts_payloads_and_then_leaves_out_traces(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sink = LocalSink(path, retention_ns=10**30)
    noise = [bytes(range(33 + n, 126)).decode() * 3000 for n in range(8)]
    sink.write([observation(trace_id=f"t{n}", output=json.dumps(f"{n}{text}")) for n, text in enumerate(noise)])
    sink.close()
    with open_for_reading(path) as connection:
        ids = [f"t{n}" for n in range(8)]
        whole = make_report(connection, ids, Surroundings(path), EPOCH)
        least = len(make_report(connection, ids[:1], Surroundings(path), EPOCH, largest=1).encode())
        for largest in (least + 6000, least + 1500):
            assert len(make_report(connection, ids, Surroundings(path), EPOCH, largest=largest).encode()) <= largest
    assert len(whole.encode()) < LARGEST


def test_one_trace_is_named_by_the_beginning_of_its_id(filled: Filled, tmp_path: Path) -> None:
    workflow = filled.workflows[5]
    shown = run(tmp_path, "show", workflow.trace_id[:10], "--store", str(filled.path))
    assert shown.exit_code == 0, shown.stderr
    assert workflow.trace_id in shown.stdout
    assert f"chain {workflow.root.name}" in shown.stdout
    assert "\x1b" not in shown.stdout
    last = run(tmp_path, "show", "--store", str(filled.path)).stdout
    assert filled.workflows[-1].trace_id in last
    none = run(tmp_path, "show", "nothing", "--store", str(filled.path))
    assert none.exit_code == 1
    assert "there is no trace 'nothing'" in none.stderr


def test_the_last_trace_is_the_newest_that_is_more_than_a_single_event(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sink = LocalSink(path, retention_ns=10**30)
    top = observation(trace_id="a" * 32, name="workflow", start_time=1, end_time=9)
    below = observation(trace_id="a" * 32, name="step", parent_observation_id=top.id, app_root=False, start_time=2)
    later = observation(trace_id="b" * 32, name="engine.stop", type="event", start_time=20, end_time=21)
    assert sink.write([top, below, later]).delivered == 3
    assert "workflow" in run(tmp_path, "show", "--store", str(path)).stdout
    assert "engine.stop" in run(tmp_path, "show", "b", "--store", str(path)).stdout
    sink.close()


@pytest.mark.parametrize(("kind", "ending"), [("markdown", "md"), ("perfetto", "json")])
def test_other_formats_hold_the_same_traces(filled: Filled, tmp_path: Path, kind: str, ending: str) -> None:
    done = run(tmp_path, "report", "--store", str(filled.path), "--limit", "5", "--format", kind)
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / f"report.{ending}").read_text("utf-8")
    for workflow in filled.workflows[-5:]:
        assert workflow.trace_id in text
    if kind == "perfetto":
        spans = sum(1 for w in filled.workflows[-5:] for _ in w.root.walk())
        assert sum(event["ph"] == "X" for event in json.loads(text)["traceEvents"]) == spans


def test_since_leaves_out_what_is_older(filled: Filled, tmp_path: Path) -> None:
    done = run(tmp_path, "report", "--store", str(filled.path), "--since", "1s")
    assert done.exit_code == 1
    assert "there is no trace in" in done.stderr
    assert run(tmp_path, "report", "--store", str(filled.path), "--since", "soon").exit_code == 2


def test_hostile_text_is_no_markdown_and_steers_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    hostile = "| [x](javascript:y) <script>`` \x1b[2J\n# title"
    sink = LocalSink(path, retention_ns=10**30)
    sink.write([observation(name=hostile, type="agent", status_message=hostile, level="ERROR", model=hostile)])
    sink.close()
    text = run(tmp_path, "report", "--store", str(path), "--format", "markdown", "-o", "-").stdout
    table = next(line for line in text.splitlines() if "javascript" in line)
    assert re.sub(r"\\\\.", "", table).count("|") - table.count(r"\|") == 7
    assert r"\[x\]\(javascript:y\) &lt;script&gt;" in table
    assert "\n```text\n" in text
    assert "\x1b" not in run(tmp_path, "show", "--store", str(path)).stdout
    assert escape("a\n# b") == r"a \# b"


def test_tail_draws_each_trace_as_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    stream = workflows(5, rate=1.0)
    first = list(islice(stream, 2))
    fill_store(path, first, epoch=EPOCH)
    command = [PROGRAM, "tail", "-n", "1", "--store", str(path)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(40, process.kill)  # a command that draws nothing must not hold up all tests
        watchdog.start()
        seen = read_until(process.stdout, first[1].trace_id)
        assert first[0].trace_id not in seen
        fill_store(path, second := list(islice(stream, 2)), epoch=EPOCH)
        seen = read_until(process.stdout, second[1].trace_id)
        assert second[0].trace_id in seen
        process.terminate()
        watchdog.cancel()


def write_trace(path: Path, number: int, name: str, agent: str, level: str = "DEFAULT") -> str:
    """Write a trace of two spans; of a level the inner one is, and it has a long message then."""
    trace_id = f"{number:032x}"
    message = "the supplier has not answered within the time that the order allows" if level != "DEFAULT" else None
    top = observation(trace_id=trace_id, id=f"{number:016x}", name=name, type="chain", trace_name=name)
    inner = {"parent_observation_id": top.id, "name": agent, "level": level, "status_message": message}
    sink = LocalSink(path, retention_ns=10**30)
    sink.write([observation(trace_id=trace_id, app_root=False, trace_name=name, **inner), top])
    sink.close()
    return trace_id


def test_tail_shows_what_is_asked_for_with_one_line_of_80_columns_for_each_span(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    sale = write_trace(path, 1, "sale", "pricing_agent_with_a_very_long_name_of_its_own")
    order = write_trace(path, 2, "order", "stock", "ERROR")
    failed = write_trace(path, 3, "sale", "stock", "WARNING")

    def shown(*options: str) -> list[str]:
        done = run(tmp_path, "tail", "-n", "9", "--no-follow", "--store", str(path), *options)
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert all(len(part.splitlines()) == 3 for part in done.stdout.split("\n\n") if part)
        return [trace for trace in (sale, order, failed) if trace in done.stdout]

    assert shown() == [sale, order, failed]
    assert shown("--level", "ERROR") == [order]
    assert shown("--level", "WARNING") == [failed]
    assert shown("--agent", "stock") == [order, failed]
    assert shown("--name", "sale") == [sale, failed]
    assert shown("--name", "sale", "--agent", "stock") == [failed]


def test_tail_follows_only_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = write_trace(path, 1, "sale", "pricing", "ERROR")
    command = [PROGRAM, "tail", "-n", "1", "--level", "ERROR", "--store", str(path)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(40, process.kill)
        watchdog.start()
        read_until(process.stdout, first)
        other, wrong = write_trace(path, 2, "sale", "pricing"), write_trace(path, 3, "sale", "pricing", "ERROR")
        assert other not in read_until(process.stdout, wrong)
        process.terminate()
        watchdog.cancel()


def read_until(lines: Iterator[str], text: str) -> str:
    seen = ""
    for line in lines:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text} was not drawn: {seen}")


def test_a_missing_store_is_told_in_plain_words(tmp_path: Path) -> None:
    for command in ("report", "show"):
        done = run(tmp_path, command, "--store", "nothing.db")
        assert done.exit_code == 1
        assert "there is no store at" in done.stderr
        assert "Traceback" not in done.stderr
