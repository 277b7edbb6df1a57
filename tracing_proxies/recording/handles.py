"""What the end of a call is told: its span, one that it has taken over, or what only counts it."""

from __future__ import annotations

from typing import Any

from tracing_proxies import clocks
from tracing_proxies.failures import contain
from tracing_proxies.recording import outcome
from tracing_proxies.recording.failure import is_failure
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.room import Crowded
from tracing_proxies.recording.scope import CallScope
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.unrecorded import Unrecorded


class Adoption:
    """A call whose own rule has taken over the span that a framework's call around it had opened."""

    __slots__ = ("context", "recipe", "scope", "span", "start")

    def __init__(self, span: Span, recipe: Recipe, scope: CallScope) -> None:
        self.span = span
        self.context = span.context
        self.recipe = recipe
        self.scope = scope
        self.start = clocks.perf_counter_ns()

    def finish(self, result: Any) -> None:
        """Record the result; the span ends with the call that opened it."""
        try:
            outcome.end_record(self.span, self.recipe, self.scope, result)
        except Exception as exc:
            contain("finish", exc)
        self._count(self.span.level == "ERROR")

    def fail(self, exc: BaseException) -> None:
        """Record what was raised; the span ends with the call that opened it."""
        try:
            outcome.error_record(self.span, self.recipe, self.scope, exc)
        except Exception as error:
            contain("fail", error)
        self._count(is_failure(exc))

    def abandon(self, reason: str) -> None:
        """Record that a stream was not read to its end."""
        self.span.metadata["outcome"] = reason
        self._count(False)

    def _count(self, failed: bool) -> None:
        taken = clocks.perf_counter_ns() - self.start
        self.recipe.count(~taken if failed else taken)
        self.span.settled = True


Recording = Span | Adoption | Unrecorded | Crowded
