"""What is read from a store: lists and searches, trees, critical paths, flows, and agents' figures."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.delivery.support import observation
from tests.viewer.conftest import EPOCH, Filled
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.recording.observation import Observation
from tracing_proxies.testing import Step, Workflow
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.critical_path import Interval, critical_path
from tracing_proxies.viewer.flow import read_flow
from tracing_proxies.viewer.perfetto import place_in_lanes, write_perfetto
from tracing_proxies.viewer.selection import Selection, SelectionError, read_selection
from tracing_proxies.viewer.spans import Brief, arrange, read_span, read_spans
from tracing_proxies.viewer.store import StoreUnreadable, newest_row, open_for_reading, tops_after, traces_after
from tracing_proxies.viewer.traces import read_choices, read_page
from tracing_proxies.viewer.tracing import read_store

NOW = EPOCH + 10**12


@pytest.fixture
def connection(filled: Filled) -> Iterator[sqlite3.Connection]:
    with open_for_reading(filled.path) as connection:
        yield connection


def written(path: Path, *records: Observation) -> Path:
    sink = LocalSink(path, retention_ns=10**30)
    assert sink.write(records).delivered == len(records)
    sink.close()
    return path


def read_all(connection: sqlite3.Connection, selection: Selection, **arguments: Any) -> list[str]:
    found: list[str] = []
    cursor = ""
    for _ in range(10_000):
        page = read_page(connection, selection, cursor, **arguments)
        found += [trace["id"] for trace in page["traces"]]
        cursor = page["cursor"]
        if cursor is None:
            return found
    raise AssertionError("there is no end to the pages")


def steps(workflow: Workflow) -> list[Step]:
    return list(workflow.root.walk())


SELECTIONS = {
    "everything": (Selection(), lambda w: True),
    "errors": (Selection(level="ERROR"), lambda w: w.failed),
    "warnings": (Selection(level="WARNING"), lambda w: any(s.level == "WARNING" for s in steps(w))),
    "agent": (Selection(agent="pricing_agent"), lambda w: any(s.name == "pricing_agent" for s in steps(w))),
    "no tool is an agent": (Selection(agent="calculate_optimal_price"), lambda w: False),
    "source": (Selection(source="promotion"), lambda w: w.trigger.source == "promotion"),
    "name": (Selection(name="simulation.stock_alert"), lambda w: w.trigger.kind == "stock_alert"),
    "session": (Selection(session="session-1"), lambda w: True),
    "another session": (Selection(session="session-2"), lambda w: False),
    "since": (Selection(since=EPOCH + 50 * 10**9), lambda w: w.trigger.at >= 50 * 10**9),
    "until": (Selection(until=EPOCH + 50 * 10**9), lambda w: w.trigger.at < 50 * 10**9),
    "text": (Selection(text="WOOL-scarf"), lambda w: "wool-scarf" in told(w)),
    "text with a wildcard": (Selection(text="wool%scarf"), lambda w: False),
    "text with another": (Selection(text="stock_alert"), lambda w: "stock_alert" in told(w)),
    "several": (
        Selection(level="ERROR", source="inventory", agent="pricing_agent"),
        lambda w: w.failed and w.trigger.source == "inventory" and any(s.name == "pricing_agent" for s in steps(w)),
    ),
}  # fmt: skip


def told(workflow: Workflow) -> str:
    return json.dumps([[s.name, s.status_message, s.input, s.output, s.metadata, s.rationale] for s in steps(workflow)])


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("arguments", [{}, {"size": 7}, {"budget": 0.0, "size": 3}], ids=["whole", "small", "hurried"])
def test_pages_hold_every_trace_that_is_meant_exactly_once_newest_first(
    connection: sqlite3.Connection, filled: Filled, name: str, arguments: dict[str, Any]
) -> None:
    selection, is_meant = SELECTIONS[name]
    meant = [w.trace_id for w in reversed(filled.workflows) if is_meant(w)]
    assert read_all(connection, selection, **arguments) == meant


def test_a_row_says_what_the_trace_came_to(connection: sqlite3.Connection, filled: Filled) -> None:
    rows = {trace["id"]: trace for trace in read_page(connection, Selection(), size=1000)["traces"]}
    for workflow in filled.workflows:
        row, all_steps = rows[workflow.trace_id], steps(workflow)
        assert (row["source"], row["intensity"]) == (workflow.trigger.source, workflow.trigger.intensity)
        assert (row["decision"], row["spans"]) == (workflow.decision, len(all_steps))
        assert row["errors"] == sum(step.error is not None for step in all_steps)
        assert row["agents"] == sorted({step.name for step in all_steps if step.type == "agent"})
        assert row["duration"] == pytest.approx(workflow.root.duration / 1e6)


def test_a_part_of_a_trace_that_another_process_began_is_no_trace_of_its_own(tmp_path: Path) -> None:
    top = observation(trace_id="aa", id="1", name="top")
    part = observation(trace_id="aa", id="2", parent_observation_id="1", name="in another process")
    alone = observation(trace_id="bb", id="3", parent_observation_id="elsewhere", name="from elsewhere")
    with open_for_reading(written(tmp_path / "store.db", top, part, alone)) as connection:
        assert sorted(row["name"] for row in read_page(connection, Selection())["traces"]) == ["from elsewhere", "top"]


def test_choices_are_those_that_occur(connection: sqlite3.Connection, filled: Filled) -> None:
    found = read_choices(connection, Selection())
    assert found["sources"] == sorted({w.trigger.source for w in filled.workflows})
    assert found["agents"] == ["inventory_agent", "pricing_agent", "promotion_agent"]
    assert found["sessions"] == ["session-1"]
    assert found["names"] == sorted({w.root.name for w in filled.workflows})


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"since": "-1"}, {"until": "9" * 30}, {"level": "FATAL"}, {"text": "x" * 201}]
)
def test_a_filter_that_is_none_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(SelectionError):
        read_selection(query)


def test_what_is_older_than_the_retention_cannot_be_asked_for() -> None:
    assert read_selection({"since": "5"}, oldest=7_000_000).since == 7_000_000
    assert read_selection({"since": "9"}, oldest=7_000_000).since == 9_000_000


def test_spans_stand_below_their_parents_in_the_order_of_their_starts(
    connection: sqlite3.Connection, filled: Filled
) -> None:
    for workflow in filled.workflows[:50]:
        spans = read_spans(connection, workflow.trace_id)
        assert [span.id for span in spans] == [step.span_id for step in steps(workflow)]
        by_id = {step.span_id: step for step in steps(workflow)}
        for span in spans:
            if span.parent >= 0:
                assert span.id in [child.span_id for child in by_id[spans[span.parent].id].children]
        full = read_span(connection, workflow.trace_id, spans[0].id)
        assert full is not None
        assert full["output"] == workflow.root.output


def test_a_trace_with_lost_parents_loops_and_great_depth_is_still_a_tree(tmp_path: Path) -> None:
    lost = observation(trace_id="t", id="lost", parent_observation_id="gone", start_time=EPOCH)
    own = observation(trace_id="t", id="own", parent_observation_id="own", start_time=EPOCH + 1)
    deep = [
        observation(trace_id="t", id=f"d{n}", parent_observation_id=f"d{n - 1}", start_time=EPOCH + 2 + n)
        for n in range(3000)
    ]
    with open_for_reading(written(tmp_path / "store.db", lost, own, *deep)) as connection:
        spans = read_spans(connection, "t")
    assert len(spans) == 3002
    assert [span.depth for span in spans[:2]] == [0, 0]
    assert spans[-1].depth == 2999


@st.composite
def trees(draw: st.DrawFn) -> list[Interval]:
    spans = [Interval(0, draw(st.integers(1, 1000)), -1)]
    for number in range(draw(st.integers(0, 12))):
        parent = draw(st.integers(0, number))
        start = draw(st.integers(-50, 1000))
        spans.append(Interval(start, start + draw(st.integers(0, 400)), parent))
    return spans


@given(trees())
@settings(max_examples=200)
def test_the_critical_path_adds_up_to_the_duration_of_the_top(spans: list[Interval]) -> None:
    path = critical_path(spans)
    assert sum(path.values()) == spans[0].end - spans[0].start
    assert all(own >= 0 for own in path.values())
    assert all(spans[position].parent in path or position == 0 for position in path)


def test_the_critical_path_goes_by_what_ended_last() -> None:
    spans = [Interval(0, 100, -1), Interval(10, 60, 0), Interval(20, 90, 0), Interval(30, 80, 2), Interval(5, 15, 0)]
    assert critical_path(spans) == {0: 10 + 5 + 5, 2: 20, 3: 50, 4: 10}


def test_a_flow_counts_every_step_between_agents(connection: sqlite3.Connection, filled: Filled) -> None:
    graph = read_flow(connection, Selection(), budget=60)
    assert graph["complete"]
    assert graph["traces"] == len(filled.workflows)
    nodes = {node["key"]: node for node in graph["nodes"]}
    assert {n["name"]: n["spans"] for n in nodes.values() if n["kind"] == "trigger"} == Counter(
        w.trigger.source for w in filled.workflows
    )
    calls = Counter(
        step.name for w in filled.workflows for step in steps(w) if step.type == "agent" and "make_" in step.target
    )
    assert {n["name"]: n["spans"] for n in nodes.values() if n["kind"] == "agent"} == calls
    messages = Counter(s.metadata["recipient"] for w in filled.workflows for s in steps(w) if "recipient" in s.metadata)
    edges = [edge for edge in graph["edges"] if edge["label"].endswith("_check")]
    assert Counter({nodes[e["target"]]["name"]: e["count"] for e in edges}) == messages
    assert all(0 <= edge["errors"] <= edge["count"] and edge["p50"] <= edge["p95"] for edge in graph["edges"])


def test_agents_figures_are_those_of_their_calls(connection: sqlite3.Connection, filled: Filled) -> None:
    found = {agent["name"]: agent for agent in read_agents(connection, Selection(), NOW, compare=False)["agents"]}
    for name, agent in found.items():
        calls = [s for w in filled.workflows for s in steps(w) if s.name == name and "make_" in s.target]
        durations = sorted(step.duration / 1e6 for step in calls)
        assert (agent["calls"], agent["failed"]) == (len(calls), sum(step.error is not None for step in calls))
        assert agent["p50"] == pytest.approx(durations[(len(durations) + 1) // 2 - 1])
        assert durations[0] <= agent["p95"] <= agent["p99"] <= durations[-1]
        used = Counter(
            child.name for w in filled.workflows for s in steps(w) if s.name == name
            for child in s.children if child.type == "tool"
        )  # fmt: skip
        assert {tool["name"]: tool["calls"] for tool in agent["tools"]} == used
        assert any(agent["confidence"])


def test_a_call_that_stands_for_others_counts_as_often(tmp_path: Path) -> None:
    ids = count(1)

    def call(milliseconds: int, weight: float, level: str = "DEFAULT") -> Observation:
        number = next(ids)
        end = EPOCH + number + milliseconds * 10**6
        place = {"trace_id": str(number), "id": str(number), "start_time": EPOCH + number, "end_time": end}
        return observation(name="agent", sampling_weight=weight, level=level, **place)

    path = written(tmp_path / "store.db", call(10, 9.0), call(100, 1.0, "ERROR"), call(20, 10.0))
    with open_for_reading(path) as connection:
        found = read_agents(connection, Selection(since=EPOCH, until=EPOCH + 60 * 10**9), NOW)
    (agent,) = found["agents"]
    assert agent["basis"] == "weights"
    assert (agent["seen"], agent["calls"], agent["failed"], agent["per_minute"]) == (3, 20.0, 1.0, 20.0)
    assert (agent["p50"], agent["p95"], agent["p99"]) == pytest.approx((20.0, 20.0, 100.0))


def test_a_time_is_compared_with_the_one_before(connection: sqlite3.Connection, filled: Filled) -> None:
    middle = EPOCH + 50 * 10**9
    found = read_agents(connection, Selection(since=middle, until=EPOCH + 100 * 10**9), NOW)
    assert found["compared"]
    before = read_agents(connection, Selection(since=EPOCH, until=middle), NOW)
    then = {agent["name"]: agent["calls"] for agent in before["agents"]}
    assert {agent["name"]: agent["before"]["calls"] for agent in found["agents"]} == then


def test_what_lies_in_a_lane_of_a_perfetto_file_is_nested(connection: sqlite3.Connection, filled: Filled) -> None:
    for workflow in filled.workflows[:40]:
        spans = read_spans(connection, workflow.trace_id)
        assert_nested(spans, place_in_lanes(spans))


PERFETTO = {
    "type": "object",
    "required": ["traceEvents", "displayTimeUnit"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ph", "name", "pid", "tid", "args"],
                "properties": {
                    "ph": {"enum": ["X", "M"]},
                    "name": {"type": "string"},
                    "pid": {"type": "integer"},
                    "tid": {"type": "integer"},
                    "args": {"type": "object"},
                },
                "if": {"properties": {"ph": {"const": "X"}}},
                "then": {
                    "required": ["ts", "dur", "cat"],
                    "properties": {"ts": {"type": "number", "minimum": 0}, "dur": {"type": "number", "minimum": 0}},
                },
                "else": {"properties": {"name": {"enum": ["process_name", "thread_name"]}}},
            },
        },
    },
}
"""The part of Chrome's trace event format that is written (docs.google.com, "Trace Event Format")."""


def test_a_perfetto_file_keeps_to_its_format_and_nanoseconds_as_they_are(
    connection: sqlite3.Connection, filled: Filled
) -> None:
    traces = {w.trace_id: read_spans(connection, w.trace_id) for w in filled.workflows[:3]}
    document = json.loads(write_perfetto(traces))
    jsonschema.Draft202012Validator(PERFETTO).validate(document)
    drawn = {event["args"]["span_id"]: event for event in document["traceEvents"] if event["ph"] == "X"}
    spans = [span for found in traces.values() for span in found]
    begin = min(span.start for span in spans)
    assert len(drawn) == len(spans)
    for span in spans:
        event = drawn[span.id]
        assert round(event["ts"] * 1e3) == span.start - begin
        assert round((event["ts"] + event["dur"]) * 1e3) == span.end - begin


@given(trees())
@settings(max_examples=100)
def test_lanes_are_nested_whatever_overlaps(intervals: list[Interval]) -> None:
    records = [
        observation(
            trace_id="t", id=str(n), parent_observation_id=None if i.parent < 0 else str(i.parent),
            start_time=EPOCH + i.start, end_time=EPOCH + i.end,
        )
        for n, i in enumerate(intervals)
    ]  # fmt: skip
    rows = sorted((record._asdict() | {"metadata": "{}"} for record in records), key=lambda row: row["start_time"])
    spans = arrange(rows)
    assert_nested(spans, place_in_lanes(spans))


def assert_nested(spans: list[Brief], lanes: list[int]) -> None:
    for a, lane in zip(spans, lanes, strict=True):
        for b, other in zip(spans, lanes, strict=True):
            if lane == other and a.start < b.start < a.end:
                assert b.end <= a.end


READERS: dict[str, Callable[[sqlite3.Connection, Workflow], object]] = {
    "list": lambda connection, workflow: read_page(connection, Selection()),
    "filtered list": lambda connection, workflow: read_page(
        connection, Selection(level="ERROR", agent="x", source="x", session="x", name="x", text="x", since=EPOCH)
    ),
    "next page": lambda connection, workflow: read_page(connection, Selection(level="WARNING"), f"{NOW}.1"),
    "choices": lambda connection, workflow: read_choices(connection, Selection()),
    "trace": lambda connection, workflow: read_spans(connection, workflow.trace_id),
    "span": lambda connection, workflow: read_span(connection, workflow.trace_id, workflow.root.span_id),
    "flow": lambda connection, workflow: read_flow(connection, Selection()),
    "agents": lambda connection, workflow: read_agents(connection, Selection(since=EPOCH), NOW),
    "all agents": lambda connection, workflow: read_agents(connection, Selection(), NOW, compare=False),
    "store": lambda connection, workflow: read_store(connection, Path("none")),
    "news": lambda connection, workflow: (
        newest_row(connection),
        traces_after(connection, 5),
        tops_after(connection, 5, Selection()),
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_no_query_goes_through_the_whole_store(connection: sqlite3.Connection, filled: Filled, name: str) -> None:
    asked: set[str] = set()
    connection.set_trace_callback(asked.add)
    READERS[name](connection, filled.workflows[0])
    connection.set_trace_callback(None)
    queries = [query for query in asked if query.lstrip().startswith("SELECT")]
    assert queries
    allowed = r"SCAN spans USING .*INDEX .*" if name == "store" else r"SCAN (called|sqlite_master|.*subquery.*)"
    for query in queries:
        plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        scans = [step for step in plan if step.startswith("SCAN ")]
        assert not [step for step in scans if not re.fullmatch(allowed, step)], (query, plan)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    sqlite3.connect(path).execute("CREATE TABLE spans (x)").connection.close()
    with pytest.raises(StoreUnreadable, match="is not a store of traces"), open_for_reading(path):
        pass


def test_nothing_can_be_written_through_it(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM spans")
