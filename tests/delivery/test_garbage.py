"""Collections come when they would come without our threads, and not on these."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tracing_proxies.compiled import hot
from tracing_proxies.delivery.garbage import Aside, Pause, recount


@pytest.fixture(autouse=True)
def collections() -> Iterator[list[int]]:
    """The generations that were collected; all there is at the beginning is old."""
    thresholds, enabled, seen = gc.get_threshold(), gc.isenabled(), list[int]()

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.enable()
    gc.set_threshold(2_000, 1, 1)  # the next collection that is due by itself is one of everything
    for generation in (0, 0, 1, 1):
        gc.collect(generation)
    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()


def make(share: float) -> list[set[int]]:
    """Make objects until the collector's count has reached a share of what makes a collection due."""
    made: list[set[int]] = []  # of sets none is kept for the next to be made
    while gc.get_count()[0] < share * gc.get_threshold()[0]:
        made.append(set())
    return made


compiled = pytest.mark.skipif(hot is None or not recount(0), reason="what is made cannot be left uncounted here")


@compiled
def test_where_a_collection_is_near_what_our_thread_makes_begins_none(collections: list[int]) -> None:
    held, aside = make(0.99), Aside()
    aside.take()
    ours = [set() for _ in range(240)]
    del ours
    aside.give_back()
    assert collections == []
    assert held


@compiled
def test_what_was_not_counted_is_counted_again_so_that_the_collection_comes_when_it_would_have(
    collections: list[int],
) -> None:
    held, aside = make(0.95), Aside()
    for _ in range(50):
        aside.take()
        aside.give_back()
    held += [set() for _ in range(80)]
    assert collections == []
    held += [set() for _ in range(40)]
    assert collections != []


@compiled
def test_giving_back_begins_no_collection_and_leaves_room_for_what_is_made_until_our_thread_rests(
    collections: list[int],
) -> None:
    aside = Aside()
    held = make(0.995)
    aside.take()
    held += [set() for _ in range(200)]
    aside.give_back()
    held += [set() for _ in range(15)]
    assert collections == []
    held += [set() for _ in range(30)]
    assert collections != []


@compiled
def test_after_a_collection_meanwhile_nothing_is_counted_again(collections: list[int]) -> None:
    held, aside = make(0.99), Aside()
    aside.take()
    gc.collect(0)
    before = gc.get_count()[0]
    aside.give_back()
    assert abs(gc.get_count()[0] - before) < 20
    assert collections == [0]
    assert held


@compiled
def test_where_none_is_near_all_is_counted(collections: list[int]) -> None:
    held, aside = make(0.5), Aside()
    before = gc.get_count()[0]
    aside.take()
    assert gc.get_count()[0] >= before
    assert collections == []
    assert held


@pytest.mark.skipif(hot is not None and recount(0), reason="what is made can be left uncounted here")
def test_elsewhere_the_young_are_collected_beforehand(collections: list[int]) -> None:
    held = make(0.99)
    Aside().take()
    assert collections == [0]
    held += [set() for _ in range(600)]
    assert collections == [0]


def test_an_application_that_has_switched_the_collector_off_keeps_its_garbage_and_its_count(
    collections: list[int],
) -> None:
    gc.disable()
    held = make(0.99)
    before = gc.get_count()[0]
    Aside().take()
    assert gc.get_count()[0] >= before
    gc.enable()
    gc.set_threshold(0)
    Aside().take()
    assert collections == []
    assert held


def test_while_much_is_made_nothing_is_collected_and_then_the_young_alone(collections: list[int]) -> None:
    with Pause():
        held = [[] for _ in range(10_000)]
        assert collections == []
    assert gc.isenabled()
    assert collections == [0]
    assert held


@pytest.mark.parametrize("threshold", [0, 2_000])
def test_a_pause_leaves_a_collector_off_that_was_off(collections: list[int], threshold: int) -> None:
    gc.set_threshold(threshold)
    if threshold:
        gc.disable()
    with Pause(), Pause():
        held = [[] for _ in range(10_000)]
    assert gc.isenabled() is not bool(threshold)
    assert collections == []
    assert held


def test_a_pause_ends_where_what_it_is_for_fails() -> None:
    with pytest.raises(ValueError, match="no"), Pause():
        raise ValueError("no")
    assert gc.isenabled()


def test_a_child_that_is_forked_in_a_pause_collects() -> None:
    pause = Pause()
    with pause:
        child = os.fork()
        if child == 0:
            pause.after_fork()
            os._exit(0 if gc.isenabled() else 1)
        _, status = os.waitpid(child, 0)
        assert not gc.isenabled()
    assert os.waitstatus_to_exitcode(status) == 0
