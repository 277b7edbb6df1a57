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
        self.spans: deque[Span] | None = deque()
        self.tail = tail

    @property
    def survived(self) -> float:
        """The probability at which memory has not taken it."""
        return probability_of(self.least)

    def __len__(self) -> int:
        """How many ended spans wait for the verdict."""
        return 0 if self.spans is None else len(self.spans)

    def waiting(self) -> list[Span]:
        """Return the ended spans that wait for the verdict."""
        return [] if self.spans is None else list(self.spans)

    def add(self, span: Span) -> None:
        """Take an ended span."""
        if span.level == "ERROR" and self.error is None:
            self.tail.note_error(self, span)
        waiting = self.spans
        if waiting is None:
            route(self, span, True)
            return
        waiting.append(span)
        if self.verdict is not None:
            self._hand_on(waiting, True)

    def release(self) -> None:
        """Hand on, under the verdict, whatever is held; each span once, in however many threads."""
        if self.spans is not None:
            self._hand_on(self.spans, False)

    def retire(self) -> None:
        """Give back what a trace that has ended and was handed on needs no more: an empty queue takes 700 bytes."""
        self.spans = None

    def _hand_on(self, waiting: deque[Span], late: bool) -> None:
        # The queue is its caller's: one that has just added to it may find that the trace has been retired meanwhile.
        try:
            while True:
                route(self, waiting.popleft(), late)
        except IndexError:
            pass

    def drop_payloads(self) -> None:
        """Give the memory of arguments and results back."""
        self.trace.payload = False
        for span in self.waiting():
            span.input = span.output = None
