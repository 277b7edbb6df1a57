"""What becomes of the calls for which a trace has no room left (``budget: {spans_per_trace: …}``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

if TYPE_CHECKING:
    from tracing_proxies.recording.span import Span

_MOST_NAMES = 50
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
    """A call that its trace has no room for: it is counted, and whether it raised."""

    __slots__ = ("context", "crowd", "span")

    def __init__(self, context: Context, span: Span, crowd: Crowd) -> None:
        self.context = context
        self.span = span
        self.crowd = crowd

    def finish(self, result: Any) -> None:
        """Record nothing."""

    def fail(self, exc: BaseException) -> None:
        """Count the error."""
        self.crowd.errors += 1

    def abandon(self, reason: str) -> None:
        """Record nothing."""
