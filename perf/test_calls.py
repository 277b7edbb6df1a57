"""Cost of one method call: plain, through a bare wrapt proxy, and under Langfuse's ``@observe``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wrapt

BURST = 100


class Target:
    """Holds one small method, so that every case measures the same body."""

    def plain(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def proxied(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def observed(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}


def _pass_through(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


Target.proxied = wrapt.FunctionWrapper(Target.proxied, _pass_through)  # type: ignore[method-assign]


def _burst(call: Callable[..., Any]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(BURST):
            call("olive-oil-1l", 12)

    return run


def test_plain_call(benchmark: Any) -> None:
    target = Target()
    benchmark(_burst(lambda p, q: target.plain(p, q)))


def test_bare_wrapt_proxy(benchmark: Any) -> None:
    target = Target()
    benchmark(_burst(lambda p, q: target.proxied(p, q)))


def test_langfuse_observe(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from langfuse import Langfuse, observe
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider()
    client = Langfuse(
        public_key="pk-lf-bench", secret_key="sk-lf-bench", host="http://127.0.0.1:9", tracer_provider=provider
    )
    provider._active_span_processor._span_processors = ()
    monkeypatch.setattr(Target, "observed", observe(Target.observed))
    target = Target()
    try:
        benchmark.pedantic(_burst(lambda p, q: target.observed(p, q)), rounds=30, warmup_rounds=2)
    finally:
        client.shutdown()
