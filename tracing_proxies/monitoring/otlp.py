"""Sends what this process has counted to an OpenTelemetry Collector, as OTLP metrics over HTTP."""

from __future__ import annotations

import logging
import os
import socket
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

from tracing_proxies.delivery.reply import Verdict
from tracing_proxies.delivery.transport import Transport
from tracing_proxies.destinations import find_collector
from tracing_proxies.errors import ActivationError
from tracing_proxies.exclusion import importing
from tracing_proxies.finishing import service_names
from tracing_proxies.monitoring import catalogue
from tracing_proxies.monitoring.catalogue import Metric
from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Labels, Numbers
from tracing_proxies.registry.model import Registry

METRICS_PATH: Final = "/v1/metrics"
_SCOPE: Final = "tracing_proxies"
_GZIP: Final = 31
_LEVEL: Final = 1
_log = logging.getLogger("tracing_proxies")


class Exporter:
    """Sends cumulative metrics of one process; what does not arrive is contained in what is sent next.

    Args:
        transport: to the collector.
        resource: what names the process.
        interval: seconds between two sends.
    """

    def __init__(self, transport: Transport, resource: Mapping[str, str], interval: float) -> None:
        self._transport = transport
        self._resource = resource
        self.interval = interval
        self.trouble = ""

    def send(self, numbers: Numbers, began: float, timeout: float | None = None) -> bool:
        """Send all numbers once.

        Args:
            began: when counting began, in seconds since the epoch.
            timeout: seconds; None for as long as a request may take.

        Returns:
            Whether the collector has taken them.
        """
        resource = {**self._resource, "process.pid": str(os.getpid())}
        resource["service.instance.id"] = f"{socket.gethostname()}-{os.getpid()}-{int(began * 1e3)}"
        compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
        body = compressor.compress(encode(numbers, resource, began, time.time())) + compressor.flush()
        self._transport.limit(None if timeout is None else time.monotonic() + timeout)
        reply = self._transport.post(METRICS_PATH, body)
        taken = reply.verdict is Verdict.DELIVERED
        if not taken and not self.trouble:  # once, until it works again
            _log.warning("metrics were not taken: %s", reply.reason)
        self.trouble = "" if taken else reply.reason
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def make_exporter(registry: Registry, environ: Mapping[str, str]) -> Exporter | None:
    """Make what a registry asks for; None where it asks for none.

    Raises:
        ActivationError: it asks for one, and names no collector.
    """
    interval = registry.monitoring.otlp
    if not interval:
        return None
    if registry.export.otlp is None:
        raise ActivationError("monitoring.otlp needs a collector: `export: {otlp: {endpoint: …}}`")
    address, headers = find_collector(registry.export.otlp, environ)
    names = service_names(registry, environ)
    resource = {"service.name": names.name, "deployment.environment.name": names.environment}
    if names.version is not None:
        resource["service.version"] = names.version
    try:
        return Exporter(Transport(address, headers()), resource, interval / 1e9)
    except ValueError as error:
        raise ActivationError(f"export.otlp: {error}") from None


def encode(numbers: Numbers, resource: Mapping[str, str], began: float, now: float) -> bytes:
    """Encode numbers as an ``ExportMetricsServiceRequest``.

    Args:
        began: when counting began, in seconds since the epoch.
        now: seconds since the epoch.
    """
    with importing:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
        from opentelemetry.proto.metrics.v1 import metrics_pb2

    times = {"start_time_unix_nano": int(began * 1e9), "time_unix_nano": int(now * 1e9)}
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    _label(group.resource, resource)
    scope = group.scope_metrics.add()
    scope.scope.name = _SCOPE
    found: dict[str, Any] = {}

    def metric_of(name: str) -> tuple[Metric, Any]:
        metric = catalogue.find(name)
        if name not in found:
            # Unlike Prometheus, OTLP tells a counter by its kind and a unit by its field.
            unit = "s" if "seconds" in name else ""
            found[name] = scope.metrics.add(name=name.removesuffix("_total"), description=metric.help, unit=unit)
        return metric, found[name]

    for (name, labels), many in numbers.counters.items():
        metric, message = metric_of(name)
        message.sum.is_monotonic = True
        message.sum.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
        _label(message.sum.data_points.add(as_double=many, **times), _named(metric, labels))
    for (name, labels), value in numbers.gauges.items():
        metric, message = metric_of(name)
        point = message.gauge.data_points.add(as_double=value, time_unix_nano=times["time_unix_nano"])
        _label(point, _named(metric, labels))
    for (name, labels), distribution in numbers.distributions.items():
        metric, message = metric_of(name)
        message.histogram.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
        point = message.histogram.data_points.add(**times)
        _fill(point, metric, distribution)
        _label(point, _named(metric, labels))
        exemplar = numbers.exemplars.get((name, labels))
        if exemplar is not None:
            point.exemplars.add(
                trace_id=bytes.fromhex(exemplar.trace_id),
                span_id=bytes.fromhex(exemplar.span_id),
                as_double=exemplar.size / metric.unit,
                time_unix_nano=int(exemplar.moment * 1e9),
            )
    body: bytes = request.SerializeToString()
    return body


def _fill(point: Any, metric: Metric, distribution: Distribution) -> None:
    point.count, point.sum = round(distribution.count), distribution.total / metric.unit
    below = 0
    for many in distribution.cumulated(bound * metric.unit for bound in metric.bounds):
        point.bucket_counts.append(round(many) - below)
        below = round(many)
    point.bucket_counts.append(max(0, point.count - below))
    point.explicit_bounds.extend(metric.bounds)


def _named(metric: Metric, labels: Labels) -> dict[str, str]:
    return dict(zip(metric.labels, labels, strict=True))


def _label(message: Any, attributes: Mapping[str, str]) -> None:
    for key, value in attributes.items():
        # What came in a lone surrogate cannot be sent as text.
        message.attributes.add(key=key).value.string_value = value.encode("utf-8", "replace").decode("utf-8")
