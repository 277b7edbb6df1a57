"""The variables that Langfuse's SDK documents, and what each of them means to us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tracing_proxies.delivery.request_limits import MAX_BATCH_BYTES, MAX_BATCH_SPANS

ENABLED: Final = "LANGFUSE_TRACING_ENABLED"
DEBUG: Final = "LANGFUSE_DEBUG"
_LONGEST_TIMEOUT: Final = 300.0
_LONGEST_LINGER: Final = 60.0
_SMALLEST_BATCH: Final = 64 * 1024
_SDK: Final = "it is the SDK's own, which reads it as before"


@attrs.frozen(eq=False, repr=False)
class Variable:
    """One variable.

    Args:
        honoured: what it sets here; "" where it sets nothing.
        reason: why it sets nothing, or what holds instead.
    """

    name: str
    honoured: str = ""
    reason: str = ""


VARIABLES: Final = (
    Variable("LANGFUSE_BASE_URL", "the server's address"),
    Variable("LANGFUSE_HOST", "the server's address, where LANGFUSE_BASE_URL is not set"),
    Variable("LANGFUSE_PUBLIC_KEY", "the project"),
    Variable("LANGFUSE_SECRET_KEY", "the project's key"),
    Variable("LANGFUSE_TRACING_ENVIRONMENT", "service.environment, where the registry names none"),
    Variable("LANGFUSE_RELEASE", "service.release, where the registry names none"),
    Variable(ENABLED, "whether anything is sent to Langfuse"),
    Variable("LANGFUSE_TIMEOUT", "seconds for a request"),
    Variable("LANGFUSE_FLUSH_AT", "the most spans of a request"),
    Variable("LANGFUSE_FLUSH_INTERVAL", "seconds that spans are collected for a request"),
    Variable(DEBUG, "whether each request is logged, at level DEBUG of the logger tracing_proxies"),
    Variable("LANGFUSE_OTEL_TRACES_EXPORT_PATH", "the path that spans are sent to"),
    Variable("LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES", "the most bytes of a request before compression, at most 4 MB"),
    Variable(
        "LANGFUSE_SAMPLE_RATE",
        reason="superseded: sampling.budget and the rules' sample: decide, and would be thinned once more by it",
    ),
    Variable("LANGFUSE_OTEL_COMPRESSION", reason="requests are always compressed with gzip, which all servers take"),
    Variable("LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED", reason=f"{_SDK}; the registry's is capture:"),
    Variable("LANGFUSE_MEDIA_UPLOAD_ENABLED", reason=f"{_SDK}; this layer uploads no media"),
    Variable("LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT", reason=f"{_SDK}; this layer uploads no media"),
    Variable("LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS", reason=f"{_SDK}; this layer fetches no prompts"),
    Variable("LANGFUSE_OPENAI_SKIP_RAW_RESPONSES", reason=f"{_SDK}; this layer has no wrapper of OpenAI's client"),
)


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Tell whether anything may be sent to Langfuse."""
    return environ.get(ENABLED, "true").strip().lower() not in ("false", "0")


def wants_debug(environ: Mapping[str, str]) -> bool:
    """Tell whether requests are to be logged."""
    return environ.get(DEBUG, "").strip().lower() in ("true", "1")


def sink_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a sink of spans that the environment makes; what cannot be read is left out."""
    found: dict[str, Any] = {}
    timeout = _number(environ, "LANGFUSE_TIMEOUT", float, 0.1, _LONGEST_TIMEOUT)
    if timeout is not None:
        found["read_timeout"] = timeout
    spans = _number(environ, "LANGFUSE_FLUSH_AT", int, 1, MAX_BATCH_SPANS)
    if spans is not None:
        found["max_batch_spans"] = spans
    linger = _number(environ, "LANGFUSE_FLUSH_INTERVAL", float, 0.0, _LONGEST_LINGER)
    if linger is not None:
        found["linger"] = linger
    size = _number(environ, "LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES", int, _SMALLEST_BATCH, MAX_BATCH_BYTES)
    if size is not None:
        found["max_batch_bytes"] = size
    path = environ.get("LANGFUSE_OTEL_TRACES_EXPORT_PATH", "").strip().strip("/")
    if path:
        found["path"] = f"/{path}"
    return found


def describe_variable(variable: Variable, environ: Mapping[str, str], instead: str = "") -> str:
    """Say what comes of a variable that is set; no secret is shown.

    Args:
        instead: what holds in its place; "" where nothing does.
    """
    value = environ[variable.name]
    if "KEY" in variable.name:
        return "set"
    if instead:
        return f"{value} (not applicable: {instead} holds)"
    if not variable.honoured:
        return f"{value} (not applicable: {variable.reason})"
    setting = _SETTINGS.get(variable.name)
    if setting is None:
        return value
    holds = sink_settings(environ).get(setting)
    if holds is None:
        return f"{value} (not applicable: it cannot be read)"
    return value if _same(value, holds) else f"{value} (as {holds})"


_SETTINGS: Final = {
    "LANGFUSE_TIMEOUT": "read_timeout",
    "LANGFUSE_FLUSH_AT": "max_batch_spans",
    "LANGFUSE_FLUSH_INTERVAL": "linger",
    "LANGFUSE_OTEL_MAX_BATCH_SIZE_BYTES": "max_batch_bytes",
    "LANGFUSE_OTEL_TRACES_EXPORT_PATH": "path",
}


def _same(value: str, holds: Any) -> bool:
    if type(holds) is str:
        return value.strip("/ ") == holds.strip("/")
    return bool(float(value) == holds)


def _number(environ: Mapping[str, str], name: str, kind: Callable[[str], Any], least: float, most: float) -> Any:
    text = environ.get(name, "").strip()
    try:
        number = kind(text)
    except (ValueError, OverflowError):
        return None
    return kind(str(min(max(number, least), most))) if number == number else None
