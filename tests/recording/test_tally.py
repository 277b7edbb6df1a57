"""Tallies: no call is ever counted twice or not at all, in however many threads."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.weaving.twins import twins
from tracing_proxies.recording import tally as recording_tally
from tracing_proxies.recording.tally import Tally
from tracing_proxies.sampling.sketch import Sketch
from tracing_proxies.weaving.proxies import point_of


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_counts_errors_and_durations_are_exact_in_many_threads() -> None:
    tally, each, threads = Tally(), 8_000, 8
    done = threading.Event()
    read: list[tuple[int, int]] = []
    sketches: list[Sketch] = []

    def call(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(each):
            taken = chance.randrange(10**6)
            tally.count(~taken if number % 10 == 0 else taken)
            if number % 64 == 0:
                tally.relieve()

    def watch() -> None:
        while not done.is_set():
            calls, errors, sketch = tally.take()
            read.append((calls, errors))
            sketches.append(sketch)
            assert sum(taken.count for taken in sketches) == calls

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(threads)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *callers):
        thread.start()
    for thread in callers:
        thread.join()
    done.set()
    watcher.join()

    calls, errors, sketch = tally.take()
    sketches.append(sketch)
    assert (calls, errors) == (each * threads, each * threads // 10)
    assert tally.calls == calls
    assert sum(taken.total for taken in sketches) == sum(
        max(1, chance.randrange(10**6)) for chance in map(random.Random, range(threads)) for _ in range(each)
    )
    assert read == sorted(read)
    assert len(read) > 1


def test_an_error_of_no_duration_is_one() -> None:
    tally = Tally()
    tally.count(~0)
    tally.count(0)
    assert tally.count_all() == (2, 1)


def test_a_forked_child_counts_anew_into_the_list_that_its_callers_hold() -> None:
    tally = Tally()
    count = tally.count
    count(5)
    tally.forget()
    count(7)
    assert tally.count_all() == (1, 0)


def test_a_lock_that_is_left_taken_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by an exception of a signal's handler, at the very moment at which a caller has taken it."""
    monkeypatch.setattr(recording_tally, "_PATIENCE", 0.01)
    tally = Tally()
    tally.count(5)
    thread = threading.Thread(target=tally._lock.acquire)
    thread.start()
    thread.join()
    assert tally.count_all() == (0, 0)
    assert tally.take()[2].count == 0
    assert tally.calls == 1


def test_durations_are_taken_once() -> None:
    tally = Tally()
    tally.count(5)
    tally.count(~7)
    first, second = tally.take(), tally.take()
    assert first[:2] == second[:2] == (2, 1)
    assert (first[2].count, first[2].total, second[2].count) == (2, 12, 0)


def test_calls_that_are_alike_do_not_pile_up() -> None:
    with twins("def work():\n    return None\n", "work") as (_, traced, spans):
        tally = point_of(traced.work).tally
        for _ in range(30_000):
            traced.work()
            spans.clear()
        assert len(tally._pending) < 15_000
        assert tally.count_all() == (30_000, 0)
