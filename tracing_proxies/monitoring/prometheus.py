"""Numbers as Prometheus reads them: its own text format, and OpenMetrics with exemplars."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from tracing_proxies.monitoring import catalogue, derived
from tracing_proxies.monitoring.catalogue import COUNTER, DERIVED, DISTRIBUTION, METRICS, QUANTILES, Metric
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Exemplar, Labels, Numbers, Series

T = TypeVar("T")
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SUMMARY: Final = "summary"
_ACCEPTED: Final = "application/openmetrics-text"
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_ESCAPES_OF_HELP: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


def write_for(accept: str, numbers: Numbers) -> tuple[str, bytes]:
    """Write numbers in the format that a client accepts.

    Args:
        accept: what its header of that name says.

    Returns:
        The type of the content, and the content.
    """
    if _ACCEPTED in accept:
        return OPENMETRICS, write_openmetrics(numbers).encode()
    return TEXT, write_text(numbers).encode()


def write_text(numbers: Numbers) -> str:
    """Write numbers in Prometheus's text format, version 0.0.4."""
    return "".join(f"{line}\n" for line in _lines(numbers, openmetrics=False))


def write_openmetrics(numbers: Numbers) -> str:
    """Write numbers as OpenMetrics 1.0.0, each histogram with the last recorded span of its kind as an exemplar."""
    return "".join(f"{line}\n" for line in _lines(numbers, openmetrics=True)) + "# EOF\n"


def _lines(numbers: Numbers, *, openmetrics: bool) -> Iterator[str]:
    counted = _by_metric(numbers.counters)
    gauged = _by_metric(numbers.gauges)
    spread = _by_metric(numbers.distributions)
    for metric in METRICS:
        if metric.kind == DERIVED:
            if "quantile" in metric.labels:
                yield from _quantiles(metric, spread)
        elif metric.kind == DISTRIBUTION:
            yield from _histogram(metric, spread.get(metric.name, {}), numbers.exemplars if openmetrics else {})
        else:
            found = (counted if metric.kind == COUNTER else gauged).get(metric.name)
            if found:
                yield from _head(metric, metric.kind, openmetrics=openmetrics)
                for labels, value in sorted(found.items()):
                    yield f"{metric.name}{_labels(metric.labels, labels)} {_number(value)}"


def _head(metric: Metric, kind: str, *, openmetrics: bool = False) -> Iterator[str]:
    # In OpenMetrics a counter is called by what is counted; `_total` is a part of its samples' names only.
    family = metric.name.removesuffix("_total") if openmetrics and kind == COUNTER else metric.name
    told = metric.help + (" Estimated where tracing_proxies_estimated is 1." if metric.estimate else "")
    yield f"# HELP {family} {told.translate(_ESCAPES_OF_HELP)}"
    yield f"# TYPE {family} {kind}"


def _histogram(
    metric: Metric, found: Mapping[Labels, Distribution], exemplars: Mapping[tuple[str, Labels], Exemplar]
) -> Iterator[str]:
    if not found:
        return
    yield from _head(metric, DISTRIBUTION)
    names = (*metric.labels, "le")
    bounds = [bound * metric.unit for bound in metric.bounds]
    for labels, distribution in sorted(found.items()):
        exemplar = exemplars.get((metric.name, labels))
        below = 0.0
        for bound, many in zip((*bounds, math.inf), (*distribution.cumulated(bounds), distribution.count), strict=True):
            line = f"{metric.name}_bucket{_labels(names, (*labels, _number(bound / metric.unit)))} {_number(many)}"
            if exemplar is not None and below < exemplar.size <= bound:
                line += _as_exemplar(exemplar, metric.unit)
            below = bound
            yield line
        yield f"{metric.name}_sum{_labels(metric.labels, labels)} {_number(distribution.total / metric.unit)}"
        yield f"{metric.name}_count{_labels(metric.labels, labels)} {_number(distribution.count)}"


def _quantiles(metric: Metric, spread: Mapping[str, Mapping[Labels, Distribution]]) -> Iterator[str]:
    """Yield the quantiles since the start, within 1 %: those of a histogram are as coarse as its buckets."""
    base = catalogue.find(derived.BASES[metric.name][0])
    found = spread.get(base.name)
    if not found:
        return
    yield from _head(metric, _SUMMARY)
    for labels, distribution in sorted(found.items()):
        for quantile in QUANTILES:
            size = distribution.quantile(float(quantile))
            if size is not None:
                yield f"{metric.name}{_labels(metric.labels, (*labels, quantile))} {_number(size / base.unit)}"


def _as_exemplar(exemplar: Exemplar, unit: float) -> str:
    ids = _labels(("trace_id", "span_id"), (exemplar.trace_id, exemplar.span_id))
    return f" # {ids} {_number(exemplar.size / unit)} {exemplar.moment:.3f}"


def _labels(names: tuple[str, ...], values: Labels) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _by_metric(found: Mapping[Series, T]) -> Mapping[str, dict[Labels, T]]:
    sorted_out: dict[str, dict[Labels, T]] = defaultdict(dict)
    for (name, labels), value in found.items():
        sorted_out[name][labels] = value
    return sorted_out
