"""The spool over a file system that fails, crashes, tears and rots: what was acknowledged is there, damage never is."""

from __future__ import annotations

import random

import attrs
import pytest

from tests.delivery.spool.simulated import Medium, SimulatedDisk
from tracing_proxies.delivery.spool.reading import Items
from tracing_proxies.delivery.spool.record import Record
from tracing_proxies.delivery.spool.spool import Spool


@attrs.define
class Model:
    """What a spool must hold: by batch id, the payloads that were written, acknowledged and settled."""

    written: dict[int, bytes] = attrs.field(factory=dict)
    durable: set[int] = attrs.field(factory=set)
    pending_sync: set[int] = attrs.field(factory=set)
    settled: set[int] = attrs.field(factory=set)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> int:
        return int(self.now * 1e9)


def run(seed: int, *, faults: float, power: bool, rot: bool) -> None:
    chance = random.Random(seed)
    medium, locks, clock, model = Medium(), dict[int, SimulatedDisk](), Clock(), Model()
    rotten = False
    for _life in range(chance.randint(2, 5)):
        disk = SimulatedDisk(medium, locks, chance if faults else None, faults)
        spool = Spool(disk, segment_size=4096, max_size=2**30, clock=clock, wall=clock.wall)
        for _ in range(chance.randint(5, 60)):
            clock.now += chance.choice((0.001, 0.1, 0.6, 31.0))
            act = chance.random()
            if act < 0.6:
                payload = chance.randbytes(chance.choice((0, 5, 200, 3_000)))
                batch = len(model.written) + 1
                model.written[batch] = payload
                durable = chance.random() < 0.3
                if spool.append(Record(payload, 7, batch, chance.random() < 0.2), durable=durable):
                    (model.durable if durable else model.pending_sync).add(batch)
            elif act < 0.75:
                if spool.sync():
                    model.durable |= model.pending_sync
                    model.pending_sync.clear()
            elif act < 0.8:
                spool.tend()
            else:
                deliver(spool, model, smallest=chance.random() < 0.3)
        if not power:  # a killed process leaves to the kernel what it has written
            model.durable |= model.pending_sync
        model.pending_sync.clear()
        disk.die()
        if power:
            medium.lose_power(chance)
        if rot:
            for _ in range(3):
                medium.rot(chance)
            rotten = True
    clock.now += 100.0
    disk = SimulatedDisk(medium, locks, None, 0.0)
    spool = Spool(disk, segment_size=4096, max_size=2**30, clock=clock, wall=clock.wall)
    for _ in range(50):
        clock.now += 31.0
        spool.tend()
    while deliver(spool, model):
        clock.now += 1.0
    assert spool.empty
    if not rotten:
        assert model.durable <= model.settled
    for _ in range(3):
        clock.now += 31.0
        spool.tend()
    spool.close()
    assert not [name for name in medium.names if not name.endswith((".done", ".new"))]
    assert not locks


def deliver(spool: Spool, model: Model, *, smallest: bool = False) -> Items | None:
    items = spool.next(smallest=smallest, most_spans=20, most_bytes=3_500)
    if items is not None:
        assert smallest <= (len(items.records) == 1)
        for record in items.records:
            assert model.written[record.batch] == record.payload, "damage was accepted"
            assert record.spans == 7
            model.settled.add(record.batch)
        spool.settle(items)
    return items


@pytest.mark.parametrize("block", range(10))
def test_a_killed_process_loses_nothing_that_it_has_written(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        run(seed, faults=0.0, power=False, rot=False)


@pytest.mark.parametrize("block", range(10))
def test_a_power_cut_loses_nothing_that_was_synced(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        run(seed, faults=0.0, power=True, rot=False)


@pytest.mark.parametrize("block", range(10))
def test_a_disk_that_fails_at_any_step_loses_nothing_that_was_acknowledged(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        run(seed, faults=0.15, power=seed % 2 == 0, rot=False)


@pytest.mark.parametrize("block", range(10))
def test_what_has_rotted_is_never_accepted(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        run(seed, faults=0.05, power=True, rot=True)
