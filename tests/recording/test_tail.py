"""Which traces are kept when they end, with real calls through a real recorder: errors, slow, rare, critical, stubs."""

from __future__ import annotations

import math
import statistics
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import attrs
import pytest
from opentelemetry.trace import get_current_span

import tracing_proxies
from tracing_proxies.recording import overflow
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.testing import registry_from
from tracing_proxies.weaving.weaver import Weaver

M = "tailed_shop"
SOURCE = """
class Broken(Exception):
    pass

def visit(times=3, fails=False, within=lambda: None):
    for number in range(times):
        look(number, fails and number == 1)
    within()
    return "bye"

def look(number, fails=False):
    if fails:
        try:
            check(number)
        except Broken:
            pass
    return number

def check(number):
    raise Broken(f"no {number}")

def fall():
    check(7)

def judge(answer):
    return {"status": answer}
"""
ALL = f"  - match: [{', '.join(f'{M}:{name}' for name in ('visit', 'look', 'check', 'fall', 'judge'))}]\n"
JUDGE = f"  - match: {M}:judge\n"


class Clock:
    """Nanoseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


class Shop:
    """Woven functions, what they emitted, and what decides on their traces."""

    def __init__(self, module: Any, tail: Tail, spans: list[Span], clock: Clock) -> None:
        self.module, self.tail, self.spans, self.clock = module, tail, spans, clock
        self.controller = tail.controller

    def plan(self, **probabilities: float) -> None:
        """Set the probabilities."""
        self.controller.plan = attrs.evolve(Plan(), **probabilities)

    def share(self, probability: float) -> None:
        """Set the share of all names."""
        self.controller.keys.others.share = probability
        for key in self.controller.keys.named().values():
            key.share = probability

    def take(self) -> list[Span]:
        """Return what was emitted since the last time."""
        taken, self.spans[:] = list(self.spans), []
        return taken


@contextmanager
def open_shop(rules: str = ALL, keep: str = "error, slow, rare") -> Iterator[Shop]:
    module = sys.modules[M] = types.ModuleType(M)
    exec(SOURCE, vars(module))
    spans: list[Span] = []
    clock = Clock()
    recorder = Recorder(spans.append)
    registry = registry_from(f"version: 1\nexport: {{ discard: {{}} }}\nsampling:\n  keep: [{keep}]\ntrace:\n{rules}")
    controller = Controller(0.01, clock=lambda: clock.now / 1e9)
    tail = Tail(controller, registry.sampling.keep, spans.append, lambda: None, clock=clock)
    recorder.sample(tail)
    weaver = Weaver(recorder)
    weaver.weave(registry)
    try:
        yield Shop(module, tail, spans, clock)
    finally:
        weaver.undo()
        del sys.modules[M]
        assert not recorder.open
        assert not tail.undecided


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop whose names are all known, and whose traces are recorded and left out unless they are important."""
    with open_shop() as opened:
        for _ in range(2):
            opened.module.visit()
            opened.module.judge("ok")
            with pytest.raises(opened.module.Broken):
                opened.module.fall()
        opened.take()
        opened.share(0.0)
        yield opened


def names(spans: list[Span]) -> list[str]:
    return [span.name for span in spans]


def test_a_usual_trace_is_left_out_and_counted(shop: Shop) -> None:
    before = shop.tail.left_out
    assert shop.module.visit() == "bye"
    assert shop.take() == []
    assert shop.tail.left_out - before == 4


def test_an_error_keeps_the_whole_trace(shop: Shop) -> None:
    shop.module.visit(fails=True)
    spans = shop.take()
    assert names(spans) == ["look", "check", "look", "look", "visit"]
    root = spans[-1]
    assert root.metadata["sampling.reason"] == "error"
    assert root.metadata["sampling.detail"] == "full"
    assert {span.weight for span in spans} == {1.0}


def test_an_error_keeps_at_least_the_first_span_and_the_errors(shop: Shop) -> None:
    shop.plan(whole=0.0)
    shop.module.visit(fails=True)
    check, root = shop.take()
    assert (check.name, root.name) == ("check", "visit")
    assert check.parent_id == root.span_id
    assert root.metadata["sampling.detail"] == "errors"
    assert check.metadata["error.type"].endswith("Broken")


def test_readers_are_shown_what_is_left_out_of_a_trace_of_which_the_errors_are_kept(shop: Shop) -> None:
    seen: list[str] = []
    shop.tail.recorder.readers.append(lambda span: seen.append(span.name))
    shop.module.visit()
    assert seen == []
    shop.plan(whole=0.0)
    shop.module.visit(fails=True)
    assert seen == ["look", "look", "look"]
    assert names(shop.take()) == ["check", "visit"]  # whoever masks these shows them


def test_an_error_that_was_not_recorded_leaves_a_stub_below_that_of_its_root(shop: Shop) -> None:
    shop.plan(record=0.0, capture=0.0)
    shop.module.visit(fails=True)
    check, root = shop.take()
    assert (check.name, root.name) == ("check", "visit")
    assert check.parent_id == root.span_id
    assert check.trace is root.trace
    assert check.level == "ERROR"
    assert check.status_message.endswith("Broken: no 1")
    assert (check.metadata["sampling.reason"], root.metadata["sampling.reason"]) == ("error", "above")
    assert root.metadata["sampling.detail"] == "stub"
    assert root.input is None
    assert root.output is None
    assert root.stop is not None
    assert root.start <= check.start <= (check.stop or 0) <= root.stop


def test_a_root_that_fails_unrecorded_leaves_its_stub(shop: Shop) -> None:
    shop.plan(record=0.0, capture=0.0)
    with pytest.raises(shop.module.Broken, match="no 7"):
        shop.module.fall()
    check, fall = shop.take()
    assert (check.name, fall.name) == ("check", "fall")
    assert fall.level == check.level == "ERROR"
    assert fall.metadata["sampling.reason"] == "error"


def test_where_there_is_no_room_for_stubs_an_error_is_counted_only(shop: Shop) -> None:
    shop.plan(record=0.0, capture=0.0, error=0.0, whole=0.0)
    before = shop.controller.errors
    shop.module.visit(fails=True)
    assert shop.take() == []
    assert shop.controller.errors == before + 1
    calls, errors = shop.tail.recorder.tallies[f"{M}:check"].count_all()
    assert errors == calls


@pytest.mark.parametrize("record", [1.0, 0.0])
def test_a_returned_error_is_one_recorded_or_not(record: float) -> None:
    with open_shop(JUDGE + "    error_when: result.status == 'bad'\n", keep="error") as shop:
        shop.share(0.0)
        shop.plan(record=record, capture=record)
        shop.module.judge("ok")
        assert shop.take() == []
        shop.module.judge("bad")
        (span,) = shop.take()
        assert span.level == "ERROR"
        assert span.metadata["error.returned"] is True
        assert span.metadata["sampling.detail"] == ("full" if record else "stub")


@pytest.mark.parametrize("record", [1.0, 0.0])
def test_a_slow_trace_is_kept_recorded_or_not(record: float) -> None:
    with open_shop(f"  - match: {M}:visit\n") as shop:
        for _ in range(40):
            shop.module.visit()
        shop.take()
        shop.share(0.0)
        shop.plan(record=record, capture=record)
        shop.tail.recorder.tallies[f"{M}:visit"].slow = 2 * 10**6  # of a quick machine as of a slow one
        shop.module.visit(within=lambda: __import__("time").sleep(0.004))
        kept = [span for span in shop.take() if span.metadata.get("sampling.reason") == "slow"]
        assert len(kept) == 1
        assert kept[0].metadata["sampling.detail"] == ("full" if record else "stub")


def test_a_rare_trace_is_kept_and_the_next_one_is_not() -> None:
    with open_shop() as shop:
        shop.share(0.0)
        shop.plan(record=0.0, capture=0.0)
        shop.module.visit()
        assert shop.take()[-1].metadata["sampling.reason"] == "rare"
        shop.share(0.0)
        shop.module.visit()
        assert shop.take() == []
        shop.clock.now += 31 * 10**9
        shop.module.visit()
        assert shop.take()[-1].metadata["sampling.reason"] == "rare"


def test_a_condition_keeps_what_it_holds_for_with_the_weight_of_what_was_recorded() -> None:
    with open_shop(keep="name == 'judge'") as shop:
        shop.share(0.0)
        shop.plan(record=0.5, error=1.0)
        for _ in range(200):
            shop.module.judge("ok")
            shop.module.visit()
        spans = shop.take()
        assert set(names(spans)) == {"judge"}
        # One that was not recorded leaves no stub for a condition, so each stands for two, not for one.
        assert {span.weight for span in spans} == {2.0}
        assert 60 < len(spans) < 140
        assert spans[0].metadata["sampling.reason"] == "keep"


def test_what_is_critical_is_kept_whatever_it_costs() -> None:
    with open_shop(JUDGE + "    critical: args.answer == 'fire'\n") as shop:
        shop.share(0.0)
        shop.plan(record=0.0, capture=0.0, error=0.0, whole=0.0, rare=0.0)
        shop.module.judge("smoke")
        shop.module.judge("fire")
        (span,) = shop.take()
        assert span.input == {"answer": "fire"}
        assert span.metadata["sampling.reason"] == "critical"
        assert span.weight == 1.0


def test_weights_say_how_many_traces_a_kept_one_stands_for() -> None:
    with open_shop(keep="error") as shop:
        shop.module.visit()
        shop.take()
        shop.share(0.25)
        shop.plan(record=0.5)
        for _ in range(400):
            shop.module.visit(times=1)
        spans = shop.take()
        assert {span.weight for span in spans} == {4.0}
        assert 50 < len(spans) / 2 < 160


def test_a_flood_that_begins_within_a_moment_is_thinned_out_before_its_first_trace_ends() -> None:
    """And each of those that are recorded stands for as many as it should."""
    random, estimates = Random(6), []
    recipe: Any = types.SimpleNamespace(tally=Recorder([].append).tally(M))
    for _ in range(200):
        controller = Controller(0.01)
        tail = Tail(controller, ("error",), [].append, lambda: None)
        begun = [tail.begin(recipe, random.getrandbits(128)) for _ in range(100)]
        recorded = [1 / trace.held.recorded for trace in begun if trace is not None and trace.held is not None]
        assert controller.commitment.most <= len(recorded) < 40
        estimates.append(sum(recorded))
    error = statistics.stdev(estimates) / len(estimates) ** 0.5
    assert abs(statistics.mean(estimates) - 100) < 3.5 * error
    assert error < 5


def test_without_a_budget_a_flood_is_recorded_whole() -> None:
    tail = Tail(Controller(math.inf), ("error",), [].append, lambda: None)
    recipe: Any = types.SimpleNamespace(tally=Recorder([].append).tally(M))
    assert all(tail.begin(recipe, number) for number in range(1, 1_000))


def test_a_long_trace_is_decided_early_and_what_comes_later_follows_with_the_same_weight() -> None:
    with open_shop(keep="error") as shop:
        shop.module.visit()
        shop.take()
        shop.share(0.5)
        early: list[Span] = []

        def grow_old() -> None:
            shop.clock.now += overflow.LONGEST + 1
            shop.tail.sweep()
            early.extend(shop.take())
            shop.module.look(5)

        late = []
        for _ in range(30):
            before = len(early)
            shop.module.visit(times=2, within=grow_old)
            follow = shop.take()
            assert (len(early) - before, names(follow)) in ((2, ["look", "visit"]), (0, []))
            late += follow
        assert 0 < len(late) < 60
        assert {span.weight for span in (*early, *late)} == {2.0}


def test_an_error_after_an_early_verdict_still_leaves_itself_and_its_root(shop: Shop) -> None:
    def fail_late() -> None:
        shop.clock.now += overflow.LONGEST + 1
        shop.tail.sweep()
        with pytest.raises(shop.module.Broken):
            shop.module.check(3)

    shop.module.visit(within=fail_late)
    check, root = shop.take()
    assert (check.name, root.name) == ("check", "visit")
    assert check.parent_id == root.span_id


def test_a_trace_of_many_spans_is_decided_early(shop: Shop) -> None:
    shop.share(1.0)
    open_then: list[int] = []

    def look_around() -> None:
        shop.tail.sweep()
        open_then.append(len(shop.take()))

    shop.module.visit(times=overflow.MOST_SPANS + 1, within=look_around)
    assert open_then == [overflow.MOST_SPANS + 1]
    assert names(shop.take()) == ["visit"]


def test_what_is_undecided_at_the_end_is_decided_as_it_is(shop: Shop) -> None:
    shop.share(1.0)
    shop.module.visit(within=shop.tail.close)
    assert names(shop.take()) == ["look", "look", "look", "visit"]


def test_sums_over_real_calls_are_true_whether_traces_were_recorded_or_left_stubs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fifth trace fails; the plan changes while traces are under way."""
    monkeypatch.setattr("tracing_proxies.recording.recorder._bits", Random(3).getrandbits)
    shop.share(0.3)
    calls, errors = 3_000, 600
    for number in range(calls):
        worse, better = {"record": 0.4, "error": 0.5, "whole": 0.3}, {"record": 0.6, "error": 0.9, "whole": 0.5}
        shop.plan(**(worse if number % 2 else better))
        shop.module.visit(2, number % 5 == 0, lambda worse=worse: shop.plan(**worse))
    roots = [span for span in shop.take() if span.name == "visit"]
    failed = [span for span in roots if span.metadata.get("sampling.reason") in ("error", "above")]
    # Three standard deviations of what a probability of 0.3, and of 0.5, allows.
    assert sum(span.weight for span in roots) == pytest.approx(calls, abs=3 * (calls * 2.4) ** 0.5)
    assert sum(span.weight for span in failed) == pytest.approx(errors, abs=3 * (errors * 1.0) ** 0.5)


def test_the_ledger_of_a_process_under_a_budget_sums_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES__SAMPLING__BUDGET")
    module = sys.modules[M] = types.ModuleType(M)
    exec(SOURCE, vars(module))
    text = f"version: 1\nexport: {{ discard: {{}} }}\nsampling: {{ budget: 0.1% }}\ntrace:\n  - match: {M}:*\n"
    tracing_proxies.activate(registry_from(text))
    seen: list[dict[str, Any]] = []
    try:
        for number in range(3_000):
            module.visit(3, number % 50 == 0, partial(look, seen) if number % 300 == 0 else list)
        assert tracing_proxies.flush(10.0)
        look(seen)
    finally:
        tracing_proxies.deactivate()
        del sys.modules[M]
    assert len(seen) == 11
    for delivery in seen:
        parts = ("delivered", "sampled_out", "queued", "spooled")
        dropped = sum(delivery["dropped"].values())
        assert delivery["produced"] == sum(delivery[part] for part in parts) + dropped
    assert seen[-1]["queued"] == 0
    assert seen[-1]["sampled_out"] > 0


def look(seen: list[dict[str, Any]]) -> None:
    """Remember what the ledger says."""
    seen.append(tracing_proxies.status()["delivery"])


def test_what_a_rule_reads_of_a_call_is_measured_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracing_proxies.recording.tail._TIMED", 0)
    rules = f"  - match: {M}:visit\n  - match: {M}:look\n    metadata: {{ n: args.number }}\n"
    spent: list[int] = []
    with open_shop(rules) as opened:
        opened.plan(whole=1.0)

        def within() -> None:
            trace: Any = get_current_span().trace  # type: ignore[attr-defined]
            spent.append(trace.spent)
            for number in range(50):
                opened.module.look(number)
                spent.append(trace.spent)

        opened.module.visit(times=0, within=within)
        assert opened.take()
    assert all(before < after for before, after in pairwise(spent))
