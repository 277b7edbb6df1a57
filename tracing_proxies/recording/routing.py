"""Hands the spans of a decided trace on, with the weights that its verdict gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tracing_proxies.failures import contain
from tracing_proxies.sampling.rule import threshold

if TYPE_CHECKING:
    from tracing_proxies.recording.held import Held
    from tracing_proxies.recording.span import Span


Reader = Callable[["Span"], None]


def show(span: Span, readers: Sequence[Reader], reason: str = "reader") -> None:
    """Show an ended span to all who want to see it; a failure of theirs is counted under ``reason``."""
    for reader in tuple(readers):
        try:
            reader(span)
        except Exception as exc:
            contain(reason, exc)


def route(held: Held, span: Span, late: bool) -> None:
    """Hand a span on under its trace's verdict, or leave it out.

    Args:
        late: whether it has come after the verdict; an error may still leave a trace of itself then.
    """
    tail = held.tail
    verdict = held.verdict
    assert verdict is not None
    trace = held.trace
    root = span.span_id == held.root_id
    error = span.level == "ERROR"
    if verdict.whole or (verdict.stub and (root or error)):
        span.weight *= verdict.weight if root or error else verdict.inner
        if not verdict.whole and not root:
            span.parent_id = held.root_id
        if root and (verdict.weight != 1.0 or verdict.reason != "share"):
            span.metadata["sampling.reason"] = verdict.reason
            span.metadata["sampling.detail"] = (
                "errors" if not verdict.whole else "full" if trace.payload else "skeleton"
            )
        if held.partial and root:
            span.metadata["sampling.partial"] = True
        tail.emit(span)
    elif late and error and tail.keeps_errors and held.random >= threshold(plan := tail.controller.plan.error):
        span.weight /= plan
        span.metadata["sampling.reason"], span.metadata["sampling.detail"] = "error", "late"
        if held.partial:
            span.metadata["sampling.partial"] = True
        tail.emit(span)
    else:
        if verdict.stub:  # what readers write onto the first call is to be about all of its trace
            show(span, tail.recorder.readers)
        tail.leave_out_span()
