"""The spans of one trace, held back until it is decided whether they are kept."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tracing_proxies.recording.routing import route
from tracing_proxies.sampling.rule import MASK, probability_of
from tracing_proxies.sampling.verdict import Verdict

if TYPE_CHECKING:
    from tracing_proxies.recording.span import Span
    from tracing_proxies.recording.tail import Tail
    from tracing_proxies.recording.trace import Trace


class Held:
    """Takes the ended spans of one trace; those that come after the verdict follow it.

    Args:
        trace: whose spans they are.
        recorded: the probability at which such traces were recorded when it began.
        tail: decides on it.
        random: the R of the sampling rule, by which it is decided; None for the low 56 bits of the trace id.

    Attributes:
        critical: whether it is kept whatever it costs.
        rare: whether its name had not been seen for a while when it began.
        partial: whether a service before this one has left it out: then only an error or the like is kept.
        fixed: whether a service has been told already that it is kept.
        root_id: of its first span here.
        least: the T that memory has set: traces of a lower R have been dropped for want of it.
        error: the probability at which errors left stubs when the first of its spans failed; None if none has. What is
            recorded is judged by the same as what is not, whose stub cannot wait for the end of the trace.
        begun: nanoseconds of the monotonic clock.
        verdict: what is kept; None as long as it is undecided.
    """

    __slots__ = (
        "begun", "critical", "error", "fixed", "least", "partial", "random", "rare", "recorded", "root_id", "spans",
        "tail", "trace", "verdict", "weighed",
    )  # fmt: skip

    def __init__(
        self,
        trace: Trace,
        recorded: float,
        begun: int,
        tail: Tail,
        random: int | None = None,
    ) -> None:
        self.trace = trace
        self.recorded = recorded
        self.random = trace.trace_id & MASK if random is None else random
        self.begun = begun
        self.critical = self.rare = self.partial = self.fixed = False
        self.error: float | None = None
        self.root_id = 0
        self.least = 0
        self.weighed = (0, 0)
        self.verdict: Verdict | None = None
        self.spans: deque[Span] = deque()
        self.tail = tail

    @property
    def survived(self) -> float:
        """The probability at which memory has not taken it."""
        return probability_of(self.least)

    def add(self, span: Span) -> None:
        """Take an ended span."""
        if span.level == "ERROR" and self.error is None:
            self.tail.note_error(self, span)
        self.spans.append(span)
        if self.verdict is not None:
            self.release(late=True)

    def release(self, *, late: bool = False) -> None:
        """Hand on, under the verdict, whatever is held; each span once, in however many threads.

        Args:
            late: whether it has come after the verdict.
        """
        spans = self.spans
        try:
            while True:
                route(self, spans.popleft(), late)
        except IndexError:
            pass

    def drop_payloads(self) -> None:
        """Give the memory of arguments and results back."""
        self.trace.payload = False
        for span in list(self.spans):
            span.input = span.output = None
