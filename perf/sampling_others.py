"""Three simpler strategies in the same simulated process: a fixed rate, a rate for each name, and errors first."""

from __future__ import annotations

from perf.sampling_sim import _IDLE, BUDGET, RATE, TRUE, Call, World
from tracing_proxies.sampling.rate import Rate

_SPANS = 22.5
_EACH = TRUE.skeleton + TRUE.payload + TRUE.export
# What leaves the whole budget to the usual load, which each of them is tuned to.
_LEFT = BUDGET - RATE * _SPANS * TRUE.count - _IDLE
FIXED = _LEFT / (RATE * _SPANS * _EACH)
PER_NAME = FIXED * RATE / 5
BACKGROUND = 0.02
_SECOND = 10**9


class Fixed(World):
    """Keeps a fixed share, decided when a trace begins."""

    def begin(self, call: Call) -> None:
        call.state = self.probability(call)

    def probability(self, call: Call) -> float:
        """Return the probability at which a trace is kept."""
        return FIXED

    def end(self, call: Call) -> None:
        self.expect(call, call.state)
        if call.random < call.state:
            self.take(TRUE.skeleton + TRUE.payload, call.spans)
            self.queued += call.spans
            self.keep(call, 1 / call.state)


class PerName(Fixed):
    """Keeps so many traces of each name in a second, decided when a trace begins."""

    def set_up(self) -> None:
        self._rates: dict[str, Rate] = {}

    def probability(self, call: Call) -> float:
        rate = self._rates.get(call.name)
        if rate is None:
            wanted = PER_NAME * self.scale
            rate = self._rates[call.name] = Rate(wanted, _SECOND, lambda: round(self.now * 1e9))
        return rate.probability()


class ErrorsFirst(World):
    """Records everything, keeps each error and a background of the others, decided when a trace has ended."""

    def end(self, call: Call) -> None:
        self.take(TRUE.skeleton + TRUE.payload, call.spans)
        probability = 1.0 if call.fails else BACKGROUND
        self.expect(call, probability)
        if call.random < probability:
            self.queued += call.spans
            self.keep(call, 1 / probability)
