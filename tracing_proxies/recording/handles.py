"""What the end of a call is told: its span, one that it has taken over, or nothing where sampling has left it out."""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context

from tracing_proxies.failures import contain
from tracing_proxies.recording import outcome
from tracing_proxies.recording.context import SPAN_KEY, UNSAMPLED
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.room import Crowded
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import Span


class Adoption:
    """A call whose own rule has taken over the span that a framework's call around it had opened."""

    __slots__ = ("context", "recipe", "scope", "span")

    def __init__(self, span: Span, recipe: Recipe, scope: CallScope) -> None:
        self.span = span
        self.context = span.context
        self.recipe = recipe
        self.scope = scope

    def finish(self, result: Any) -> None:
        """Record the result; the span ends with the call that opened it."""
        try:
            outcome.end_record(self.span, self.recipe, self.scope, result)
        except Exception as exc:
            contain("finish", exc)
        self.span.settled = True

    def fail(self, exc: BaseException) -> None:
        """Record what was raised; the span ends with the call that opened it."""
        try:
            outcome.error_record(self.span, self.recipe, self.scope, exc)
        except Exception as error:
            contain("fail", error)
        self.span.settled = True

    def abandon(self, reason: str) -> None:
        """Record that a stream was not read to its end."""
        self.span.metadata["outcome"] = reason
        self.span.settled = True


class Unsampled:
    """A call that sampling has left out, and with it everything below."""

    __slots__ = ("context", "span")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.span = UNSAMPLED

    def finish(self, result: Any) -> None:
        """Record nothing."""

    def fail(self, exc: BaseException) -> None:
        """Record nothing."""

    def abandon(self, reason: str) -> None:
        """Record nothing."""


NEVER_RECORDED = Unsampled(Context({SPAN_KEY: UNSAMPLED}))  # where nothing else is current, one serves all calls

Recording = Span | Adoption | Unsampled | Crowded
