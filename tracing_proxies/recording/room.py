"""What becomes of the calls for which a trace has no room left (``budget: {spans_per_trace: …}``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from tracing_proxies import clocks
from tracing_proxies.recording.failure import is_failure

if TYPE_CHECKING:
    from tracing_proxies.recording.recipe import Recipe
    from tracing_proxies.recording.span import Span

_MOST_NAMES = 50
_clock = clocks.perf_counter_ns
OTHERS = "others"


class Crowd:
    """Counts the calls that one trace had no room for.

    Attributes:
        first: when the first of them began, in nanoseconds of the monotonic clock.
    """

    __slots__ = ("calls", "errors", "first", "names")

    def __init__(self, first: int) -> None:
        self.first = first
        self.calls = 0
        self.errors = 0
        self.names: dict[str, int] = {}

    def add(self, name: str) -> None:
        """Count one call by its span's name."""
        self.calls += 1
        if name not in self.names and len(self.names) >= _MOST_NAMES:
            name = OTHERS
        self.names[name] = self.names.get(name, 0) + 1

    def describe(self, span: Span) -> None:
        """Write onto a span what it stands for."""
        span.name = f"{self.calls:,} more call{'' if self.calls == 1 else 's'}"
        span.start = self.first
        span.output = dict(sorted(self.names.items(), key=lambda entry: -entry[1]))
        span.metadata["sampling.left_out"] = self.calls
        if self.errors:
            span.metadata["sampling.left_out_errors"] = self.errors
            span.level = "WARNING"


class Crowded:
    """A call within a recorded trace that has no span of its own: it is counted, and whether it raised.

    Args:
        context: what is current around it, and stays so.
        span: the span above.
        recipe: what holds for it.
        crowd: counts what its trace had no room for; None where it was left out by its own rule.
    """

    __slots__ = ("context", "crowd", "recipe", "span", "start")

    def __init__(self, context: Context, span: Any, recipe: Recipe, crowd: Crowd | None) -> None:
        self.context = context
        self.span = span
        self.recipe = recipe
        self.crowd = crowd
        self.start = _clock()

    def finish(self, result: Any) -> None:
        """Count the call."""
        self.recipe.count(_clock() - self.start)

    def fail(self, exc: BaseException) -> None:
        """Count the call, and the error if it is one."""
        failed = is_failure(exc)
        taken = _clock() - self.start
        self.recipe.count(~taken if failed else taken)
        if self.crowd is not None:
            self.crowd.errors += 1

    def abandon(self, reason: str) -> None:
        """Count the call."""
        self.finish(None)
