"""What stands on Strands' own classes answers what the API, and the originals of what is compiled, would answer."""

from __future__ import annotations

import sys
from functools import partial
from types import MethodType
from typing import Any

import pytest
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, NoOpTracer, SpanContext

from tests.context.work import outer
from tests.weaving.support import woven
from tests.weaving.twins import outcome
from tracing_proxies.adapters.strands import Entry, _Silent
from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import SPAN_KEY
from tracing_proxies.recording.unrecorded import UNSAMPLED


class Derived(NonRecordingSpan):
    """A span of another library."""


OTHERS = [
    None,
    INVALID_SPAN,
    NonRecordingSpan(SpanContext(7, 5, is_remote=True)),
    Derived(SpanContext(7, 6, is_remote=False)),
    UNSAMPLED,
    "no span at all",
]


@pytest.mark.parametrize("above", OTHERS, ids=lambda above: type(above).__name__)
@pytest.mark.parametrize("passed", [True, False])
def test_a_silent_tracer_answers_what_the_apis_own_does(above: Any, passed: bool) -> None:
    context = Context() if above is None else Context({SPAN_KEY: above})
    token = attach(Context() if passed else context)
    try:
        started = [tracer.start_span("it", context if passed else None) for tracer in (_Silent(), NoOpTracer())]
    finally:
        detach(token)
    assert started[0] is started[1]


def test_a_silent_tracer_passes_on_the_ids_of_a_span_of_ours() -> None:
    def work() -> None:
        with _Silent().start_as_current_span("it") as span:
            assert type(span) is NonRecordingSpan
            seen.append(span.get_span_context().span_id)

    seen: list[int] = []
    with woven(f"{outer.__module__}:outer") as spans:
        sys.modules[outer.__module__].outer(work)  # type: ignore[attr-defined]
    assert seen == [spans[0].span_id]


class Tool:
    """Holds a function in an entry of its own."""

    def __init__(self, **entries: Any) -> None:
        vars(self).update(entries)

    def method(self) -> str:
        return "raw"


def plain() -> str:
    return "raw"


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@pytest.mark.parametrize(
    "held",
    [plain, len, None, Tool().method, MethodType(len, "abc"), MethodType(plain, 1), lambda: None],
    ids=["function", "builtin", "nothing", "method", "method of a builtin", "function bound to 1", "other function"],
)
def test_an_entry_is_answered_by_what_stands_for_it(held: Any) -> None:
    standing: dict[int, tuple[Any, Any]] = {}
    for function in (plain, Tool.method, len):
        standing[id(function)] = (function, lambda *args, function=function: ("woven", function))
    for name in ("function", "absent"):
        for table in (standing, {}):
            compiled, original = hot.Entry(name, table), Entry(name, table)
            tool = Tool(function=held)
            found = [outcome(partial(entry.__get__, tool, Tool)) for entry in (compiled, original)]
            assert found[0] == found[1]
            assert type(found[0][1]) is type(found[1][1])
            assert compiled.__get__(None, Tool) is compiled
