"""A compiled call takes over the span that the call around it has opened, exactly as its original does."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace as api

from tests.examples import examples
from tests.recording.test_compiled_outcome import RULES, VALUES, M, Woven, by_originals, facts, written
from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import attach, current, detach
from tracing_proxies.recording.handles import Adoption
from tracing_proxies.recording.placement import Placement
from tracing_proxies.recording.span import Span
from tracing_proxies.weaving.proxies import raw_of

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

SOURCE = """
from opentelemetry.trace import get_current_span

def open(within):
    return within()

def visit(within):
    return within()

class Shop:
    def __init__(self, till=None, reason=None):
        self.till, self.reason, self.seen = till, reason, []

    def sell(self, order=None, *rest, count=1, **more):
        self.seen.append(get_current_span())
        if self.reason is not None:
            raise self.reason
        return order
"""
AROUND = f"  - match: {M}:open\n  - match: {M}:visit\n    observation: tool\n    level: DEBUG\n"
OPEN = {f"{M}:open": (0, 0)}
PLAIN: dict[str, str] = {}


class Shop(Woven):
    """The call of ``visit`` opens a span that waits for the call of ``sell`` within."""

    def __init__(self, rule: dict[str, str]) -> None:
        super().__init__(AROUND + written(rule, "Shop.sell"), SOURCE)
        sell = vars(self.module.Shop)["sell"]
        self.raw, self.recipe = raw_of(sell), sell._self_tp.recipe
        around = self.module.visit._self_tp.recipe
        around.delegate = lambda instance: self.raw

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return how many calls there were of each, and how many of them failed."""
        return {name: tally.count_all() for name, tally in self.recorder.tallies.items()}


def sell_originally(shop: Shop, thing: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Do as the compiled advice does around a call of ``sell``."""
    with pytest.MonkeyPatch.context() as patch:
        by_originals(patch)
        recording = shop.recorder.begin_later(shop.recipe, shop.raw, thing, args, kwargs)
        token = attach(current() if recording is None else recording.context)
        result = shop.raw(thing, *args, **kwargs)
        detach(token)
        if type(recording) is Span:
            recording.stop = recording.start + 1
            shop.recorder.finish(recording, result)
        elif recording is not None:
            recording.finish(result)


@settings(max_examples=examples(80))
@given(
    RULES,
    st.sampled_from(["100%", "never"]),
    VALUES,
    st.lists(VALUES, max_size=1),
    st.sampled_from([{}, {"count": 3}, {"extra": "e"}]),
    st.booleans(),
)
def test_a_span_that_is_taken_over_is_the_same(
    rule: dict[str, str], sample: str, order: Any, rest: list[Any], kwargs: dict[str, Any], by_copy: bool
) -> None:
    found = []
    for compiled in (True, False):
        with Shop({**rule, "sample": sample}) as shop:
            thing = shop.module.Shop(order)

            def sell(compiled: bool = compiled, shop: Shop = shop, thing: Any = thing) -> None:
                if compiled:
                    thing.sell(order, *rest, **kwargs)
                else:
                    sell_originally(shop, thing, (order, *rest), kwargs)

            def within(sell: Any = sell) -> None:
                if by_copy:  # what another library has made current
                    with api.use_span(api.NonRecordingSpan(api.get_current_span().get_span_context())):
                        sell()
                else:
                    sell()
                sell()  # one that makes a span of its own

            shop.module.visit(within)
            places = [shop.spans.index(span) if span in shop.spans else None for span in thing.seen]
            found.append(([facts(span) for span in shop.spans], shop.counts(), places))
    assert found[0] == found[1]


@pytest.mark.parametrize("rule", [PLAIN, {"metadata": "{ a: args.order }"}])
def test_a_call_that_takes_a_span_over_is_recorded_there_and_counted_by_itself(
    rule: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Placement, "_adopt")
    monkeypatch.delattr(Adoption, "finish")
    with Shop(rule) as shop:
        thing = shop.module.Shop()
        shop.module.visit(lambda: thing.sell("oil"))
        [span] = shop.spans
        assert (span.name, span.type, span.input, span.output) == (
            "Shop.sell",
            "span",
            {"order": "oil", "count": 1},
            "oil",
        )
        assert thing.seen == [span]
        assert shop.counts() == {**OPEN, f"{M}:visit": (1, 0), f"{M}:Shop.sell": (1, 0)}


def test_an_error_that_is_returned_is_counted_where_it_belongs() -> None:
    with Shop({"error_when": 'result == "failed"'}) as shop:
        shop.module.visit(lambda: shop.module.Shop().sell("failed"))
        assert [span.level for span in shop.spans] == ["ERROR"]
        assert shop.counts() == {**OPEN, f"{M}:visit": (1, 0), f"{M}:Shop.sell": (1, 1)}


@pytest.mark.parametrize("reason", [ValueError("no"), GeneratorExit()])
def test_an_error_that_is_raised_is_told_and_passes_through(reason: BaseException) -> None:
    with Shop(PLAIN) as shop:
        with pytest.raises(type(reason)) as caught:
            shop.module.visit(lambda: shop.module.Shop(reason=reason).sell("oil"))
        failed = int(isinstance(reason, Exception))
        assert caught.value is reason
        assert shop.counts() == {**OPEN, f"{M}:visit": (1, failed), f"{M}:Shop.sell": (1, failed)}


def test_a_rule_that_does_not_hold_leaves_the_span_to_the_call_around() -> None:
    with Shop({"if": "args.count == 2"}) as shop:
        thing = shop.module.Shop()
        shop.module.visit(lambda: thing.sell("oil"))
        assert [span.name for span in shop.spans] == ["visit"]
        assert shop.counts() == {**OPEN, f"{M}:visit": (1, 0), f"{M}:Shop.sell": (0, 0)}


def test_what_fails_of_ours_costs_what_is_recorded_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "0")
    failures.reset()
    with Shop({"metadata": "{ a: args.order, b: result }"}) as shop:

        def broken(*args: Any) -> None:
            raise RuntimeError("ours")

        thing, bind = shop.module.Shop(), shop.recipe.bind
        shop.recipe.bind = broken
        assert shop.module.visit(lambda: thing.sell("oil")) == "oil"
        shop.recipe.bind, shop.recipe.late_metadata = bind, (("b", broken),)
        assert shop.module.visit(lambda: thing.sell("oil")) == "oil"
        assert [span.name for span in shop.spans] == ["visit", "Shop.sell"]
        assert shop.counts() == {**OPEN, f"{M}:visit": (2, 0), f"{M}:Shop.sell": (1, 0)}
    assert failures.counts() == {"begin": 1, "finish": 1}


def test_what_an_application_makes_of_the_span_is_left_to_the_original() -> None:
    class Other:
        payload, session, user, tags, timed, held, name = True, None, None, (), False, None, "other"

    with Shop({"metadata": "{ a: args.order }"}) as shop:

        def within() -> None:
            span: Any = api.get_current_span()
            trace, span.trace = span.trace, Other()
            thing.sell("oil")
            span.trace = trace

        thing = shop.module.Shop()
        shop.module.visit(within)
        assert [(span.name, span.output) for span in shop.spans] == [("Shop.sell", "oil")]


def test_a_call_that_holds_its_caller_up_is_told_of() -> None:
    held_up: list[Any] = []
    with Shop(PLAIN) as shop:
        shop.recorder.patience = -1
        shop.recorder.impatient = lambda recipe, taken: held_up.append(recipe.function)
        shop.module.visit(lambda: shop.module.Shop().sell("oil"))
    assert held_up == ["visit", "sell", "visit"]


def test_nothing_of_it_stays_and_the_collector_passes_by_the_span() -> None:
    with Shop({"metadata": "{ a: args.order }"}) as shop:
        thing = shop.module.Shop()
        for _ in range(3):
            shop.module.open(lambda: shop.module.visit(lambda: thing.sell(["oil"])))
        assert [(span.name, gc.is_tracked(span)) for span in shop.spans] == [("Shop.sell", False), ("open", False)] * 3
        thing.seen.clear()
        gc.collect()
        assert not [one for one in gc.get_objects() if type(one) is Adoption]
