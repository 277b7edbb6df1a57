"""Cost of one method call: plain, through a bare wrapt proxy, woven at each level of detail, and under `@observe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wrapt

import tracing_proxies
from perf.bursts import ARGUMENTS, measure
from perf.woven import EVERYTHING, STUBS_OF_ERRORS, flush, switch, woven


class Target:
    """Holds one small method several times, so that every case measures the same body."""

    def plain(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def proxied(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def sell(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def observed(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def within(self, work: Callable[[], None]) -> None:
        work()


SELL = "match: 'perf.test_calls:Target.sell'"
WITHIN = "match: 'perf.test_calls:Target.within', capture: none"


def _pass_through(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


Target.proxied = wrapt.FunctionWrapper(Target.proxied, _pass_through)  # type: ignore[method-assign]


def _measure(
    benchmark: Any, case: str, title: str, method: str = "sell", settle: Callable[[], Any] | None = flush, **more: Any
) -> None:
    call = f"target.{method}{ARGUMENTS}"
    measure(benchmark, call, {"target": Target()}, case=case, group="calls", settle=settle, title=title, **more)


def _calls() -> int:
    counted: int = tracing_proxies.status()["calls"]["count"]
    return counted


def _delivered() -> int:
    delivered: int = tracing_proxies.status()["delivery"]["delivered"]
    return delivered


@pytest.fixture(autouse=True)
def no_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACING_PROXIES", "TRACING_PROXIES__SAMPLING__BUDGET"):
        monkeypatch.delenv(name, raising=False)


def test_plain_call(benchmark: Any) -> None:
    _measure(benchmark, "plain_call", "plain call", "plain", settle=None)


def test_bare_wrapt_proxy(benchmark: Any) -> None:
    _measure(benchmark, "bare_wrapt_proxy", "through a bare wrapt proxy", "proxied", settle=None)


def test_nothing_patched(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = vars(Target)["sell"]
    monkeypatch.setenv("TRACING_PROXIES", "off")
    with woven(SELL):
        assert vars(Target)["sell"] is raw
        _measure(benchmark, "nothing_patched", "`TRACING_PROXIES=off`", settle=None)


def test_woven_switched_off(benchmark: Any) -> None:
    with woven(SELL):
        switch(False)
        _measure(benchmark, "woven_switched_off", "after `tracing-proxies off`")
        assert _calls() == 0


def test_woven_sampled_out(benchmark: Any) -> None:
    with woven(f"{SELL}, sample: never"):
        _measure(benchmark, "woven_sampled_out", "woven, `sample: never`; counted")
        assert _calls() >= 100
        assert _delivered() == 0


def test_woven_unrecorded_root(benchmark: Any) -> None:
    with woven(SELL, budget="1%", plan=STUBS_OF_ERRORS):
        _measure(benchmark, "woven_unrecorded_root", "woven, left out by the budget, first of its trace; counted")
        assert _calls() >= 100
        assert _delivered() < 0.1 * _calls()  # a slow one leaves its stub


def test_woven_counted_child(benchmark: Any) -> None:
    with woven(SELL, WITHIN, budget="1%", plan=STUBS_OF_ERRORS):
        title = "woven, left out by the budget, within a trace; counted"
        Target().within(lambda: _measure(benchmark, "woven_counted_child", title))
        assert _calls() >= 101
        assert _delivered() <= 1  # the call around them may be slow


def test_woven_skeleton(benchmark: Any) -> None:
    with woven(f"{SELL}, capture: none"):
        _measure(benchmark, "woven_skeleton", "woven, `capture: none`: a span without payload")
        assert _delivered() == _calls()


def test_woven_captured(benchmark: Any) -> None:
    with woven(SELL):
        _measure(benchmark, "woven_captured", "woven, arguments and result captured")
        assert _delivered() == _calls()


def test_woven_captured_child(benchmark: Any) -> None:
    with woven(SELL, WITHIN):
        Target().within(lambda: _measure(benchmark, "woven_captured_child", "the same, within a trace"))
        flush()
        assert _delivered() == _calls()


def test_woven_captured_within_budget(benchmark: Any) -> None:
    with woven(SELL, budget="1%", plan=EVERYTHING):
        _measure(benchmark, "woven_captured_within_budget", "the same, first of its trace, where a budget is kept to")
        assert _delivered() >= 0.99 * _calls()  # what is under way may wait for its verdict


def test_langfuse_observe(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from langfuse import Langfuse, observe
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    class Nowhere(SimpleSpanProcessor):
        """Ends spans without exporting them, so that the server's absence costs nothing."""

        def __init__(self) -> None:
            super().__init__(None)  # type: ignore[arg-type]

        def on_end(self, span: Any) -> None:
            return

        def shutdown(self) -> None:
            return

    provider = TracerProvider()
    client = Langfuse(
        public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url="http://127.0.0.1:9", tracer_provider=provider
    )
    provider._active_span_processor._span_processors = (Nowhere(),)
    monkeypatch.setattr(Target, "observed", observe(Target.observed))
    try:
        title = "Langfuse `@observe`, no mask, no export"
        _measure(benchmark, "langfuse_observe", title, "observed", settle=None, part=10)
    finally:
        client.shutdown()
