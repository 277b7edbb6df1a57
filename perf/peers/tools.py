"""The tools that are compared, each with its own documented way of tracing one function, and an exporter to nowhere.

What a tool needs is imported where it is started only: no environment has all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from perf.peers.target import Target

Started = tuple[Callable[[], Any], Callable[[], int]]
"""What waits until the tool's own threads rest, and what tells how many spans have gone to nowhere."""

_SDK = ("opentelemetry-sdk",)


class Tool(NamedTuple):
    """One case.

    Args:
        name: what it is called by.
        package: the distribution that is measured.
        requirements: what its environment needs; nothing where it is this project's own.
        start: has `Target.traced` traced.
        way: how, in the tool's own words.
        records: what is recorded of a call.
        exports: whether a call makes a span.
    """

    name: str
    package: str
    requirements: tuple[str, ...]
    start: Callable[[], Started]
    way: str
    records: str
    exports: bool = True


def _nowhere() -> tuple[Any, Callable[[], int]]:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        count = 0

        def export(self, spans: Any) -> SpanExportResult:
            self.count += len(spans)
            return SpanExportResult.SUCCESS

    exporter = Nowhere()
    return exporter, lambda: exporter.count


def _ours(settings: str = "", budget: str = "unlimited", recorded: bool = True) -> Callable[[], Started]:
    def start() -> Started:
        import tracing_proxies
        from perf.woven import EVERYTHING, STUBS_OF_ERRORS, flush, weave

        plan = None if budget == "unlimited" else EVERYTHING if recorded else STUBS_OF_ERRORS
        rule = f"match: 'perf.peers.target:Target.traced'{settings}"
        weave(rule, budget=budget, plan=plan)

        def count() -> int:
            delivered: int = tracing_proxies.status()["delivery"]["delivered"]
            return delivered

        return flush, count

    return start


def _provider(make: Callable[..., Any], share: float) -> tuple[Any, Started]:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    exporter, count = _nowhere()
    provider = make(sampler=ParentBased(TraceIdRatioBased(share)))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, (provider.force_flush, count)


def _opentelemetry(share: float) -> Callable[[], Started]:
    def start() -> Started:
        from opentelemetry.sdk.trace import TracerProvider

        provider, started = _provider(TracerProvider, share)
        tracer = provider.get_tracer(__name__)
        Target.traced = tracer.start_as_current_span("traced")(Target.traced)  # type: ignore[method-assign]
        return started

    return start


def _langfuse(share: float) -> Callable[[], Started]:
    def start() -> Started:
        from langfuse import Langfuse, observe

        exporter, count = _nowhere()
        client = Langfuse(
            public_key="pk-lf-bench",
            secret_key="sk-lf-bench",
            base_url="http://127.0.0.1:9",
            sample_rate=share,
            span_exporter=exporter,
        )
        Target.traced = observe()(Target.traced)  # type: ignore[method-assign]
        return client.flush, count

    return start


def _ddtrace() -> Started:
    os.environ.update(DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_REMOTE_CONFIGURATION_ENABLED="false")
    from ddtrace.trace import TraceFilter, tracer

    class Nowhere(TraceFilter):
        count = 0

        def process_trace(self, trace: list[Any]) -> None:
            self.count += len(trace)

    nowhere = Nowhere()
    tracer.configure(trace_processors=[nowhere])
    Target.traced = tracer.wrap()(Target.traced)  # type: ignore[method-assign]
    return (lambda: None), (lambda: nowhere.count)


def _openinference() -> Started:
    from openinference.instrumentation import TracerProvider

    provider, started = _provider(TracerProvider, 1.0)
    Target.traced = provider.get_tracer(__name__).tool(Target.traced)  # type: ignore[method-assign]
    return started


def _traceloop() -> Started:
    os.environ["TRACELOOP_TELEMETRY"] = "false"
    from opentelemetry import trace
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import task

    exporter, count = _nowhere()
    Traceloop.init("bench", exporter=exporter, instruments=set(), telemetry_enabled=False)
    Target.traced = task(name="traced")(Target.traced)  # type: ignore[method-assign]
    provider: Any = trace.get_tracer_provider()
    return provider.force_flush, count


def _logfire() -> Started:
    import logfire
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter, count = _nowhere()
    processors = [BatchSpanProcessor(exporter)]
    logfire.configure(send_to_logfire=False, console=False, metrics=False, additional_span_processors=processors)
    Target.traced = logfire.instrument(record_return=True)(Target.traced)  # type: ignore[method-assign]
    return logfire.force_flush, count


def _langsmith() -> Started:
    os.environ["LANGSMITH_TRACING"] = "true"
    import requests
    from langsmith import Client, traceable
    from requests.adapters import BaseAdapter

    class Nowhere(BaseAdapter):
        count = 0

        def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
            self.count += 1
            response = requests.Response()
            response.status_code, response.request, response.url = 202, request, request.url
            response._content = b"{}"
            return response

        def close(self) -> None:
            return

    client = Client(api_url="http://127.0.0.1:9", api_key="ls-bench")
    nowhere = Nowhere()
    client.session.mount("http://", nowhere)
    Target.traced = traceable(client=client)(Target.traced)  # type: ignore[method-assign]
    return client.flush, (lambda: nowhere.count)


def _mlflow() -> Started:
    os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"  # the default is a store that its tracing package lacks
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://127.0.0.1:9/v1/traces"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
    import mlflow
    from mlflow.tracing.provider import provider
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter, count = _nowhere()
    OTLPSpanExporter.export = lambda _, spans: exporter.export(spans)  # type: ignore[method-assign, misc]
    Target.traced = mlflow.trace(Target.traced)  # type: ignore[method-assign]

    def settle() -> None:
        made = provider.get()  # with the first call
        if made is not None:
            made.force_flush()

    return settle, count


_BOTH = "arguments and result"
_OURS = "tracing_proxies"

TOOLS = (
    Tool("sampled out", _OURS, (), _ours(", sample: never"), "`sample: never`", "count, duration, error", False),
    Tool("left out by the budget", _OURS, (), _ours("", "1%", False), "`budget: 1%`", "count, duration, error", False),
    Tool("skeleton", _OURS, (), _ours(", capture: none"), "`capture: none`", "no payload"),
    Tool("captured", _OURS, (), _ours(), "`budget: unlimited`", _BOTH),
    Tool("captured, within a budget", _OURS, (), _ours("", "1%"), "`budget: 1%`", _BOTH),
    Tool("OpenTelemetry, unsampled", "opentelemetry-sdk", _SDK, _opentelemetry(0.0),
         "`tracer.start_as_current_span`, `TraceIdRatioBased(0)`", "nothing", False),
    Tool("OpenTelemetry", "opentelemetry-sdk", _SDK, _opentelemetry(1.0), "`tracer.start_as_current_span`",
         "no payload"),
    Tool("Langfuse, unsampled", "langfuse", ("langfuse",), _langfuse(0.0), "`@observe`, `sample_rate=0`", "nothing",
         False),
    Tool("Langfuse", "langfuse", ("langfuse",), _langfuse(1.0), "`@observe`", _BOTH),
    Tool("ddtrace", "ddtrace", ("ddtrace",), _ddtrace, "`@tracer.wrap`, a filter that drops each trace",
         "no payload"),
    Tool("OpenInference", "openinference-instrumentation", ("openinference-instrumentation", *_SDK), _openinference,
         "`@tracer.tool`", _BOTH),
    Tool("Traceloop", "traceloop-sdk", ("traceloop-sdk", "httpx"), _traceloop, "`@task`", _BOTH),
    Tool("Logfire", "logfire", ("logfire",), _logfire, "`@logfire.instrument(record_return=True)`", _BOTH),
    Tool("LangSmith", "langsmith", ("langsmith",), _langsmith, "`@traceable`", _BOTH),
    Tool("MLflow", "mlflow-tracing", ("mlflow-tracing", "opentelemetry-exporter-otlp-proto-http"), _mlflow,
         "`@mlflow.trace` into OTLP", _BOTH),
)  # fmt: skip
