"""How many spans a trace may have, and how many calls a rule keeps in a minute, as a registry says it."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import tracing_proxies
from tracing_proxies.testing import capture_spans, registry_from

SOURCE = """
import asyncio

class Shop:
    def visit(self, times):
        for number in range(times):
            self.look(number)
        return "bye"

    def look(self, number):
        if number % 10 == 9:
            try:
                self.price(None)
            except TypeError:
                pass
        return self.price(number)

    def price(self, number):
        return number + 1

    async def browse(self, times):
        await asyncio.gather(*(self.fetch(number) for number in range(times)))

    async def fetch(self, number):
        await asyncio.sleep(0)
        return self.price(number)

    def stream(self, times):
        for number in range(times):
            yield self.price(number)
"""


@pytest.fixture
def shop() -> Iterator[Any]:
    module = types.ModuleType("crowded_shop")
    exec(SOURCE, vars(module))
    sys.modules["crowded_shop"] = module
    yield module.Shop()
    tracing_proxies.deactivate()
    del sys.modules["crowded_shop"]


def activate(rules: str) -> None:
    tracing_proxies.activate(registry_from(f"version: 1\nexport: {{ discard: {{}} }}\n{rules}"))


CAPPED = 'defaults: { budget: { spans_per_trace: 5 } }\ntrace: [{ match: "crowded_shop:Shop.*" }]'


def test_a_trace_has_as_many_spans_as_its_budget_and_one_that_sums_up_the_rest(shop: Any) -> None:
    activate(CAPPED)
    with capture_spans() as spans:
        assert shop.visit(20) == "bye"
    *_, summary, root = sorted(spans, key=lambda span: (span.name == "Shop.visit", "more" in span.name))
    assert len(spans) == 5 + 1
    # 20 looks, 20 prices, and 2 prices that failed
    assert summary.name == "38 more calls"
    assert summary.parent_id == root.span_id
    assert summary.output == {"Shop.look": 18, "Shop.price": 20}
    assert summary.metadata["sampling.left_out"] == 38
    assert summary.metadata["sampling.left_out_errors"] == 2
    assert summary.level == "WARNING"


def test_every_trace_has_its_own_room(shop: Any) -> None:
    activate(CAPPED)
    with capture_spans() as spans:
        for _ in range(3):
            shop.visit(1)
    assert [span.name for span in spans].count("Shop.visit") == 3
    assert not [span for span in spans if "more" in span.name]


def test_calls_without_room_are_counted_as_sampled_out(shop: Any) -> None:
    activate(CAPPED)
    shop.visit(20)
    assert tracing_proxies.flush(10)
    delivery = tracing_proxies.status()["delivery"]
    assert (delivery["delivered"], delivery["sampled_out"]) == (6, 38)
    assert delivery["produced"] == 44


@pytest.mark.parametrize("kind", ["coroutines", "streams"])
def test_results_that_work_later_pass_unchanged_where_there_is_no_room(shop: Any, kind: str) -> None:
    activate(CAPPED.replace("5", "1"))
    with capture_spans() as spans:
        if kind == "coroutines":
            asyncio.run(shop.browse(6))
        else:
            assert list(shop.stream(6)) == [1, 2, 3, 4, 5, 6]
    assert len(spans) == 2
    left_out = next(span.metadata["sampling.left_out"] for span in spans if "more" in span.name)
    assert left_out == (12 if kind == "coroutines" else 6)


def test_the_rule_of_the_first_span_says_how_many(shop: Any) -> None:
    activate(
        "defaults: { budget: { spans_per_trace: 2 } }\n"
        'trace: [{ match: "crowded_shop:Shop.*" },'
        ' { match: "crowded_shop:Shop.visit", budget: { spans_per_trace: 9 } }]'
    )
    with capture_spans() as spans:
        shop.visit(20)
        shop.look(1)
    assert len([span for span in spans if "more" not in span.name]) == 9 + 2


def test_a_rate_keeps_the_first_calls_of_a_minute_and_fewer_and_fewer_of_the_rest(shop: Any) -> None:
    activate('trace: [{ match: "crowded_shop:Shop.price", sample: 5/min }]')
    for number in range(2_000):
        assert shop.price(number) == number + 1
    assert tracing_proxies.flush(10)
    delivery = tracing_proxies.status()["delivery"]
    assert delivery["produced"] == 2_000
    assert 5 <= delivery["delivered"] <= 120  # 35 on average
    assert delivery["delivered"] + delivery["sampled_out"] == 2_000


def test_a_rate_thins_spans_within_a_trace(shop: Any) -> None:
    activate('trace: [{ match: "crowded_shop:Shop.visit" }, { match: "crowded_shop:Shop.price", sample: 5/min }]')
    shop.visit(1_000)
    assert tracing_proxies.flush(10)
    assert 6 <= tracing_proxies.status()["delivery"]["delivered"] <= 120
