"""What a plain combination of known parts does: an OpenTelemetry SDK span in a wrapt wrapper, nothing captured.

With ``encode`` its spans are made ready to be sent as well, as those of the woven run are: in batches, by the encoder
of OpenTelemetry's OTLP exporters.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import FunctionType, ModuleType
from typing import Any

import wrapt
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_QUEUE = 2_000_000  # spans: none is dropped for want of room, which would be cheap


class _Counting(SpanProcessor):
    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: Any) -> None:
        self.ended += 1


class _Encoding(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


class Reference:
    """Wraps the public functions and methods of all modules of some packages.

    Args:
        encode: whether spans are encoded as well.
    """

    def __init__(self, packages: list[str], *, encode: bool) -> None:
        self._counting = _Counting()
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(self._counting)
        if encode:
            self._provider.add_span_processor(BatchSpanProcessor(_Encoding(), max_queue_size=_QUEUE))
        tracer = self._provider.get_tracer("reference")
        for package in packages:
            for module in _modules(package):
                _wrap_all(module, tracer)

    def flush(self) -> int:
        """Wait until all is encoded, and return how many spans have ended."""
        self._provider.force_flush(60_000)
        return self._counting.ended


def _modules(package: str) -> list[ModuleType]:
    found = [importlib.import_module(package)]
    for info in pkgutil.walk_packages(getattr(found[0], "__path__", ()), package + ".", onerror=lambda name: None):
        if ".tests" in info.name or info.name.endswith("__main__"):
            continue
        try:
            found.append(importlib.import_module(info.name))
        except Exception as exc:  # optional parts whose dependencies are not installed
            print(f"reference: {info.name} cannot be imported: {exc!r}")
    return found


def _wrap_all(module: ModuleType, tracer: trace.Tracer) -> None:
    for name, raw in list(vars(module).items()):
        if name.startswith("_") or getattr(raw, "__module__", None) != module.__name__:
            continue
        if type(raw) is FunctionType:
            setattr(module, name, _wrap(raw, f"{module.__name__}.{name}", tracer))
        elif isinstance(raw, type):
            for key, entry in list(vars(raw).items()):
                if not key.startswith("_") and type(entry) in (FunctionType, classmethod, staticmethod):
                    setattr(raw, key, _wrap(entry, f"{raw.__qualname__}.{key}", tracer))


def _wrap(raw: Any, name: str, tracer: trace.Tracer) -> Any:
    def around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        with tracer.start_as_current_span(name):
            return wrapped(*args, **kwargs)

    return wrapt.FunctionWrapper(raw, around)
