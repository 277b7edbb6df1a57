"""Adds up weights and sizes by series: quickly, since it happens for every recorded span, and within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Labels, Numbers

_OTHER: Final = "other"
_MOST_SERIES: Final = 500
FULL: Final = 2_048
"""How many sizes of a series are collected before they are put into bins."""


class Gathering:
    """Counters and distributions that grow. A metric has 500 series at most: what comes then is one more, ``other``.

    What is compiled (hot/gathering.c) raises the series that are there by itself.
    """

    __slots__ = ("_counts", "_distributions", "_sizes")

    def __init__(self) -> None:
        # By metric, then by labels: no series has to be made to find one.
        self._counts: dict[str, dict[Labels, float]] = {}
        # Most sizes stand for themselves: they are collected, and put into bins many at a time.
        self._sizes: dict[str, dict[Labels, list[float]]] = {}
        self._distributions: dict[str, dict[Labels, Distribution]] = {}

    def count(self, metric: str, labels: Labels, weight: float) -> None:
        """Count up."""
        counts = self._counts.setdefault(metric, {})
        if labels not in counts:
            labels = _admit(counts, labels)
            counts.setdefault(labels, 0)
        counts[labels] += weight

    def size(self, metric: str, labels: Labels, size: float, weight: float) -> None:
        """Add to a distribution.

        Args:
            weight: for how many it stands.
        """
        self.sizes(metric, labels, (size,), weight)

    def sizes(self, metric: str, labels: Labels, sizes: Sequence[float], weight: float) -> None:
        """Add many to a distribution, each of which stands for as many as the weight says."""
        series = self._sizes.setdefault(metric, {})
        distributions = self._distributions.setdefault(metric, {})
        held = series.get(labels)
        if held is None:
            labels = _admit(series, labels)
            held = series.setdefault(labels, [])
            distributions.setdefault(labels, Distribution())
        if weight != 1.0:
            for size in sizes:
                distributions[labels].add(size, weight)
            return
        held += sizes
        if len(held) >= FULL:
            _fold(distributions[labels], held)

    def add_to(self, numbers: Numbers) -> None:
        """Add all that was gathered so far."""
        for metric, counts in self._counts.items():
            for labels, many in counts.items():
                numbers.count((metric, labels), many)
        for metric, series in self._sizes.items():
            for labels, sizes in series.items():
                distribution = self._distributions[metric][labels]
                _fold(distribution, sizes)
                numbers.distribute((metric, labels), distribution.copy())


def _fold(distribution: Distribution, sizes: list[float]) -> None:
    distribution.add_all(sizes)
    sizes.clear()


def _admit(known: Mapping[Labels, Any], labels: Labels) -> Labels:
    """Return the labels of a series that is new, or those of the one that takes it if there are too many."""
    if len(known) < _MOST_SERIES:
        return labels
    kept = labels[-1] if labels[-1] in ("ok", "error") else _OTHER
    return (*((_OTHER,) * (len(labels) - 1)), kept)
