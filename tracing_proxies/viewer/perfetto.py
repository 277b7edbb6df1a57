"""Writes traces in Chrome's trace format, which ui.perfetto.dev and chrome://tracing open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from tracing_proxies.viewer.spans import Brief


def write_perfetto(traces: Mapping[str, Sequence[Brief]]) -> str:
    """Return the traces as Chrome trace JSON: each trace a process, what ran side by side in lanes of its own.

    Times count from the start of the first span: since the epoch their nanoseconds would not fit into a JSON number,
    and what is nested would no longer be.

    Args:
        traces: by their ids, as `read_spans` orders them.
    """
    events: list[dict[str, Any]] = []
    begin = min((span.start for spans in traces.values() for span in spans), default=0)
    for number, (trace_id, spans) in enumerate(traces.items(), 1):
        if not spans:
            continue
        name = f"{spans[0].name} {trace_id[:8]}"
        lanes = place_in_lanes(spans)
        events.append({"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": name}})
        for lane in sorted(set(lanes)):
            told = {"name": "in turn" if lane == 0 else f"side by side {lane}"}
            events.append({"ph": "M", "name": "thread_name", "pid": number, "tid": lane, "args": told})
        for span, lane in zip(spans, lanes, strict=True):
            known = {
                "level": span.level,
                "message": span.message,
                "decision": span.decision,
                "model": span.model,
                "confidence": span.confidence,
            }
            events.append(
                {
                    "ph": "X",
                    "name": span.name,
                    "cat": span.type,
                    "ts": (span.start - begin) / 1e3,
                    "dur": (span.end - span.start) / 1e3,
                    "pid": number,
                    "tid": lane,
                    "args": {
                        "trace_id": trace_id,
                        "span_id": span.id,
                        **{key: value for key, value in known.items() if value is not None},
                    },
                }
            )
    about = {"began": datetime.fromtimestamp(begin / 1e9, timezone.utc).isoformat()}
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}, ensure_ascii=False)


def place_in_lanes(spans: Sequence[Brief]) -> list[int]:
    """Give every span a lane, its parent's where that is free: the format draws what lies in a lane nested by time.

    Args:
        spans: each after its parent, siblings in the order of their starts.
    """
    lanes: list[int] = []
    ends: list[int] = []  # of each lane
    below: list[int] = []  # where the last child in the span's own lane ended
    for span in spans:
        parent = span.parent
        if parent >= 0 and below[parent] <= span.start and span.end <= spans[parent].end:
            lane, below[parent] = lanes[parent], span.end
        else:
            lane = next((number for number, end in enumerate(ends) if end <= span.start), len(ends))
            if lane == len(ends):
                ends.append(0)
        ends[lane] = max(ends[lane], span.end)
        lanes.append(lane)
        below.append(span.start)
    return lanes
