"""Reads the metrics of an application, and of tracing itself: over a window, since the start, and as they are now."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Final

from tracing_proxies.delivery.native import RLock
from tracing_proxies.monitoring import catalogue, derived
from tracing_proxies.monitoring.catalogue import COUNTER, DERIVED, GAUGE, Metric
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Index, Labels, Numbers
from tracing_proxies.monitoring.windows import Stretch, Windows

MINUTE: Final = 60.0
FIVE_MINUTES: Final = 300.0
HOUR: Final = 3_600.0
SINCE_START: Final = math.inf
WINDOWS: Final = {"1m": MINUTE, "5m": FIVE_MINUTES, "1h": HOUR, "start": SINCE_START}


class MetricsCollector:
    """Follows numbers that somebody keeps: those of one process, or of several together.

    What it tells is what it saw at its last look. A process's own collector looks every few seconds; ``look`` does so
    at once. What is not known is None, never 0.

    Args:
        source: tells all that was counted so far. What it returns must not change afterwards.
        clock: seconds, of a clock that does not go back.
    """

    def __init__(self, source: Callable[[], Numbers], clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all that was seen: in a forked child it was the parent's."""
        self._lock = RLock()
        self._seen = Numbers()
        self._index: Index | None = None
        self._windows = Windows(self._clock())

    def look(self) -> Numbers:
        """Take note of what was counted since the last look, and return all that was counted so far."""
        with self._lock:
            found = self._source()
            self._windows.add(self._clock(), found.since(self._seen))
            self._seen, self._index = found, None
            return found

    @property
    def seen(self) -> Numbers:
        """All that was counted up to the last look."""
        return self._seen

    def read(self, metric: str, window: float, *, before: float = 0.0, **labels: str) -> float | None:
        """Return what a metric says over a window that ends at the last look.

        Args:
            metric: its name in the catalogue.
            window: seconds, up to two hours; ``math.inf`` for all since the start. A gauge has none: it is as it is.
            before: how many seconds before the last look the window ended: a baseline is such a window.
            labels: which series to take together; those that name a label otherwise are left out. The label
                ``quantile``, such as "0.95", belongs to those derived metrics that have it.

        Returns:
            For a counter by how much it has grown, for a distribution how many were added to it, for a gauge its value;
            None where there is no such series, or a derived metric has nothing to be made of.

        Raises:
            KeyError: there is no such metric, or it has no such label.
        """
        found = catalogue.find(metric)
        unknown = labels.keys() - set(found.labels)
        if unknown:
            raise KeyError(f"{metric} has no label {sorted(unknown)[0]!r}; it has {', '.join(found.labels) or 'none'}")
        with self._lock:
            if found.kind == DERIVED:
                return derived.READ[metric](_Reading(self, window, before), labels)
            if found.kind == GAUGE:
                return self._gauge(found, labels)
            if found.kind == COUNTER:
                return self._counted(found, window, before, labels)
            distribution = self._distribution(found, window, before, labels)
            return None if distribution is None else distribution.count

    def distribution(self, metric: str, window: float, *, before: float = 0.0, **labels: str) -> Distribution | None:
        """Return the distribution that was added within a window, in the metric's own unit; None without a series."""
        with self._lock:
            return self._distribution(catalogue.find(metric), window, before, labels)

    def labels(self, metric: str) -> list[dict[str, str]]:
        """Return the labels of every series that a metric has, without the label ``quantile``."""
        found = catalogue.find(metric)
        with self._lock:
            if found.kind == DERIVED:
                named = derived.BASES[metric]
                wanted = tuple(name for name in found.labels if name != "quantile")
                return _once({n: s[n] for n in wanted if n in s} for base in named for s in self.labels(base))
            return [dict(zip(found.labels, values, strict=True)) for values in self._series(found, {})]

    def stretch(self, window: float, before: float = 0.0) -> Stretch:
        """Return what was counted within a window, and how many seconds of it are known of."""
        with self._lock:
            return self._windows.stretch(window, before)

    def _gauge(self, metric: Metric, labels: dict[str, str]) -> float | None:
        values = [self._seen.gauges[metric.name, series] for series in self._series(metric, labels)]
        if not values:
            return None
        if metric.merge == catalogue.SUM:
            return sum(values)
        return max(values) if metric.merge == catalogue.HIGHEST else min(values)

    def _counted(self, metric: Metric, window: float, before: float, labels: dict[str, str]) -> float | None:
        series = [(metric.name, values) for values in self._series(metric, labels)]
        if not series:
            return None
        if math.isinf(window):
            return sum(self._seen.counters[one] for one in series)
        stretch = self._windows.stretch(window, before)
        return sum(stretch.counted(one) for one in series)

    def _distribution(
        self, metric: Metric, window: float, before: float, labels: dict[str, str]
    ) -> Distribution | None:
        series = [(metric.name, values) for values in self._series(metric, labels)]
        if not series:
            return None
        stretch = None if math.isinf(window) else self._windows.stretch(window, before)
        found = Distribution()
        for one in series:
            more = self._seen.distributions[one] if stretch is None else stretch.distribution(one)
            found = found.plus(more)
        return found

    def _series(self, metric: Metric, labels: dict[str, str]) -> list[Labels]:
        if self._index is None:
            self._index = Index(self._seen)
        return self._index.find(metric.name, labels)


class _Reading:
    """One window of a collector, as derived metrics read it."""

    def __init__(self, collector: MetricsCollector, window: float, before: float) -> None:
        self._collector = collector
        self._window = window
        self._before = before

    @property
    def seconds(self) -> float:
        """How many seconds of the window are known of."""
        collector = self._collector
        if math.isinf(self._window):
            started = collector.read("tracing_proxies_start_time_seconds", self._window)
            return 0.0 if started is None else max(0.0, time.time() - started)
        return collector.stretch(self._window, self._before).seconds

    def value(self, metric: str, labels: dict[str, str]) -> float | None:
        """Return what another metric says in this window."""
        return self._collector.read(metric, self._window, before=self._before, **labels)

    def distribution(self, metric: str, labels: dict[str, str]) -> Distribution | None:
        """Return what was added to a distribution in this window."""
        return self._collector.distribution(metric, self._window, before=self._before, **labels)


def _once(found: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(pairs) for pairs in dict.fromkeys(tuple(labels.items()) for labels in found)]
