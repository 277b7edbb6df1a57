"""Long work lets others go first, short work does not stop."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
import weakref

import pytest

from tracing_proxies.compiled import hot
from tracing_proxies.delivery import neighbours
from tracing_proxies.delivery.slices import PATIENCE, SHORT_SLICE, SLICE, Slices


def rests(pieces: int, *, each: float) -> int:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        assert seconds > 0, "a sleep of nothing gives nothing away"
        slept.append(seconds)
        now[0] += seconds

    slices = Slices(lambda: now[0], sleep)
    for _ in range(pieces):
        now[0] += each
        slices.between()
    return len(slept)


def test_work_within_a_slice_is_not_interrupted() -> None:
    assert rests(9, each=SLICE / 10) == 0


def test_longer_work_rests_once_a_slice() -> None:
    assert rests(1_000, each=SLICE / 10) in range(90, 101)


def test_pieces_that_are_longer_than_a_slice_rest_after_each() -> None:
    assert rests(7, each=3 * SLICE) == 7


class Machine:
    """A clock, and an application that computes for a share of all time until it stops."""

    def __init__(self, share: float, *, until: float = 1e9) -> None:
        self.now = 0.0
        self.share, self.until = share, until
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def others(self) -> float:
        return self.share * min(self.now, self.until)

    def work(self, pieces: int, *, hurried: bool = False) -> None:
        slices = Slices(lambda: self.now, self.sleep, self.others, lambda: hurried)
        for _ in range(pieces):
            self.now += SLICE
            slices.between()


def test_work_that_has_time_is_cut_into_shorter_slices() -> None:
    machine = Machine(0.05)
    slices = Slices(lambda: machine.now, machine.sleep, machine.others, lambda: False)
    for _ in range(100):
        machine.now += SHORT_SLICE / 4
        slices.between()
    assert len(machine.slept) in range(20, 26)


def test_the_compiled_way_stands_back_while_the_application_computes_and_no_longer() -> None:
    def burn() -> None:
        while not done.is_set():
            pass

    def stretch() -> float:
        slices = Slices(hurried=lambda: False)
        slices._until = 0.0
        before = time.monotonic()
        slices.between()
        return time.monotonic() - before

    done, burning = threading.Event(), threading.Thread(target=burn)
    neighbours.move_in()
    try:
        assert min(stretch() for _ in range(20)) < 0.01
        burning.start()
        ends = time.monotonic() + 20  # the system may let the other thread wait
        while (longest := stretch()) <= 0.03:
            assert time.monotonic() < ends
    finally:
        done.set()
        burning.join()
        neighbours.move_out()
    assert longest < PATIENCE + 5


@pytest.mark.skipif(hot is None or sys.platform != "linux", reason="nothing is compiled here, or no `usleep` is known")
def test_nobody_waits_for_a_lock_that_is_seen_to_be_held() -> None:
    """A thread that sleeps with the interpreter's lock computes nothing: by its CPU alone it would seem to rest."""
    sleep = ctypes.PyDLL(None).usleep
    holding = threading.Thread(target=lambda: (time.sleep(0.02), sleep(300_000)))
    holding.start()
    answers = []
    while holding.is_alive():
        answers.append(hot.stand_back((), 10.0))
    rests, stood = max(answers, key=lambda answer: answer[1])
    assert rests, "it was asked for while it was held"
    assert stood > 0.1


def test_work_goes_on_at_once_where_the_application_waits() -> None:
    machine = Machine(0.05)
    machine.work(100)
    assert len(machine.slept) == 100
    assert machine.now < 0.06


def test_work_stands_back_until_the_application_waits() -> None:
    machine = Machine(1.0, until=0.1)
    machine.work(100)
    assert 0.1 < machine.now < 0.1 + 2 * 0.016 + 100 * SLICE
    assert max(machine.slept) <= 0.016


def test_work_does_not_stand_back_for_ever() -> None:
    machine = Machine(1.0)
    machine.work(1_000)
    assert PATIENCE <= machine.now - 1_000 * SLICE <= PATIENCE + 0.02


def test_work_that_is_waited_for_does_not_stand_back() -> None:
    machine = Machine(1.0)
    machine.work(100, hurried=True)
    assert machine.now < 0.06


def test_what_the_application_computes_is_told_from_what_our_threads_do() -> None:
    def burn(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    def ours() -> None:
        neighbours.move_in()
        burn(0.2)
        done.set()
        go.wait(10)
        neighbours.move_out()

    done, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=ours)
    before = neighbours.spent()
    thread.start()
    done.wait(10)
    try:
        if sys.platform == "linux":
            assert neighbours.spent() - before < 0.1
        theirs = threading.Thread(target=burn, args=(0.2,))
        theirs.start()
        theirs.join()
        assert neighbours.spent() - before > 0.18
    finally:
        go.set()
        thread.join()
    assert neighbours.spent() - before > 0.3  # what has ended is nobody's of ours


def test_a_stretch_of_work_is_in_no_circle_which_only_the_collector_could_free() -> None:
    slices = Slices()
    slices.between()
    seen = weakref.ref(slices)
    del slices
    assert seen() is None
