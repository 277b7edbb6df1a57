"""What the spans of one trace share."""

from __future__ import annotations

from typing import Final

from tracing_proxies import clocks
from tracing_proxies.recording.fields import TraceFields

RANDOM_TRACE_ID: Final = 0x02
"""The flag of a trace whose id is random (W3C Trace Context Level 2, section 3.2.2.5.2), passed on as it came."""


class Trace(TraceFields):
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
        flags: what its flags say besides whether it is sampled, passed on unchanged.
        state: what other tracing systems have said about it (W3C ``tracestate``), passed on unchanged.
        payload: whether arguments and results are recorded.
        held: its spans until it is decided whether they are kept; None where everything is.
        sampled: what a service before this one has decided; None where there is none.
        timed: whether it is measured what recording it takes.
        spent: how much that was, in nanoseconds of CPU.
    """

    def __init__(self, trace_id: int, weight: float = 1.0) -> None:
        self.trace_id = trace_id
        self.weight = weight
        self.offset = clocks.time_ns() - clocks.perf_counter_ns()

    def add_tags(self, tags: tuple[str, ...]) -> None:
        """Add tags, each once, in the order in which they come."""
        self.tags = tuple(dict.fromkeys(self.tags + tags))


# In place of a trace that is not remembered any more: it and what holds its spans refer to each other, and the
# collector has seen both so often until then that it hardly ever comes back for them.
FORGOTTEN: Final = Trace(0)
FORGOTTEN.ended = True
