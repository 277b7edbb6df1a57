"""What is compiled records whole traces and decides on them as its originals do."""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.recording import left_out
from tracing_proxies.compiled import hot
from tracing_proxies.recording import judging
from tracing_proxies.recording.held import Held
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.trace import Trace
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.verdict import Verdict

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

ROOT = Path(__file__).parents[2]
CASES = examples(60)
SELL = f"  - match: {left_out.M}:Shop.sell\n"


def test_traces_that_are_recorded_come_to_the_same() -> None:
    found = left_out.run_both(CASES, "recorded")
    for compiled, original in zip(*found, strict=True):
        assert compiled == original
        assert (compiled["left"], compiled["open"]) == (0, [0, 0, 0])
    assert sum(len(case["spans"]) for case in found[0]) > 10 * CASES


TRACES = st.lists(
    st.tuples(
        st.sampled_from(["visit", "order", "new"]),
        st.one_of(st.integers(0, 10**6), st.integers(0, 1 << 62)),  # nanoseconds that it took
        st.integers(0, 4),  # spans
        st.one_of(st.just(1.0), st.floats(1e-9, 1.0)),  # the probability at which it was recorded
        st.integers(0, (1 << 56) - 1),  # R
        st.floats(0.0, 40.0),  # seconds since the one before
        st.sampled_from([*[""] * 12, "critical", "rare", "partial", "fixed", "error", "least"]),
    ),
    max_size=60,
)


class Court:
    """A sampler with a clock of its own, and what it has decided so far."""

    def __init__(self, recipe: Recipe, keep: tuple[str, ...], shares: tuple[float, float]) -> None:
        self.now = 1_000.0
        self.controller = Controller(0.01, clock=lambda: self.now)
        self.controller.keys.others.share = shares[0]
        self.controller._press_from = shares[1]
        self.tail = Tail(self.controller, keep, lambda span: None, lambda: None)
        self.recorder = Recorder(lambda span: None)
        self.recipe = recipe
        recipe.tally.slow = 1 << 62

    def hear(self, judge: Callable[..., Verdict], case: tuple[Any, ...]) -> Verdict:
        """Decide on one trace."""
        name, taken, spans, recorded, random, gap, flag = case
        self.now += gap
        trace = Trace(1 << 64 | random)
        trace.name = name
        trace.held = held = Held(trace, recorded, 0, self.tail, random)
        if flag == "error":
            held.error = 0.5
        elif flag == "least":
            held.least = 1 << 54
        elif flag:
            setattr(held, flag, True)
        root = Span(self.recorder, trace, 1, None, None)
        root.recipe = self.recipe
        held.spans = deque([root] * spans)
        return judge(self.tail, held, root, taken)

    def state(self) -> list[Any]:
        """Tell all that it has learnt."""
        controller = self.controller
        objects: list[Any] = [controller.keys.others, *controller.keys.named().values(), controller.commitment]
        return [
            *([getattr(each, name) for name in type(each).__slots__] for each in objects),
            (controller.keys.looked, controller._let_in, self.recipe.tally.slow),
            (controller.errors, controller.notable, controller.rare),
        ]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The recipe of a target that was woven for real."""
    case = left_out.Case(0, SELL)
    recipe = case.weaver.recipes()[0]
    case.undo()
    return recipe


@settings(max_examples=examples(200))
@given(
    TRACES, st.sampled_from([(), ("slow",), ("error", "slow", "rare")]), st.sampled_from([(1.0, math.inf), (0.2, 1e-3)])
)
def test_a_verdict_and_what_is_learnt_by_it_are_the_same(
    recipe: Recipe, traces: list[tuple[Any, ...]], keep: tuple[str, ...], shares: tuple[float, float]
) -> None:
    told = []
    for judge in (judging.judge, judging.judge_closely):
        court = Court(recipe, keep, shares)
        told.append([(court.hear(judge, case), court.state()) for case in traces])
    assert repr(told[0]) == repr(told[1])


def recorded_case(monkeypatch: pytest.MonkeyPatch, cls: type, name: str) -> tuple[left_out.Case, list[str]]:
    """Weave one method whose traces are all recorded, and note what asks a method that has an original in C."""
    asked: list[str] = []
    original = getattr(cls, name)

    def note(*args: Any, **kwargs: Any) -> Any:
        asked.append(name)
        return original(*args, **kwargs)

    monkeypatch.setattr(cls, name, note)
    return left_out.Case(0, SELL, recorded=True), asked


@pytest.mark.parametrize("name", ["begin", "end", "conclude"])
def test_most_traces_go_by_what_is_compiled(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    case, asked = recorded_case(monkeypatch, Tail, name)
    shop = case.module.Shop()
    for _ in range(400):
        shop.sell({"status": "ok"})
    case.undo()
    assert len(case.spans) == 400
    assert len(asked) < 40  # of a few it is not known yet what is usual
    assert not case.tail.undecided
    assert 5 < len(case.tail.controller.timings) < 60  # one in sixteen is measured: sd 5
    assert min(case.tail.controller.timings) > 0.0


def test_all_are_measured_as_long_as_costs_are_guesses() -> None:
    case = left_out.Case(0, SELL, recorded=True)
    learning = case.tail.controller._learning
    learning._known.update(skeleton=0, payload=0)
    learning.unsure = True
    shop = case.module.Shop()
    for _ in range(400):
        shop.sell({"status": "ok"})
    case.undo()
    assert not learning.unsure
    measured = len(case.tail.controller.timings)
    assert learning._known["payload"] == measured > 20


def test_a_span_that_nobody_takes_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    case = left_out.Case(0, SELL, recorded=True)
    shop, refused = case.module.Shop(), []

    def take(span: Span) -> None:
        if len(refused) < 30 and len(case.spans) % 2:
            refused.append(span)
            raise OSError("full")
        case.spans.append(span)

    case.tail.emit = take
    results = [shop.sell({"status": "ok"}) for _ in range(100)]
    case.undo()
    assert len(results) == 100
    assert (len(case.spans), len(refused)) == (70, 30)
    assert not case.tail.undecided


def test_only_what_belongs_to_a_trace_is_judged() -> None:
    with pytest.raises(TypeError, match="a tail"):
        hot.judge_plainly(1, 2, 3, 4)


def test_a_plan_without_payloads_is_heeded() -> None:
    case = left_out.Case(0, SELL, recorded=True)
    case.tail.controller.plan = Plan(1.0, 0.0, 1.0, 1.0, 1.0)
    shop = case.module.Shop()
    for _ in range(100):
        shop.sell({"status": "ok"})
    case.undo()
    assert [(span.input, span.output) for span in case.spans] == [(None, None)] * 100


def test_traces_that_are_forgotten_do_not_wait_for_the_collector() -> None:
    case = left_out.Case(0, SELL, recorded=True)
    shop, order = case.module.Shop(), {"status": "ok"}
    gc.collect()
    gc.disable()
    try:
        for _ in range(6_000):
            shop.sell(order)
            case.spans.clear()
    finally:
        gc.enable()
    alive = sum(type(each) is Held for each in gc.get_objects())
    case.undo()
    assert 2_000 <= alive <= 2_001
