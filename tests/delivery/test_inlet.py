"""What is compiled queues ended spans exactly as its original does."""

from __future__ import annotations

import gc
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.inlet import Inlet, PlainInlet

Make = Callable[[int, Callable[[], object]], Any]

KINDS = pytest.mark.parametrize("make", [PlainInlet, Inlet], ids=["original", "compiled"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("asleep"), st.booleans()),
        st.tuples(st.just("anew"), st.just(0)),
        st.tuples(st.just("answer"), st.sampled_from(["wakes", "sleeps", "fails", "drops", "puts"])),
    ),
    max_size=30,
)


class Refused(Exception):
    """What the rousing raises."""


class Spot:
    """A span that can be watched."""


def walk(make: Make, most: int, steps: list[tuple[str, Any]]) -> list[Any]:
    """Do one step after another, and tell what has come of each."""
    told: list[Any] = []
    answer = "wakes"

    def rouse() -> None:
        nonlocal answer
        told.append(("roused", answer, list(inlet.queue)))
        if answer == "fails":
            raise Refused
        inlet.asleep = answer == "sleeps"
        if answer == "drops":
            inlet.queue.clear()
        if answer == "puts":  # as a signal handler may, in the midst of it
            answer = "wakes"
            inlet("within")

    inlet = make(most, rouse)
    for step, value in steps:
        try:
            if step == "put":
                inlet(value)
            elif step == "take" and inlet.queue:
                told.append(inlet.queue.popleft())
            elif step == "asleep":
                inlet.asleep = value
            elif step == "anew":
                inlet.begin_anew()
            elif step == "answer":
                answer = value
        except Refused:
            told.append("refused")
        told.append((step, list(inlet.queue), inlet.asleep, inlet.most))
    return told


@settings(max_examples=examples(200))
@given(st.integers(0, 4), STEPS)
def test_it_queues_and_rouses_as_its_original_does(most: int, steps: list[tuple[str, Any]]) -> None:
    assert walk(Inlet, most, steps) == walk(PlainInlet, most, steps)


@KINDS
def test_the_worker_is_roused_when_it_sleeps_and_when_more_wait_than_may(make: Make) -> None:
    roused: list[int] = []
    inlet = make(2, lambda: roused.append(len(inlet.queue)))
    assert inlet.asleep
    inlet("a")
    inlet.asleep = False
    for span in "bcd":
        inlet(span)
    assert roused == [1, 3, 4]
    assert inlet.queue == deque("abcd")


@KINDS
def test_a_forked_child_has_a_queue_of_its_own(make: Make) -> None:
    inlet = make(2, lambda: None)
    inlet("the parent's")
    parents = inlet.queue
    inlet.asleep = False
    inlet.begin_anew()
    inlet("the child's")
    assert (parents, inlet.queue, inlet.asleep) == (deque(["the parent's"]), deque(["the child's"]), True)


@KINDS
def test_what_waits_is_held_by_the_queue_alone_and_goes_with_it(make: Make) -> None:
    leads: list[Any] = []
    inlet = make(9, leads.__len__)
    leads.append(inlet)  # a cycle, as that of a pipeline
    span = Spot()
    gone = weakref.ref(span)
    inlet(span)
    del span
    assert gone() is inlet.queue[0]
    del inlet, leads
    gc.collect()
    assert gone() is None


@KINDS
def test_it_is_given_one_span_and_nothing_else(make: Make) -> None:
    inlet = make(2, lambda: None)
    for args, kwargs in (((), {}), ((1, 2), {}), ((1,), {"more": 1})):
        with pytest.raises(TypeError):
            inlet(*args, **kwargs)
    assert not inlet.queue


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_it_is_made_only_with_what_it_needs() -> None:
    wrong: Any
    for wrong in ((), (1,), ("a", print), (1, print, 2)):
        with pytest.raises(TypeError):
            Inlet(*wrong)
    inlet: Any = Inlet(1, print)
    for name, value in (("queue", []), ("rouse", print), ("most", 3), ("asleep", 1)):
        with pytest.raises((TypeError, AttributeError)):
            setattr(inlet, name, value)
