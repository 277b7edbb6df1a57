"""What holds calls up is stepped down at once, and tried again later; stacked samplers are told."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.brake import Brake
from tracing_proxies.sampling.stacked import find_stacked
from tracing_proxies.testing import capture_spans, registry_from

SOURCE = """
import time

class Order:
    def __init__(self, pause):
        self.pause = pause

    @property
    def total(self):
        time.sleep(self.pause)
        return 5

class Shop:
    def buy(self, order):
        return {"n": 1}

    def sell(self, order):
        return {"n": 2}
"""
RULES = """
version: 1
export: { discard: {} }
sampling: { budget: unlimited, max_latency: 20ms }
trace:
  - { match: "slow_shop:Shop.*", metadata: { total: args.order.total! } }
"""


@pytest.fixture
def shop() -> Iterator[Any]:
    module: Any = types.ModuleType("slow_shop")
    exec(SOURCE, vars(module))
    sys.modules["slow_shop"] = module
    tracing_proxies.activate(registry_from(RULES))
    yield module
    tracing_proxies.deactivate()
    del sys.modules["slow_shop"]


def test_a_rule_that_holds_a_call_up_records_no_payload_from_the_next_call_on(
    shop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_spans() as spans:
        shop.Shop().buy(shop.Order(0.0))
        shop.Shop().buy(shop.Order(0.05))
        shop.Shop().buy(shop.Order(5.0))
        shop.Shop().sell(shop.Order(5.0))  # of the same rule
    assert [span.metadata for span in spans] == [{"total": 5}, {"total": 5}, {}, {}]
    assert [span.output for span in spans] == [{"n": 1}, None, None, None]
    assert tracing_proxies.status()["sampling"]["stepped_down"] == ["<text>:6:5"]
    assert "held its call up for" in caplog.text


def test_it_is_tried_again_after_a_minute_then_after_two(shop: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    active = runtime._runtime
    assert active is not None
    now = [100.0]
    brake = Brake(active.weaver.recipes, lambda: now[0])
    recipes = active.weaver.recipes()
    for pause in (60.0, 120.0, 240.0):
        brake.trip(recipes[0], 10**9)
        brake.trip(recipes[1], 10**9)  # while it is on, more of the same changes nothing
        assert not any(recipe.capture_input or recipe.metadata for recipe in recipes)
        now[0] += pause - 1
        brake.release()
        assert brake.is_on
        now[0] += 1
        brake.release()
        assert all(recipe.capture_input and recipe.metadata for recipe in recipes)
        assert not brake.is_on
    assert brake.trips == 3


def test_a_rule_that_only_copies_is_stepped_down_when_it_holds_calls_up_twice_within_a_minute() -> None:
    module: Any = types.ModuleType("slow_shop")
    exec(SOURCE, vars(module))
    sys.modules["slow_shop"] = module
    tracing_proxies.activate(
        registry_from('version: 1\nexport: { discard: {} }\ntrace: [{ match: "slow_shop:Shop.*" }]\n')
    )
    try:
        active = runtime._runtime
        assert active is not None
        now = [100.0]
        brake = Brake(active.weaver.recipes, lambda: now[0])
        [recipe, other] = active.weaver.recipes()
        for later, trips in ((0.0, 0), (61.0, 0), (59.0, 1)):
            now[0] += later
            brake.trip(recipe, 10**9)
            assert brake.trips == trips
        assert not other.capture_input  # of the same rule
    finally:
        tracing_proxies.deactivate()
        del sys.modules["slow_shop"]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, []),
        ({"LANGFUSE_SAMPLE_RATE": "1.0"}, []),
        ({"LANGFUSE_SAMPLE_RATE": "often"}, []),
        ({"LANGFUSE_SAMPLE_RATE": "0.1"}, ["LANGFUSE_SAMPLE_RATE=0.1"]),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, ["keeps 0.25"]),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, []),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, []),
    ],
)
def test_samplers_that_are_stacked_on_ours_are_named(environ: dict[str, str], told: list[str]) -> None:
    found = find_stacked(environ)
    assert len(found) == len(told)
    assert all(part in text for part, text in zip(told, found, strict=True))


def test_a_sampler_of_the_applications_own_provider_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ParentBasedTraceIdRatio(0.25)))
    assert "TraceIdRatioBased 0.25" in find_stacked({})[0]


def test_a_stacked_sampler_is_told_when_tracing_begins(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRACING_PROXIES__SAMPLING__BUDGET")
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.5")
    tracing_proxies.activate(registry_from("version: 1\nexport: { discard: {} }\n"))
    try:
        assert "two samplers: LANGFUSE_SAMPLE_RATE=0.5" in caplog.text
    finally:
        tracing_proxies.deactivate()
