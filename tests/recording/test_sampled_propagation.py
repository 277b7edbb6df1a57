"""Services keep the same traces: what is told of a trace in headers, and what is made of what others have told."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.recording.context import attach, current, detach, with_span
from tracing_proxies.recording.propagation import read_headers, write_headers
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.rule import MASK, read_state, threshold
from tracing_proxies.testing import registry_from

RULES = """
version: 1
export: { discard: {} }
sampling: { budget: 1% }
trace: [{ match: "asked_shop:*" }]
"""
SOURCE = """
def serve(inside):
    return inside()

def fail(inside):
    inside()
    raise ValueError("broken")
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
R = int(TRACE, 16) & MASK


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.delenv("TRACING_PROXIES__SAMPLING__BUDGET")
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    module: Any = types.ModuleType("asked_shop")
    exec(SOURCE, vars(module))
    sys.modules["asked_shop"] = module

    def activate(record: float, share: float = 1.0, error: float = 0.0, whole: float = 0.0) -> Any:
        tracing_proxies.activate(registry_from(RULES))
        active = runtime._runtime
        assert active is not None
        controller, tail = active.budgeting._controller, active.recorder.tail
        assert controller is not None
        assert tail is not None
        controller.plan = Plan(record, record, error, whole, 1.0)
        monkeypatch.setattr(controller, "step", lambda: None)
        controller.keys.others.share = share
        tail.keeps_rare, tail._rare_after = False, 1 << 64
        spans: list[Any] = []
        monkeypatch.setattr(active.recorder, "emit", spans.append)
        return module, spans

    yield activate
    tracing_proxies.deactivate()
    del sys.modules["asked_shop"]


def headers() -> dict[str, str]:
    return write_headers(current())


def asked(call: Callable[[], Any], parent: str, state: str = "") -> Any:
    told = read_headers([parent], [state] if state else [])
    assert told is not None
    token = attach(with_span(Context(), NonRecordingSpan(told)))
    try:
        return call()
    finally:
        detach(token)


def test_a_trace_that_is_recorded_and_kept_is_told_as_sampled_with_r_and_t(shop: Any) -> None:
    module, spans = shop(record=0.5, share=0.25)
    kept = 0
    for _ in range(200):
        told = module.serve(headers)
        version, trace_id, _, flags = told["traceparent"].split("-")
        random, least = read_state(told["tracestate"].removeprefix("ot="))
        assert (version, random) == ("00", int(trace_id, 16) & MASK)
        assert (flags == "01") == (random >= threshold(0.25))
        assert least == (threshold(0.25) if flags == "01" else None)
        kept += flags == "01"
    assert len(spans) == kept
    assert {span.weight for span in spans} == {4.0}
    assert {span.trace.state.get("ot").partition(";")[0] for span in spans} == {"th:c"}


def test_what_has_been_told_as_kept_is_kept_whatever_comes_then(shop: Any) -> None:
    module, spans = shop(record=1.0)
    active = runtime._runtime
    assert active is not None
    controller = active.budgeting._controller
    assert controller is not None

    def ask() -> dict[str, str]:
        told = headers()
        controller.keys.find("serve").share = 0.0
        return told

    assert module.serve(ask)["traceparent"].endswith("-01")
    assert [span.name for span in spans] == ["serve"]


def test_a_decision_that_comes_in_is_respected_with_its_weight(shop: Any) -> None:
    module, spans = shop(record=0.0, share=0.0)
    told = asked(lambda: module.serve(headers), f"00-{TRACE}-b7ad6b7169203331-01", f"ot=th:8;rv:{R:014x},x=1")
    assert told["traceparent"].startswith(f"00-{TRACE}-")
    assert told["traceparent"].endswith("-01")
    assert told["tracestate"] == f"ot=th:8;rv:{R:014x},x=1"
    (span,) = spans
    assert (span.weight, f"{span.trace.trace_id:032x}", f"{span.parent_id:016x}") == (2.0, TRACE, "b7ad6b7169203331")


def test_of_a_trace_that_was_left_out_elsewhere_errors_are_kept_and_marked_as_a_part(shop: Any) -> None:
    module, spans = shop(record=1.0, error=1.0, whole=1.0)
    assert asked(lambda: module.serve(headers), f"00-{TRACE}-b7ad6b7169203331-00")["traceparent"].endswith("-00")
    assert spans == []
    with pytest.raises(ValueError, match="broken"):
        asked(lambda: module.fail(headers), f"00-{TRACE}-b7ad6b7169203331-00")
    (span,) = spans
    assert (span.level, span.metadata["sampling.partial"]) == ("ERROR", True)


def test_a_trace_that_is_only_counted_tells_its_id_and_r_and_that_it_is_not_sampled(shop: Any) -> None:
    module, spans = shop(record=0.0)
    told = [module.serve(headers) for _ in range(3)]
    ids = {each["traceparent"].split("-")[1] for each in told}
    assert len(ids) == 3
    for each in told:
        random, least = read_state(each["tracestate"].removeprefix("ot="))
        assert (random, least) == (int(each["traceparent"].split("-")[1], 16) & MASK, None)
        assert each["traceparent"].endswith("-00")
    assert spans == []


def test_an_r_that_comes_in_decides_in_place_of_the_trace_id(shop: Any) -> None:
    module, spans = shop(record=0.5)
    parent = f"00-{TRACE}-b7ad6b7169203331-00"
    low, high = "ot=rv:00000000000001", "ot=rv:ffffffffffffff"
    for state in (low, high):
        told = asked(lambda: module.serve(headers), parent, state)
        assert told["tracestate"].endswith(state.removeprefix("ot="))
    assert spans == []


def test_without_a_budget_headers_say_what_they_always_said(shop: Any) -> None:
    module, spans = shop(record=1.0)
    tracing_proxies.deactivate()
    tracing_proxies.activate(registry_from(RULES.replace("1%", "unlimited")))
    told = module.serve(headers)
    assert told["traceparent"].endswith("-01")
    assert "tracestate" not in told
    assert spans == []
