"""Leaves stubs of calls that were only counted: of the failed, the slow, and those above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracing_proxies.recording import outcome
from tracing_proxies.recording.ids import new_span_id
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.state import told_state
from tracing_proxies.recording.trace import Trace
from tracing_proxies.sampling.rule import keeps, threshold
from tracing_proxies.sampling.verdict import inverse

if TYPE_CHECKING:
    from tracing_proxies.recording.scope import CallScope
    from tracing_proxies.recording.tail import Tail
    from tracing_proxies.recording.unrecorded import Unrecorded

_MOST_STUBS = 50
_TIMED_STUB = 0x7  # of their number: one in 8 is measured


def end_unrecorded(
    tail: Tail, call: Unrecorded, taken: int, failed: bool, scope: CallScope | None, exc: BaseException | None
) -> None:
    """Leave a stub of a call that was only counted, if it failed, was slow, or is above such a one.

    Args:
        tail: decides on its trace.
        taken: nanoseconds.
        scope: the call with its result, where an error was returned.
        exc: what it raised, if that is an error.
    """
    root = call.root
    is_root = call is root
    slow = is_root and tail.keeps_slow and taken > call.recipe.tally.slow
    if failed and not root.refused and root.trace is None:
        tail.controller.errors += 1
    if not ((failed and tail.keeps_errors) or slow or (is_root and root.stubs)):
        return
    if root.trace is None and not _grant(tail, root):
        return
    if root.trace is None or (root.stubs >= _MOST_STUBS and not is_root):
        return
    root.stubs += 1
    first = root.stubs == 1
    if tail.controller.stubs & _TIMED_STUB:
        _leave_stub(tail, call, root, taken, failed, scope, exc)
        tail.controller.left_stub(first=first)
    else:
        start = tail.cpu_clock()
        _leave_stub(tail, call, root, taken, failed, scope, exc)
        tail.controller.left_stub((tail.cpu_clock() - start) / 1e9, first=first)


def _grant(tail: Tail, root: Unrecorded) -> bool:
    """Decide once for all stubs of a trace."""
    if root.refused:
        return False
    error = tail.controller.plan.error
    if not keeps(root.random, error):
        root.refused = True
        return False
    root.trace = trace = Trace(root.trace_id, inverse(error))
    trace.state = told_state(root.state, root.random, threshold(error))
    trace.name = root.recipe.constant_name or ""
    return True


def _leave_stub(
    tail: Tail,
    call: Unrecorded,
    root: Unrecorded,
    taken: int,
    failed: bool,
    scope: CallScope | None,
    exc: BaseException | None,
) -> None:
    trace, recipe = root.trace, call.recipe
    assert trace is not None
    is_root = call is root
    span = Span(tail.recorder, trace, root.stub_id if is_root else new_span_id(), None, None)
    span.recipe, span.app_root = recipe, is_root
    span.parent_id = None if is_root else root.stub_id
    span.start, span.stop = call.start, call.start + taken
    trace.payload = False
    if scope is None and recipe.needs_scope:
        scope = call.scope()
    span.scope = scope
    outcome.begin_record(span, recipe, scope, None)
    if is_root:
        trace.name = span.name
    if failed:
        if exc is not None:
            outcome.error_record(span, recipe, scope, exc)
            span.metadata.pop("error.stack", None)
        elif scope is not None:
            outcome.describe_returned_error(span, recipe, scope)
    span.metadata["sampling.detail"] = "stub"
    span.metadata["sampling.reason"] = "error" if failed else "slow" if not root.stubs > 1 else "above"
    span.release()
    tail.emit(span)
