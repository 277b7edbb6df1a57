"""What a call came to: results and errors, raised or returned, written onto its span."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.failure import CONTROL_FLOW, is_cancellation
from tracing_proxies.recording.recipe import Recipe, read_all
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.trace import Trace
from tracing_proxies.registry.fields import MISSING, read_field, type_name
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.template import Template, render

_MOST_FRAMES = 32
_LONGEST_MESSAGE = 2000


def write_beginning(span: Span, recipe: Recipe, scope: CallScope | None, args: dict[str, Any] | None) -> None:
    """Write onto a span what is known when its call starts.

    Args:
        scope: the call, None if the recipe reads nothing of it.
        args: the arguments by name, None if neither recipe nor capture needs them.
    """
    span.type = recipe.observation
    constant = recipe.constant_name
    span.name = constant if constant is not None else recipe.name(scope)  # type: ignore[misc]
    if recipe.capture_input and span.trace.payload:
        span.input = _side(recipe.input, scope, recipe, args)
    if scope is None:
        return
    limits = recipe.limits
    for key, value in recipe.metadata:
        found = value(scope)
        if found is not MISSING:
            span.metadata[key] = snapshot(found, limits)
    trace = span.trace
    if recipe.session is not None and (found := recipe.session(scope)) is not MISSING:
        trace.session = render(found)
    if recipe.user is not None and (found := recipe.user(scope)) is not MISSING:
        trace.user = render(found)
    if recipe.tags:
        trace.add_tags(tuple(tag(scope) for tag in recipe.tags))


def write_end(span: Span, recipe: Recipe, scope: CallScope | None, result: Any) -> None:
    """Write onto a span what its call returned."""
    if span.level != "ERROR":
        span.level = recipe.level
    if scope is None:
        if recipe.capture_output and span.trace.payload:
            span.output = snapshot(result, recipe.limits)
        return
    scope.result = result
    if recipe.capture_output and span.trace.payload:
        span.output = _side(recipe.output, scope, recipe, result)
    _late_values(span, recipe, scope)
    if recipe.usage:
        found = {key: value for key, value in read_all(recipe.usage, scope).items() if type(value) is int}
        span.usage = found or span.usage
    if recipe.error_when is not None and recipe.error_when.holds(scope):
        describe_returned_error(span, recipe, scope)


def describe_returned_error(span: Span, recipe: Recipe, scope: CallScope) -> None:
    """Write an error that was returned onto a span."""
    span.level = "ERROR"
    message = recipe.error_message(scope) if recipe.error_message is not None else MISSING
    if message is MISSING and recipe.error_when is not None:
        message = recipe.error_when.matched(scope)
    span.status_message = _text(message)
    span.metadata["error.returned"] = True


def error_record(span: Span, recipe: Recipe, scope: CallScope | None, exc: BaseException) -> None:
    """Write onto a span what its call raised."""
    if isinstance(exc, CONTROL_FLOW):
        return
    if is_cancellation(exc):
        span.level = "WARNING"
        span.status_message = "cancelled"
        span.metadata["outcome"] = "cancelled"
        return
    span.level = "ERROR"
    span.status_message = type_name(type(exc))
    describe_error(span, exc)
    if scope is not None:
        scope.error = exc
        _late_values(span, recipe, scope)


def describe_error(span: Span, exc: BaseException) -> None:
    """Write an exception's type, message, causes and places onto a span, without running any of its code."""
    kind, message = type_name(type(exc)), _message(exc)
    span.status_message = f"{kind}: {message}" if message else kind
    span.metadata["error.type"] = kind
    span.metadata["error.message"] = message
    span.metadata["error.stack"] = places(exc.__traceback__)
    causes: list[str] = []
    seen = {id(exc)}
    cause = exc.__cause__ or exc.__context__
    while cause is not None and id(cause) not in seen and len(causes) < 8:
        seen.add(id(cause))
        causes.append(f"{type_name(type(cause))}: {_message(cause)}")
        cause = cause.__cause__ or cause.__context__
    if causes:
        span.metadata["error.causes"] = causes


def places(traceback: TracebackType | None) -> list[str]:
    """List the frames of a traceback as ``file:line in function``, the outermost first; no source is read."""
    found: list[str] = []
    while traceback is not None and len(found) < _MOST_FRAMES:
        code = traceback.tb_frame.f_code
        # Not f_locals: reading it would tie the frame to the exception that it holds.
        if "__tracebackhide__" not in code.co_varnames:
            found.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return found


def _side(given: Any, scope: CallScope | None, recipe: Recipe, whole: Any) -> Any:
    if given is None or scope is None:
        return snapshot(whole, recipe.limits)
    if callable(given):
        found = given(scope)
        return None if found is MISSING else snapshot(found, recipe.limits)
    found = {key: value for key, value in read_all(given, scope).items() if value is not MISSING}
    return snapshot(found, recipe.limits)


def _late_values(span: Span, recipe: Recipe, scope: CallScope) -> None:
    for pairs in (recipe.late_metadata, recipe.outcome):
        for key, value in pairs:
            found = value(scope)
            if found is not MISSING:
                span.metadata[key] = snapshot(found, recipe.limits)
    if recipe.status_message is not None and (found := recipe.status_message(scope)) is not MISSING:
        span.status_message = _text(found)
    if recipe.model is not None and (found := recipe.model(scope)) is not MISSING:
        span.model = render(found)


def _message(exc: BaseException) -> str:
    return _text(read_field(exc, "message")) or ""


def _text(value: Any) -> str | None:
    if value is MISSING or value is None:
        return None
    return value[:_LONGEST_MESSAGE] if type(value) is str else render(value)


begin_record, end_record = write_beginning, write_end

if hot is not None:
    begin_record, end_record = hot.begin_record, hot.end_record
    hot.bind_outcome(
        {cls.__name__: cls for cls in (Recipe, Span, Trace, CallScope, CapturePath, Template)}
        | {
            "render": render,
            "text": _text,
            "side": _side,
            "describe_returned_error": describe_returned_error,
            "write_beginning": write_beginning,
            "write_end": write_end,
        }
    )
