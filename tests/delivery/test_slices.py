"""Long work lets others go first, short work does not stop."""

from __future__ import annotations

from tracing_proxies.delivery.slices import SLICE, Slices


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
