"""Young garbage is collected before a collection is due, and nothing else is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from tracing_proxies.delivery.garbage import collect_young


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
