"""What the spans of one trace share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import TraceState

from tracing_proxies.recording.room import Crowd

if TYPE_CHECKING:
    from tracing_proxies.recording.held import Held


class Trace:
    """One trace in this process: its id, whether it is kept, and what stands on every one of its spans.

    Attributes:
        trace_id: 128 bits.
        weight: how many traces it stands for.
        offset: nanoseconds to add to the monotonic clock to get the wall clock's, the same for all its spans, so that a
            jump of the wall clock never turns a duration around.
        name: of its first span.
        ended: whether its first span in this process has ended.
        room: how many more spans it may have, None for any number.
        crowd: counts the calls that it had no room for.
        state: what other tracing systems have said about it (W3C ``tracestate``), passed on unchanged.
        payload: whether arguments and results are recorded.
        held: its spans until it is decided whether they are kept; None where everything is.
        sampled: what a service before this one has decided; None where there is none.
        timed: whether it is measured what recording it takes.
        spent: how much that was, in nanoseconds of CPU.
    """

    # Class attributes instead of slots: what most traces never set need not be set for each (15 ns apiece).
    trace_id: int
    offset: int
    weight = 1.0
    name = ""
    ended = False
    session: Any = None
    user: Any = None
    tags: tuple[str, ...] = ()
    state: TraceState | None = None
    room: int | None = None
    crowd: Crowd | None = None
    payload = True
    held: Held | None = None
    sampled: bool | None = None
    timed = False
    spent = 0

    def __init__(self, trace_id: int, weight: float = 1.0) -> None:
        self.trace_id = trace_id
        self.weight = weight
        self.offset = time.time_ns() - time.perf_counter_ns()

    def add_tags(self, tags: tuple[str, ...]) -> None:
        """Add tags, each once, in the order in which they come."""
        self.tags = tuple(dict.fromkeys(self.tags + tags))
