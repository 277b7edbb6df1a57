"""What each agent did over a time: how fast, how well, how often, with which tools, how sure of itself."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.viewer.exact import Calls, read_exact
from tracing_proxies.viewer.selection import Selection

_MOST_CALLS: Final = 2_000
_BUCKETS: Final = 24
_CONFIDENCE: Final = "CASE WHEN json_valid(s.metadata) THEN json_extract(s.metadata, '$.\"outcome.confidence\"') END"
# An agent's own loop is often an agent of the same name: the outer call stands for both.
_CALLS: Final = f"""
SELECT s.name, s.start_time, s.end_time, s.level, s.sampling_weight, {_CONFIDENCE} AS confidence
FROM spans s LEFT JOIN spans p ON p.trace_id = s.trace_id AND p.id = s.parent_observation_id
WHERE s.type = 'agent' AND s.start_time >= ? AND s.start_time < ?
AND (p.type IS NULL OR p.type <> 'agent' OR p.name <> s.name)
ORDER BY s.start_time DESC LIMIT {_MOST_CALLS}
"""
# A framework's span for a tool and that of the tool itself are one call.
_TOOLS: Final = f"""
SELECT t.name, t.start_time, t.end_time, t.level, t.sampling_weight, CASE WHEN p.type = 'agent' THEN p.name END AS agent
FROM spans t LEFT JOIN spans p ON p.trace_id = t.trace_id AND p.id = t.parent_observation_id
WHERE t.type = 'tool' AND t.start_time >= ? AND t.start_time < ?
AND (p.type IS NULL OR p.type <> 'tool' OR p.name <> t.name)
ORDER BY t.start_time DESC LIMIT {_MOST_CALLS}
"""


@attrs.define
class _Calls:
    """Recorded calls of one name; durations in nanoseconds, each with its weight."""

    durations: list[tuple[int, float]] = attrs.field(factory=list)
    weight: float = 0.0
    failed: float = 0.0
    confidences: list[tuple[int, float]] = attrs.field(factory=list)

    def add(self, row: sqlite3.Row) -> None:
        weight = row["sampling_weight"]
        self.durations.append((row["end_time"] - row["start_time"], weight))
        self.weight += weight
        if row["level"] == "ERROR":
            self.failed += weight

    def plain(self, counted: Calls | None) -> dict[str, Any]:
        """Return the figures in plain values, times in milliseconds.

        Args:
            counted: what the application has counted; where it is less than what was recorded, it is not of the whole
                time, or not of every process.
        """
        seen = len(self.durations)
        self.durations.sort()
        recorded = {
            "seen": seen,
            "basis": "each" if all(weight == 1 for _, weight in self.durations) else "weights",
            "calls": self.weight,
            "failed": self.failed,
            **{f"p{q}": _weighted(self.durations, q / 100) / 1e6 for q in (50, 95, 99)},
        }
        if counted is None or counted.calls < seen:
            return recorded
        return {**recorded, "basis": "exact", **counted.plain()}


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value of the nearest rank in ascending values, 0 where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def read_agents(
    connection: sqlite3.Connection, selection: Selection, now: int, *, compare: bool = True
) -> dict[str, Any]:
    """Read what the agents of a time did, beside the time of the same length before it.

    Where the application has counted all of its calls, the figures are exact. Else each recorded call counts with its
    sampling weight: one that stands for ten others counts ten times.

    Args:
        selection: its times.
        now: nanoseconds since the epoch, the end where the selection has none.
        compare: whether there is a time before; otherwise the times are cut to those of what is there.

    Returns:
        In plain values, times in milliseconds: ``agents`` by name, each with its ``basis``: exact, each if no recorded
        call stands for others, or weights; ``complete``, whether all recorded calls of the time were looked at or only
        the newest 2,000.
    """
    since, until = selection.since or 0, now if selection.until is None else selection.until
    first = since
    if not compare or not since:
        compare, (first, until) = False, _extent(connection, since, until)
    calls, complete, begins = _read_calls(connection, first, until)
    counted = read_exact(connection, first, until)
    earlier = first - (until - first)
    before, all_before, _ = _read_calls(connection, earlier, first) if compare else ({}, True, 0)
    # A stretch that goes on when the time begins belongs to the time, not to what was before.
    counted_before = read_exact(connection, earlier, first, whole=True) if compare else {}
    tools = _read_tools(connection, begins, until, counted)
    minutes = {True: _minutes(counted.values(), until, now), False: max((until - begins) / 60e9, 1.0)}
    agents = []
    for name in sorted({*calls, *(name for kind, name in counted if kind == "agent")}):
        recorded, exact = calls.get(name, _Calls()), counted.get(("agent", name))
        figures = recorded.plain(exact)
        then = before.get(name, _Calls()).plain(counted_before.get(("agent", name)))
        for tool in tools.get(name, ()):
            if tool["basis"] == "each" and figures["calls"] > figures["seen"]:
                tool["basis"] = "weights"  # of an agent that was not always recorded, its tools were not either
        agents.append(
            {
                "name": name,
                **figures,
                "per_minute": figures["calls"] / minutes[figures["basis"] == "exact"],
                "compared": compare and _are_of_a_kind(figures, then, complete and all_before),
                "before": then if then["calls"] else None,
                "tools": tools.get(name, []),
                "confidence": _spread(recorded.confidences, begins, until),
            }
        )
    return {
        "agents": agents,
        "since": first / 1e6,
        "begins": begins / 1e6,
        "until": until / 1e6,
        "compared": compare,
        "complete": complete,
    }


def _minutes(counted: Collection[Calls], until: int, now: int) -> float:
    """Return how long the time is of which all calls were counted; of less than a minute no rate is told."""
    if not counted:
        return 1.0
    ended = min(now, max(calls.ended for calls in counted))
    return max((max(until, ended) - min(calls.began for calls in counted)) / 60e9, 1.0)


def _are_of_a_kind(now: dict[str, Any], then: dict[str, Any], complete: bool) -> bool:
    """Return whether figures can be compared: of both times all calls are known, or were recorded and looked at."""
    if now["basis"] == "exact":
        return then["basis"] == "exact" or (complete and then["basis"] == "each") or not then["calls"]
    return complete


def _extent(connection: sqlite3.Connection, since: int, until: int) -> tuple[int, int]:
    bounds = (since, until)
    first = connection.execute("SELECT min(start_time) FROM spans WHERE start_time BETWEEN ? AND ?", bounds).fetchone()[
        0
    ]
    last = connection.execute("SELECT max(start_time) FROM spans WHERE start_time BETWEEN ? AND ?", bounds).fetchone()[
        0
    ]
    return (since, until) if first is None else (first, last + 1)


def _read_calls(connection: sqlite3.Connection, since: int, until: int) -> tuple[dict[str, _Calls], bool, int]:
    rows = connection.execute(_CALLS, (since, until)).fetchall()
    calls: dict[str, _Calls] = defaultdict(_Calls)
    for row in rows:
        calls[row["name"]].add(row)
        confidence = row["confidence"]
        if isinstance(confidence, (int, float)) and 0 <= confidence <= 1:
            calls[row["name"]].confidences.append((row["start_time"], float(confidence)))
    complete = len(rows) < _MOST_CALLS
    return calls, complete, since if complete else rows[-1]["start_time"]


def _read_tools(
    connection: sqlite3.Connection, since: int, until: int, counted: dict[tuple[str, str], Calls]
) -> dict[str, list[dict[str, Any]]]:
    tools: dict[tuple[str | None, str], _Calls] = defaultdict(_Calls)
    for row in connection.execute(_TOOLS, (since, until)):
        tools[row["agent"], row["name"]].add(row)
    by_tool: dict[str, list[_Calls]] = defaultdict(list)
    for (_, tool), found in tools.items():
        by_tool[tool].append(found)
    by_agent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for (agent, tool), found in tools.items():
        if agent is not None:
            by_agent[agent].append({"name": tool, **_share(found, by_tool[tool], counted.get(("tool", tool)))})
    for found_tools in by_agent.values():
        found_tools.sort(key=lambda tool: (-tool["calls"], tool["name"]))
    return by_agent


def _share(used: _Calls, by_all: Sequence[_Calls], counted: Calls | None) -> dict[str, Any]:
    """Return the figures of a tool in one agent's hands: what is counted is not by agent.

    Args:
        by_all: its recorded calls, by all who have used it.
    """
    figures = used.plain(counted if len(by_all) == 1 else None)
    if len(by_all) == 1 or counted is None or counted.calls <= sum(len(one.durations) for one in by_all):
        return figures
    calls, failed = sum(one.weight for one in by_all), sum(one.failed for one in by_all)
    shares = {"calls": counted.calls * used.weight / calls, "failed": counted.failed * used.failed / (failed or 1)}
    return {**figures, "basis": "weights", **shares}


def _weighted(ordered: Sequence[tuple[int, float]], share: float) -> float:
    goal = share * sum(weight for _, weight in ordered)
    reached = 0.0
    for duration, weight in ordered:
        reached += weight
        if reached >= goal:
            return duration
    return ordered[-1][0] if ordered else 0


def _spread(confidences: Sequence[tuple[int, float]], since: int, until: int) -> list[dict[str, float] | None]:
    """Return the quartiles of confidence in each of equally long parts of the time; None where there was none."""
    buckets: list[list[float]] = [[] for _ in range(_BUCKETS)]
    width = max(1, until - since)
    for moment, confidence in confidences:
        buckets[min(_BUCKETS - 1, (moment - since) * _BUCKETS // width)].append(confidence)
    return [
        {"low": percentile(found, 0.25), "middle": percentile(found, 0.5), "high": percentile(found, 0.75)}
        if (found := sorted(bucket))
        else None
        for bucket in buckets
    ]
