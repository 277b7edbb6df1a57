"""Young garbage is collected before a collection is due, and nothing else is."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tracing_proxies.delivery.garbage import Pause, collect_young


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


def make(share: float) -> list[list[int]]:
    """Make objects until the collector's count has reached a share of what makes a collection due."""
    made: list[list[int]] = []
    while gc.get_count()[0] < share * gc.get_threshold()[0]:
        made.append([])
    return made


def test_where_a_collection_is_near_the_young_are_collected_and_what_comes_next_begins_none(
    collections: list[int],
) -> None:
    held = make(0.9)
    collect_young()
    assert collections == [0]
    held += [[] for _ in range(600)]
    assert collections == [0]


def test_where_none_is_near_nothing_is_collected(collections: list[int]) -> None:
    held = make(0.5)
    collect_young()
    assert collections == []
    assert held


def test_an_application_that_has_switched_the_collector_off_keeps_its_garbage(collections: list[int]) -> None:
    gc.disable()
    held = make(0.9)
    collect_young()
    gc.enable()
    gc.set_threshold(0)
    collect_young()
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
