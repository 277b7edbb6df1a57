"""Where room has to be made of requests that the server has taken in part, each span is counted once all the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.delivery.support import observations
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.sinks.protocol import Outcome, Parcel, Shipped, Storage
from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.spool import Spool
from tracing_proxies.delivery.spool_lane import SpoolLane
from tracing_proxies.recording.observation import Observation

MAX_SIZE = 40_000
PAYLOAD = 8_000


class PiecemealSink:
    """Makes one large parcel of each batch, and answers each attempt as it is told."""

    name = "piecemeal"

    def __init__(self, folder: Path) -> None:
        self.storage: Storage | None = Storage(folder)
        self.answers: list[Callable[[Parcel], Shipped]] = []
        self.seen: list[int] = []

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        return [Parcel(os.urandom(PAYLOAD), len(batch))], {}

    def ship(self, parcel: Parcel, *, whole: bool) -> Shipped:
        self.seen.append(parcel.spans)
        return self.answers.pop(0)(parcel) if self.answers else away(parcel)

    def write(self, batch: Sequence[Observation]) -> Outcome:
        raise AssertionError("its requests go by way of the spool")

    def close(self) -> None:
        """Nothing is open."""


class Clock:
    """Far enough on at each attempt that one is due."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def away(parcel: Parcel) -> Shipped:
    return Shipped(rest=(parcel,), reason="away", reachable=False)


def takes_a_quarter(parcel: Parcel) -> Shipped:
    quarter = parcel.spans // 4
    halves = [Parcel(parcel.payload[:100], quarter), Parcel(parcel.payload[100:200], parcel.spans - 2 * quarter)]
    return Shipped(delivered=quarter, rest=halves, reason="broke off")


def takes_all(parcel: Parcel) -> Shipped:
    return Shipped(delivered=parcel.spans)


@pytest.fixture
def sink(tmp_path: Path) -> PiecemealSink:
    return PiecemealSink(tmp_path / "spool")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lane(sink: PiecemealSink, clock: Clock) -> SpoolLane:
    def raised(reason: str, exc: BaseException) -> None:
        raise exc

    assert sink.storage is not None
    spool = Spool(PosixDisk(sink.storage.folder), max_size=MAX_SIZE, segment_size=PAYLOAD, clock=clock)
    return SpoolLane(sink, Ledger(), max_bytes=10**7, contain=raised, spool=spool, clock=clock)  # type: ignore[arg-type]


def offer(lane: SpoolLane, count: int) -> None:
    spans = observations(count)
    with lane._ledger.lock:
        lane._ledger.take(count)
        lane._ledger.hand_over(count)
        lane.offer(spans, 100 * count)


def step(lane: SpoolLane, clock: Clock) -> None:
    clock.now += 100.0
    lane.step()
    lane._ledger.check()


def test_what_had_arrived_of_a_request_is_not_dropped_with_its_rest(
    lane: SpoolLane, sink: PiecemealSink, clock: Clock
) -> None:
    sink.answers = [takes_a_quarter]
    offer(lane, 40)
    step(lane, clock)
    snapshot = lane._ledger.check()
    assert (snapshot.delivered, snapshot.spooled) == (10, 30)
    for _ in range(6):  # the server is away, and the spool has no room for the first any more
        offer(lane, 20)
        step(lane, clock)
    snapshot = lane._ledger.check()
    assert snapshot.delivered == 10
    assert snapshot.dropped == {"spool_full": 30 + 2 * 20}
    assert snapshot.spooled == 4 * 20
    assert sink.seen[:2] == [40, 10]
    sink.answers = [takes_all] * 9
    for _ in range(9):
        step(lane, clock)
    snapshot = lane._ledger.check()
    assert (snapshot.delivered, snapshot.spooled) == (10 + 4 * 20, 0)
    assert set(sink.seen[-4:]) == {20}, "the rest of what was dropped is not sent"


def test_no_room_is_made_of_what_is_on_its_way(lane: SpoolLane, sink: PiecemealSink, clock: Clock) -> None:
    def takes_all_slowly(parcel: Parcel) -> Shipped:
        for _ in range(6):  # meanwhile the worker fills the spool
            offer(lane, 20)
            lane.keep()
        return Shipped(delivered=parcel.spans)

    sink.answers = [takes_all_slowly]
    offer(lane, 40)
    step(lane, clock)
    step(lane, clock)
    snapshot = lane._ledger.check()
    assert snapshot.delivered == 40
    assert snapshot.dropped == {"spool_full": 3 * 20}
    assert snapshot.spooled + snapshot.queued == 3 * 20


def test_a_file_that_is_too_old_is_dropped_without_what_had_arrived(sink: PiecemealSink, clock: Clock) -> None:
    assert sink.storage is not None
    wall = [10**18]
    disk = PosixDisk(sink.storage.folder)
    spool = Spool(disk, max_age=3600 * 10**9, segment_size=PAYLOAD, clock=clock, wall=lambda: wall[0])
    lane = SpoolLane(sink, Ledger(), max_bytes=10**7, contain=lambda *_: None, spool=spool, clock=clock)  # type: ignore[arg-type]
    sink.answers = [takes_a_quarter]
    offer(lane, 40)
    step(lane, clock)
    wall[0] += 2 * 3600 * 10**9
    step(lane, clock)
    snapshot = lane._ledger.check()
    assert (snapshot.delivered, dict(snapshot.dropped), snapshot.spooled) == (10, {"spool_expired": 30}, 0)
