"""Dicts are read as of one moment, whoever changes them meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tracing_proxies.weaving.contents import items_of


@contextmanager
def collecting_always() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def test_a_dict_that_grows_while_it_is_read_is_read_whole() -> None:
    entries = {f"name_{n}": n for n in range(1_000)}
    room = [f"late_{n}" for n in range(3)]

    def grow(phase: str, details: dict[str, int]) -> None:
        if room:
            entries[room.pop()] = 0

    gc.callbacks.append(grow)
    try:
        with collecting_always():
            found = items_of(entries)
    finally:
        gc.callbacks.remove(grow)
    assert found == list(entries.items())[: len(found)]
    assert len(found) >= 1_000
