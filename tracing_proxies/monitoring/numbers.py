"""What was counted up to one moment, by metric and labels: what processes exchange, add up and export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from tracing_proxies.monitoring import catalogue
from tracing_proxies.monitoring.distribution import Distribution

Labels = tuple[str, ...]
Series = tuple[str, Labels]
"""The name of a metric, and the values of its labels in the order in which the catalogue names them."""

_MERGES: Final[Mapping[str, Callable[[float, float], float]]] = MappingProxyType(
    {catalogue.SUM: lambda one, other: one + other, catalogue.HIGHEST: max, catalogue.LOWEST: min}
)


@attrs.frozen(eq=False, repr=False)
class Exemplar:
    """One recorded span that stands for a series.

    Args:
        trace_id, span_id: hexadecimal.
        size: how long it took, in nanoseconds.
        moment: when it ended, in seconds since the epoch.
    """

    trace_id: str
    span_id: str
    size: float
    moment: float


@attrs.define(eq=False, repr=False)
class Numbers:
    """Counters, gauges and distributions by series.

    Args:
        exemplars: of distributions, by series.
    """

    counters: dict[Series, float] = attrs.field(factory=dict)
    gauges: dict[Series, float] = attrs.field(factory=dict)
    distributions: dict[Series, Distribution] = attrs.field(factory=dict)
    exemplars: dict[Series, Exemplar] = attrs.field(factory=dict)

    def copy(self) -> Numbers:
        """Return others that are equal; distributions, which do not change any more, are shared."""
        return Numbers(dict(self.counters), dict(self.gauges), dict(self.distributions), dict(self.exemplars))

    def count(self, series: Series, many: float = 1) -> None:
        """Count up."""
        self.counters[series] = self.counters.get(series, 0) + many

    def distribute(self, series: Series, more: Distribution) -> None:
        """Add to a distribution."""
        known = self.distributions.get(series)
        self.distributions[series] = more if known is None else known.plus(more)

    def merge(self, other: Numbers) -> None:
        """Add what another process, or another part of this one, has counted."""
        for series, many in other.counters.items():
            self.count(series, many)
        for series, found in other.distributions.items():
            self.distribute(series, found)
        for series, value in other.gauges.items():
            known = self.gauges.get(series)
            merge = _MERGES[catalogue.find(series[0]).merge]
            self.gauges[series] = value if known is None else merge(known, value)
        for series, exemplar in other.exemplars.items():
            known_one = self.exemplars.get(series)
            if known_one is None or known_one.moment < exemplar.moment:
                self.exemplars[series] = exemplar

    def since(self, earlier: Numbers) -> Numbers:
        """Return what was counted since an earlier moment; what has not changed is left out, and so are gauges.

        Where a counter stands below what it was, it began anew, and all of it has been counted since.
        """
        found = Numbers()
        for series, many in self.counters.items():
            before = earlier.counters.get(series, 0)
            if many != before:
                found.counters[series] = many - before if many > before else many
        for series, now in self.distributions.items():
            known = earlier.distributions.get(series)
            if known is None or now.count < known.count:
                found.distributions[series] = now
            elif now is not known and now.count != known.count:
                found.distributions[series] = now.minus(known)
        return found

    def lasting(self) -> Numbers:
        """Return what stays true when the process has ended: all but the gauges."""
        return Numbers(self.counters, {}, self.distributions, self.exemplars)

    def to_plain(self) -> dict[str, Any]:
        """Return them as JSON can hold them."""
        return {
            "counters": [[name, labels, many] for (name, labels), many in self.counters.items()],
            "gauges": [[name, labels, value] for (name, labels), value in self.gauges.items()],
            "distributions": [[name, labels, d.to_plain()] for (name, labels), d in self.distributions.items()],
            "exemplars": [[name, labels, attrs.astuple(found)] for (name, labels), found in self.exemplars.items()],
        }

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Numbers:
        """Make them of what ``to_plain`` has returned; metrics that another version has and this one has not are left.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """

        def read(part: str, make: Callable[[Any], Any]) -> dict[Series, Any]:
            known = catalogue.BY_NAME
            return {
                (name, tuple(labels)): make(value)
                for name, labels, value in plain[part]
                if name in known and len(labels) == len(known[name].labels)
            }

        return cls(
            read("counters", lambda value: value),
            read("gauges", lambda value: value),
            read("distributions", Distribution.of_plain),
            read("exemplars", lambda value: Exemplar(*value)),
        )


class Index:
    """Finds series by what their labels say; for those of numbers that do not change any more."""

    def __init__(self, numbers: Numbers) -> None:
        self._by_metric: dict[str, list[Labels]] = {}
        self._by_first: dict[tuple[str, str], list[Labels]] = {}
        for where in (numbers.counters, numbers.gauges, numbers.distributions):
            for name, labels in where:
                self._by_metric.setdefault(name, []).append(labels)
                if labels:
                    self._by_first.setdefault((name, labels[0]), []).append(labels)

    def find(self, metric: str, wanted: Mapping[str, str]) -> list[Labels]:
        """Return the labels of a metric's series, of those that name no label otherwise than it is wanted."""
        names = catalogue.find(metric).labels
        if names and names[0] in wanted:  # the target, the agent, the destination: most others have another one
            candidates = self._by_first.get((metric, wanted[names[0]]), [])
        else:
            candidates = self._by_metric.get(metric, [])
        pairs = [(names.index(name), value) for name, value in wanted.items()]
        return [labels for labels in candidates if all(labels[at] == value for at, value in pairs)]
