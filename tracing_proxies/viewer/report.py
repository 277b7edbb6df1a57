"""The page as one file that holds what it shows, to be sent to a colleague or attached to a ticket."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tracing_proxies.viewer import assets
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.documents import Surroundings, describe_trace, describe_tracing
from tracing_proxies.viewer.excerpt import excerpt
from tracing_proxies.viewer.flow import read_flow
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.spans import read_span
from tracing_proxies.viewer.traces import read_choices, read_page

LARGEST: Final = 2_000_000
_LIMITS: Final = (None, 16_384, 4_096, 1_024, 256, 0)
_PAYLOADS: Final = ("input", "output", "metadata")
_AMPLE: Final = 60.0


def make_report(
    connection: sqlite3.Connection,
    trace_ids: Sequence[str],
    around: Surroundings,
    now: int,
    *,
    counted: bool = True,
    largest: int = LARGEST,
) -> str:
    """Return the page with these traces in it, as HTML that loads nothing.

    Where it would be larger than ``largest`` bytes long payloads are cut, and in the end older traces are left out; the
    page says so.

    Args:
        trace_ids: the newest first.
        now: nanoseconds since the epoch.
        counted: whether the agents' figures are of all calls of the time of these traces, where they were counted; else
            of what is in the report.
    """
    room = largest - len(assets.report("", "").encode())
    kept = list(trace_ids)
    while True:
        document = _gather(connection, kept, around, now, counted)
        for limit in _LIMITS:
            packed = _pack(document, limit, len(trace_ids))
            if len(packed) <= room:
                return assets.report("Traces", packed)
        if len(kept) <= 1:
            return assets.report("Traces", packed)  # one trace that is larger still
        kept = kept[: len(kept) // 2]


def _gather(
    connection: sqlite3.Connection, trace_ids: Sequence[str], around: Surroundings, now: int, counted: bool
) -> dict[str, Any]:
    forever = Surroundings(around.store, around.registry, around.langfuse)
    with excerpt(connection, trace_ids, counted=counted) as copy:
        traces: dict[str, Any] = {}
        for trace_id in trace_ids:
            found = describe_trace(copy, trace_id, forever, now)
            if found is not None:
                details = {span["id"]: read_span(copy, trace_id, span["id"]) for span in found["spans"]}
                traces[trace_id] = {**found, "details": details}
        return {
            "made": now / 1e6,
            "choices": read_choices(copy, Selection()),
            "traces": read_page(copy, Selection(), size=max(1, len(trace_ids)), budget=_AMPLE)["traces"],
            "trace": traces,
            "flow": read_flow(copy, Selection(), budget=_AMPLE),
            "agents": read_agents(copy, Selection(), now, compare=False),
            "tracing": describe_tracing(connection, around),
        }


def _pack(document: dict[str, Any], limit: int | None, asked: int) -> str:
    shorter = {**document, "limit": limit, "left_out": asked - len(document["trace"])}
    if limit is not None:
        shorter["trace"] = {
            trace_id: {**trace, "details": {span: _cut(found, limit) for span, found in trace["details"].items()}}
            for trace_id, trace in document["trace"].items()
        }
    text = json.dumps(shorter, ensure_ascii=False, separators=(",", ":"))
    # Base64 holds nothing that could end the element that it stands in.
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode()


def _cut(span: dict[str, Any], limit: int) -> dict[str, Any]:
    shorter = dict(span)
    for name in _PAYLOADS:
        value = span[name]
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(text) > limit and value not in (None, {}):
            told = f"{text[:limit]}… {len(text) - limit:,} more characters are not in the report"
            shorter[name] = {"metadata": told} if name == "metadata" else told
    return shorter
