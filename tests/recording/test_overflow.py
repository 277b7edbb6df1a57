"""Memory for undecided traces is bounded in bytes: payloads go first, then whole traces, the lowest R first."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.recording import overflow
from tracing_proxies.recording.held import Held
from tracing_proxies.recording.overflow import LONGEST, MOST_SPANS, is_long, relieve, weigh
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.trace import Trace
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.rule import SPACE, probability_of

KILO = "x" * 1_000


def make_tail(emitted: list[Span] | None = None) -> Tail:
    """Make a tail that keeps everything that is not dropped."""
    spans: list[Span] = [] if emitted is None else emitted
    tail = Tail(Controller(0.01), ("error",), spans.append, lambda: None)
    tail.recorder = Recorder(spans.append)
    return tail


def hold(tail: Tail, random: int, payloads: int, spans: int = 2, name: str = "") -> Held:
    """Make an undecided trace that holds some spans, each with so many payloads of a kilobyte."""
    trace = Trace(random)
    trace.name = name
    trace.held = held = Held(trace, 1.0, 0, tail, random)
    for number in range(spans):
        span = Span(tail.recorder, trace, number + 1, None, None)
        span.input, span.output = {"text": [KILO] * payloads}, KILO
        held.add(span)
    tail.undecided[id(held)] = held
    return held


def test_below_the_bound_nothing_is_lost() -> None:
    tail = make_tail()
    held = [hold(tail, number, 4) for number in range(10)]
    assert relieve(held, sum(map(weigh, held))) == []
    assert all(one.trace.payload and one.least == 0 for one in held)
    assert all(span.output == KILO for one in held for span in one.spans)


def test_payloads_go_first_those_of_the_lowest_r_first() -> None:
    tail = make_tail()
    held = [hold(tail, number, 4) for number in (5, 3, 1, 4, 2)]
    each = weigh(held[0])
    assert relieve(held, 4 * each) == []
    assert {one.random for one in held if not one.trace.payload} == {1, 2}
    for one in held:
        assert all((span.output is None) == (one.random < 3) for span in one.spans)
    assert {one.least for one in held} == {0}


def test_whole_traces_go_next_and_the_others_stand_for_them() -> None:
    tail = make_tail()
    held = [hold(tail, number * SPACE // 10, 4) for number in range(10)]
    bare = 2 * overflow._SPAN_BYTES + 500
    dropped = relieve(held, 5 * bare)
    assert dropped == held[: len(dropped)]
    assert 4 <= len(dropped) <= 6
    survivors = held[len(dropped) :]
    assert {one.least for one in survivors} == {dropped[-1].random + 1}
    assert survivors[0].survived == pytest.approx(1 - (len(dropped) - 1) / 10)
    assert not any(one.trace.payload for one in held)


def test_what_is_critical_keeps_its_payload_and_its_place() -> None:
    tail = make_tail()
    held = [hold(tail, number, 4) for number in range(6)]
    held[0].critical = True
    dropped = relieve(held, 0)
    assert dropped == held[1:]
    assert held[0].trace.payload
    assert held[0].spans[0].output == KILO


@given(
    st.lists(
        st.tuples(st.integers(0, SPACE - 1), st.integers(0, 8), st.booleans()), max_size=25, unique_by=lambda t: t[0]
    ),
    st.integers(0, 100_000),
)
def test_after_relief_no_more_is_held_than_may_be(traces: list[tuple[int, int, bool]], most: int) -> None:
    tail = make_tail()
    held = []
    for random, payloads, critical in traces:
        held.append(hold(tail, random, payloads))
        held[-1].critical = critical
    dropped = relieve(held, most)
    left = [one for one in held if one not in dropped]
    assert sum(map(weigh, left)) <= most or all(one.critical for one in left)
    assert not any(one.critical for one in dropped)
    for one in dropped:
        assert all(one.random < other.random for other in left if not other.critical)
        assert all(other.least > one.random for other in left if not other.critical)


def test_each_span_is_weighed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[Span] = []
    real: Callable[[Span], int] = overflow._weigh_payload
    monkeypatch.setattr(overflow, "_weigh_payload", lambda span: weighed.append(span) or real(span))
    tail = make_tail()
    held = hold(tail, 1, 2, spans=5)
    first = weigh(held)
    assert weigh(held) == first
    assert len(weighed) == 5
    more = Span(tail.recorder, held.trace, 9, None, None)
    held.add(more)
    assert weigh(held) > first
    assert weighed[5:] == [more]


def test_a_weight_follows_what_is_held() -> None:
    tail = make_tail()
    light, heavy = weigh(hold(tail, 1, 0)), weigh(hold(tail, 2, 50))
    assert heavy - light == pytest.approx(2 * 50 * 1_050, rel=0.05)
    nested: Any = [KILO]
    for _ in range(10_000):
        nested = [nested, KILO]
    span = Span(tail.recorder, Trace(1), 1, None, None)
    span.output = nested
    assert overflow._weigh_payload(span) < 10 * 2**20  # it ends, however deep


def test_a_trace_is_long_by_its_age_or_its_spans() -> None:
    tail = make_tail()
    held = hold(tail, 1, 0)
    assert not is_long(held, LONGEST)
    assert is_long(held, LONGEST + 1)
    crowded = hold(tail, 2, 0, spans=MOST_SPANS + 1)
    assert is_long(crowded, 0)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_traces_that_memory_leaves_add_up_to_all(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small traces and a bound that lets about a third of them stay, over many seeds."""
    monkeypatch.setattr(overflow.relieve, "__defaults__", (100 * 2 * overflow._SPAN_BYTES,))
    sums = []
    for seed in range(30):
        chance, emitted = Random(seed), list[Span]()
        tail = make_tail(emitted)
        tail.controller.keys.others.share = share
        held = [hold(tail, chance.getrandbits(56), chance.randrange(3), name="visit") for _ in range(600)]
        for one in held:
            one.begun = tail._clock()
        tail.sweep()
        left = list(tail.undecided.values())
        assert 30 < len(left) < 200
        assert all(one.survived == probability_of(left[0].least) for one in left)
        tail.close()
        assert tail.left_out + len(emitted) == 2 * len(held)
        sums.append(sum(span.weight for span in emitted) / 2)
    assert sum(sums) / len(sums) == pytest.approx(600, rel=0.06)
