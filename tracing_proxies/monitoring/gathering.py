"""Adds up weights and sizes by series: quickly, since it happens for every recorded span, and within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Labels, Numbers, Series

_OTHER: Final = "other"
_MOST_SERIES: Final = 500
FULL: Final = 2_048
"""How many sizes of a series are collected before they are put into bins."""


class Gathering:
    """Counters and distributions that grow. A metric has 500 series at most: what comes then is one more, ``other``."""

    def __init__(self) -> None:
        self._counts: dict[Series, float] = {}
        # Most sizes stand for themselves: they are collected, and put into bins many at a time.
        self._sizes: dict[Series, list[float]] = {}
        self._distributions: dict[Series, Distribution] = {}
        self._many: dict[str, int] = {}

    def count(self, metric: str, labels: Labels, weight: float) -> None:
        """Count up."""
        series, counts = (metric, labels), self._counts
        if series not in counts:
            series = self._admit(series)
            counts.setdefault(series, 0)
        counts[series] += weight

    def size(self, metric: str, labels: Labels, size: float, weight: float) -> None:
        """Add to a distribution.

        Args:
            weight: for how many it stands.
        """
        self.sizes(metric, labels, (size,), weight)

    def sizes(self, metric: str, labels: Labels, sizes: Sequence[float], weight: float) -> None:
        """Add many to a distribution, each of which stands for as many as the weight says."""
        series = (metric, labels)
        held = self._sizes.get(series)
        if held is None:
            series = self._admit(series)
            held = self._sizes.setdefault(series, [])
            self._distributions.setdefault(series, Distribution())
        if weight != 1.0:
            for size in sizes:
                self._distributions[series].add(size, weight)
            return
        held += sizes
        if len(held) >= FULL:
            self._fold(series, held)

    def add_to(self, numbers: Numbers) -> None:
        """Add all that was gathered so far."""
        for series, many in self._counts.items():
            numbers.count(series, many)
        for series, sizes in self._sizes.items():
            self._fold(series, sizes)
            numbers.distribute(series, self._distributions[series].copy())

    def _fold(self, series: Series, sizes: list[float]) -> None:
        self._distributions[series].add_all(sizes)
        sizes.clear()

    def _admit(self, series: Series) -> Series:
        """Return a series that is new, or the one that takes it if there are too many."""
        metric, labels = series
        many = self._many[metric] = self._many.get(metric, 0) + 1
        if many <= _MOST_SERIES:
            return series
        kept = labels[-1] if labels[-1] in ("ok", "error") else _OTHER
        return metric, (*((_OTHER,) * (len(labels) - 1)), kept)
