"""One trace: its spans in brief, and everything about one of them."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.viewer.critical_path import Interval, critical_path

_BRIEF: Final = "id, parent_observation_id, name, type, start_time, end_time, level, status_message, model, metadata"
_OF_INTEREST: Final = ("outcome.", "sender", "recipient", "trigger_source")
_LONGEST_MESSAGE: Final = 200
_JSON: Final = ("input", "output", "metadata", "usage_details", "tags")


@attrs.frozen
class Brief:
    """A span without its payload.

    Args:
        parent: the position of the span above it among the trace's spans, -1 at the top.
        depth: how many spans stand above it.
        self_time: nanoseconds that it is on the critical path itself, without those below it; None off the path.
    """

    id: str
    parent: int
    depth: int
    name: str
    type: str
    start: int
    end: int
    level: str
    message: str | None
    model: str | None
    decision: str | None
    confidence: float | None
    sender: str | None
    recipient: str | None
    source: str | None
    self_time: int | None


def read_spans(connection: sqlite3.Connection, trace_id: str) -> list[Brief]:
    """Read a trace's spans, each before those below it, siblings in the order of their starts.

    A span whose parent is not in the store stands at the top.
    """
    rows = connection.execute(
        f"SELECT {_BRIEF} FROM spans WHERE trace_id = ? ORDER BY start_time, end_time DESC", (trace_id,)
    ).fetchall()
    return arrange(rows)


def describe_spans(spans: Sequence[Brief]) -> list[dict[str, Any]]:
    """Return spans in plain values, in their order; times in nanoseconds from the start of the first."""
    begin = min((span.start for span in spans), default=0)
    described = []
    for span in spans:
        plain = {key: value for key, value in attrs.asdict(span).items() if value is not None}
        plain["start"], plain["duration"] = span.start - begin, plain.pop("end") - span.start
        described.append(plain)
    return described


def arrange(rows: Sequence[Mapping[str, Any] | sqlite3.Row]) -> list[Brief]:
    """Put rows of the store, in the order of their starts, into the order of their tree."""
    known = {row["id"] for row in rows}
    below: dict[str | None, list[Any]] = defaultdict(list)
    for row in rows:
        parent = row["parent_observation_id"]
        below[parent if parent in known and parent != row["id"] else None].append(row)
    ordered: list[tuple[Any, int, int]] = []
    stack = [(row, -1, 0) for row in reversed(below.pop(None, []))]
    while stack:  # not by recursion: a trace may be as deep as it likes
        row, parent, depth = stack.pop()
        position = len(ordered)
        ordered.append((row, parent, depth))
        stack += [(child, position, depth + 1) for child in reversed(below.pop(row["id"], []))]
    path = critical_path([Interval(row["start_time"], row["end_time"], parent) for row, parent, _ in ordered])
    return [_brief(row, parent, depth, path.get(i)) for i, (row, parent, depth) in enumerate(ordered)]


def read_span(connection: sqlite3.Connection, trace_id: str, span_id: str) -> dict[str, Any] | None:
    """Read everything about one span, JSON decoded, times in milliseconds; None where there is no such span."""
    row = connection.execute(
        "SELECT * FROM spans WHERE trace_id = ? AND id = ? ORDER BY start_time LIMIT 1", (trace_id, span_id)
    ).fetchone()
    if row is None:
        return None
    found = dict(row)
    for name in _JSON:
        found[name] = decode(found[name])
    found["start"] = found.pop("start_time") / 1e6
    found["duration"] = found.pop("end_time") / 1e6 - found["start"]
    return found


def decode(text: str | None) -> Any:
    """Read JSON text; what is none is returned as it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def decode_mapping(text: str | None) -> dict[str, Any]:
    """Read the JSON text of a mapping; anything else is an empty one."""
    found = decode(text)
    return found if isinstance(found, dict) else {}


def shorten(text: str | None, length: int) -> str | None:
    """Cut a text that is longer, and show that it was."""
    return text if text is None or len(text) <= length else text[: length - 1] + "…"


def _brief(row: Any, parent: int, depth: int, self_time: int | None) -> Brief:
    text = row["metadata"]
    found = decode_mapping(text) if any(key in text for key in _OF_INTEREST) else {}
    decision = found.get("outcome.decision") or found.get("outcome.recovery_action")
    confidence = found.get("outcome.confidence")
    return Brief(
        id=row["id"],
        parent=parent,
        depth=depth,
        name=row["name"],
        type=row["type"],
        start=row["start_time"],
        end=row["end_time"],
        level=row["level"],
        message=shorten(row["status_message"], _LONGEST_MESSAGE),
        model=row["model"],
        decision=shorten(str(decision), _LONGEST_MESSAGE) if decision else None,
        confidence=as_share(confidence),
        sender=_text(found.get("sender")),
        recipient=_text(found.get("recipient")),
        source=_text(found.get("trigger_source")),
        self_time=self_time,
    )


def as_share(value: Any) -> float | None:
    """Return a number as it is, anything else as None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
