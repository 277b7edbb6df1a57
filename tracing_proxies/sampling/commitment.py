"""Bounds what has begun and is not paid for yet: how many recorded traces may be under way at once."""

from __future__ import annotations

import math

from tracing_proxies.sampling.plan import Costs
from tracing_proxies.sampling.spending import WINDOW

_FOR_UNDER_WAY = 0.5
_GUESSED_SPANS = 30
_GUESSED_COST = 80e-6
_STEEP = 8
_LEAST = 0.02  # what stands for more than fifty times as many says little
_USUALLY = 0.05


class Commitment:
    """What has begun will be paid for, and no later plan takes it back.

    A flood of traces that begin within a moment would spend the budget of ten seconds before the first of them ends.

    Attributes:
        under_way: how many recorded traces have begun and not ended.
        spans: how many a trace has on average.
        most: how many recorded traces may be under way before the next ones are thinned out.
    """

    __slots__ = ("_ended", "_lasting", "most", "spans", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.spans = 1.0
        self.most = math.inf
        self._lasting = 0.0
        self._ended = 0

    def ended(self, duration: float, spans: int) -> None:
        """Learn from a trace that has ended: the first ones say as much as is known, later ones little each.

        Args:
            duration: seconds.
        """
        self._ended += 1
        part = max(_USUALLY, 1 / self._ended)
        self.spans += part * (spans - self.spans)
        self._lasting += part * (duration - self._lasting)

    def bound(self, left: float, costs: Costs, unsure: bool) -> None:
        """Have no more traces under way than those that half of what is left pays for, and one at least.

        Args:
            left: seconds of CPU that may still be spent within the window.
            unsure: whether the costs are guesses still.
        """
        # One that lasts longer than the window costs only a part of its cost within it.
        cost = self._cost(costs, unsure) / max(1.0, self._lasting / WINDOW)
        self.most = max(1.0, _FOR_UNDER_WAY * left / cost)

    def due(self, costs: Costs, unsure: bool) -> float:
        """Return what those that are under way will cost within the next second, in seconds of CPU."""
        return self.under_way * self._cost(costs, unsure) / max(1.0, self._lasting)

    def _cost(self, costs: Costs, unsure: bool) -> float:
        spans, each = self.spans, costs.skeleton + costs.payload
        return max(spans, _GUESSED_SPANS) * max(each, _GUESSED_COST) if unsure else spans * each

    def thinned(self, under_way: int) -> float:
        """Return what the probability of recording is multiplied by.

        It depends on what has begun before, never on the R of the trace that is decided, so the weight 1/p stays right.

        Args:
            under_way: how many traces are recorded and have not ended.
        """
        return 1.0 if under_way < self.most else max(_LEAST, (self.most / (under_way + 1)) ** _STEEP)
