"""Cost of one method call: plain, through a bare wrapt proxy, woven in each detail, and under Langfuse's `@observe`.

Calls come in bursts of 100 with a flush between, so that the worker's time is not taken for the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wrapt

import tracing_proxies
from tracing_proxies.testing import registry_from

BURST = 100
ROUNDS = 300

REGISTRY = """
version: 1
export: { discard: {} }
sampling: { budget: unlimited }
trace:
  - { match: "perf.test_calls:Target.sampled_out", sample: never }
  - { match: "perf.test_calls:Target.skeleton", capture: none }
  - { match: "perf.test_calls:Target.captured" }
"""


class Target:
    """Holds one small method several times, so that every case measures the same body."""

    def plain(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def proxied(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def sampled_out(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def skeleton(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def captured(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def observed(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}


def _pass_through(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


Target.proxied = wrapt.FunctionWrapper(Target.proxied, _pass_through)  # type: ignore[method-assign]


@pytest.fixture
def woven() -> Iterator[None]:
    tracing_proxies.activate(registry_from(REGISTRY))
    yield
    tracing_proxies.deactivate()


def _measure(benchmark: Any, method: str, rounds: int = ROUNDS, settle: Callable[[], Any] | None = None) -> None:
    target = Target()

    def burst() -> None:
        for _ in range(BURST):
            getattr_free(target)

    getattr_free = eval(f"lambda target: target.{method}('olive-oil-1l', 12)")
    benchmark.pedantic(burst, setup=settle, rounds=rounds, warmup_rounds=5)


def _flush() -> None:
    tracing_proxies.flush(10)


def test_plain_call(benchmark: Any) -> None:
    _measure(benchmark, "plain")


def test_bare_wrapt_proxy(benchmark: Any) -> None:
    _measure(benchmark, "proxied")


def test_woven_sampled_out(benchmark: Any, woven: None) -> None:
    _measure(benchmark, "sampled_out", settle=_flush)


def test_woven_skeleton(benchmark: Any, woven: None) -> None:
    _measure(benchmark, "skeleton", settle=_flush)


def test_woven_captured(benchmark: Any, woven: None) -> None:
    _measure(benchmark, "captured", settle=_flush)


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
        _measure(benchmark, "observed", rounds=30)
    finally:
        client.shutdown()
