"""Where the spool's bounds lie, what it leaves open, and what it does as a disk refuses one operation."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracing_proxies.delivery.spool import dead, disk, record, segment, spool
from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.files import PROBE_PAUSE
from tracing_proxies.delivery.spool.record import MAX_PAYLOAD, MAX_SPANS, Record, decode, encode
from tracing_proxies.delivery.spool.spool import SCAN_PAUSE, SYNC_PAUSE, Spool

STEM = "1700000000000000000-1-aaaaaaaa-0"


class Disk(PosixDisk):
    """A real folder on a medium that is as full as it is told, and that refuses what it is told to refuse."""

    free_bytes = 10**12
    whole_bytes = 10**12

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refused: set[str] = set()
        self.synced = 0
        self.listed = 0

    def free(self) -> tuple[int, int]:
        return self.free_bytes, self.whole_bytes

    def read(self, descriptor: int, start: int, length: int) -> bytes:
        self._refuse("read")
        return super().read(descriptor, start, length)

    def write_small(self, name: str, data: bytes) -> None:
        self._refuse("write_small")
        super().write_small(name, data)

    def append(self, descriptor: int, data: bytes) -> int:
        self._refuse("append")
        return super().append(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        self._refuse("truncate")
        super().truncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        self.synced += 1
        self._refuse("sync")
        super().sync(descriptor)

    def files(self) -> Iterator[tuple[str, int]]:
        self.listed += 1
        return super().files()

    def _refuse(self, operation: str) -> None:
        if operation in self.refused:
            raise OSError(errno.EIO, "the medium is bad")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def medium(folder: Path) -> Disk:
    return Disk(folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fill(made: Spool, count: int, size: int = 100, spans: int = 1) -> None:
    for number in range(count):
        assert made.append(Record(os.urandom(size), spans, number))


def left_by_another(folder: Path, count: int, spans: int = 1, size: int = 100) -> None:
    """Let another owner of the folder, which ends, leave requests in it."""
    other = Spool(PosixDisk(folder))
    fill(other, count, size, spans)
    other.close()


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))


def test_what_the_documentation_says_of_sizes_and_times_is_so() -> None:
    assert (spool.MAX_SIZE, spool.MAX_AGE) == (512 * 1024**2, 24 * 60 * 60 * 1_000_000_000)
    assert spool.KEPT_AGE == 7 * spool.MAX_AGE
    assert (SCAN_PAUSE, SYNC_PAUSE, PROBE_PAUSE) == (30.0, 0.5, 30.0)
    assert (dead.MOST_LETTERS, dead.MOST_BYTES) == (1_000, 16 * 1024**2)
    assert (MAX_PAYLOAD, MAX_SPANS, segment.MAX_SEGMENT) == (32 * 1024**2, 1_000_000, 64 * 1024**2)


def test_the_largest_record_is_one_and_a_larger_one_is_none() -> None:
    largest = Record(bytes(MAX_PAYLOAD), MAX_SPANS, 2**64 - 1, errors=True)
    assert decode(encode(largest)) == largest
    assert decode(encode(Record(b"", 0, 0))) == Record(b"", 0, 0)
    for beyond in (
        Record(bytes(MAX_PAYLOAD + 1), 1, 1),
        Record(b"x", MAX_SPANS + 1, 1),
        Record(b"x", -1, 1),
        Record(b"x", 1, 2**64),
        Record(b"x", 1, -1),
    ):
        with pytest.raises(ValueError, match="a record holds"):
            encode(beyond)


def test_a_record_that_claims_too_many_spans_is_none_though_its_checksum_fits() -> None:
    head = record.HEADER.pack(record.MAGIC, 0, 1, MAX_SPANS + 1, 1, 0)[:-4]
    crc = zlib.crc32(b"x", zlib.crc32(head)).to_bytes(4, "little")
    assert decode(head + crc + b"x") is None


def test_nothing_is_left_open_by_what_is_no_file_of_ours(folder: Path, medium: Disk) -> None:
    medium.prepare()
    os.mkfifo(folder / f"{STEM}.seg")
    (folder / f"{STEM}.open").mkdir()
    before = open_descriptors()
    for _ in range(5):
        assert medium.take(f"{STEM}.seg") is None
        assert medium.take(f"{STEM}.open") is None
        assert medium.take("nothing.seg") is None
        medium.sync_folder()
        assert medium.read_small("nothing.done", 32) == b""
        medium.write_small("some.done", b"12")
        assert medium.read_small("some.done", 32) == b"12"
    assert open_descriptors() == before


def test_a_failure_that_says_nothing_of_the_file_is_no_missing_file(medium: Disk) -> None:
    medium.prepare()
    with pytest.raises(OSError, match="too long"):
        medium.take("x" * 300)


def test_small_files_are_not_read_by_way_of_links_and_bad_ones_are_kept_for_the_owner(
    folder: Path, medium: Disk, tmp_path: Path
) -> None:
    medium.prepare()
    (tmp_path / "secret").write_bytes(b"1234")
    (folder / f"{STEM}.done").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic link"):
        medium.read_small(f"{STEM}.done", 32)
    (folder / f"{STEM}.seg").write_bytes(b"noise")
    medium.quarantine(f"{STEM}.seg", 2)
    assert stat.S_IMODE((folder / "bad").stat().st_mode) == 0o700
    assert disk.PosixDisk(folder / "bad").holds(f"{STEM}.seg")


def test_a_disk_that_was_in_trouble_is_tried_again_after_half_a_minute(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock)
    fill(made, 2)
    medium.refused = {"write_small"}
    items = made.next()
    assert items is not None
    made.settle(items)
    assert "the medium is bad" in made.trouble
    clock.now += PROBE_PAUSE - 0.1
    assert not made.append(Record(b"x", 1, 1))
    medium.refused = set()
    clock.now += 0.1
    assert made.append(Record(b"x", 1, 1))
    assert made.trouble == ""
    made.close()


@pytest.mark.parametrize("refused", ["append", "sync"])
def test_a_disk_that_refuses_one_operation_is_left_alone_and_the_request_is_not_in_it(
    refused: str, folder: Path, medium: Disk, clock: Clock
) -> None:
    made = Spool(medium, clock=clock)
    assert made.append(Record(b"before", 1, 1), durable=True)
    medium.refused = {refused}
    assert not made.append(Record(b"refused", 1, 2), durable=True)
    assert "the medium is bad" in made.trouble
    medium.refused = set()
    assert not made.append(Record(b"too early", 1, 3))
    clock.now += PROBE_PAUSE
    items = made.next(most_spans=10)
    assert items is not None
    assert [found.payload for found in items.records] == [b"before"]
    (file,) = folder.glob("*.open")
    assert file.stat().st_size == items.entries[0].length
    made.close()


def test_a_sync_that_fails_leaves_the_disk_alone_and_says_so(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock, segment_size=4096)
    fill(made, 1)
    medium.refused = {"sync"}
    assert not made.sync()
    assert "the medium is bad" in made.trouble
    assert not made.append(Record(b"too early", 1, 3))
    clock.now += PROBE_PAUSE
    assert made.append(Record(bytes(5_000), 1, 4))  # large enough to seal its file, which fails
    assert "the medium is bad" in made.trouble
    assert made.spans == 2
    medium.refused = set()
    made.close()


def test_a_folder_of_many_files_is_looked_at_in_parts_without_a_pause(folder: Path, medium: Disk, clock: Clock) -> None:
    left_by_another(folder, 1)
    for number in range(450):
        (folder / f"x{number}").touch()
    made = Spool(medium, clock=clock)
    for _ in range(3):
        made.tend()
    assert (made.adopted, made.empty) == (0, False)
    assert made.next() is not None
    assert medium.listed == 1
    made.tend()
    assert medium.listed == 1
    made.close()


def test_what_is_on_the_medium_is_not_brought_there_again(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock)
    fill(made, 3)
    assert made.dirty
    assert made.sync()
    assert not made.dirty
    done = medium.synced
    assert made.sync()
    assert medium.synced == done
    made.close()


def test_requests_of_the_dead_are_told_from_ones_own(folder: Path, medium: Disk, clock: Clock) -> None:
    left_by_another(folder, 3, spans=5)
    made = Spool(medium, clock=clock)
    made.tend()
    assert (made.spans, made.empty) == (0, False)
    items = made.next(most_spans=15)
    assert items is not None
    assert (items.own, items.spans, made.adopted) == (False, 15, 15)
    made.close()


def test_a_look_that_is_complete_is_not_repeated_for_half_a_minute(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock)
    made.tend()
    assert medium.listed == 1
    for passed in (1.0, 28.9):
        clock.now += passed
        made.tend()
        assert medium.listed == 1
    clock.now += 0.1
    made.tend()
    assert medium.listed == 2
    made.close()
    made.tend()
    assert medium.listed == 3
    made.close()


def test_requests_come_together_as_far_as_their_spans_and_bytes_allow(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock)
    fill(made, 6, size=72, spans=2)  # 100 bytes each

    def batches(**bounds: int) -> list[int]:
        items = made.next(**bounds)
        assert items is not None
        return [found.batch for found in items.records]

    assert batches(most_spans=100) == [0, 1, 2, 3, 4, 5]
    assert batches(most_spans=6) == [0, 1, 2]
    assert batches(most_spans=5) == [0, 1]
    assert batches(most_spans=100, most_bytes=300) == [0, 1, 2]
    assert batches(most_spans=100, most_bytes=299) == [0, 1]
    assert batches(most_spans=1, most_bytes=1) == [0]
    made.close()


def test_a_file_that_cannot_be_read_is_left_alone_and_read_later(folder: Path, medium: Disk, clock: Clock) -> None:
    left_by_another(folder, 2)
    made = Spool(medium, clock=clock)
    made.tend()
    medium.refused = {"read"}
    assert made.next() is None
    assert "the medium is bad" in made.trouble
    medium.refused = set()
    assert made.next() is None
    clock.now += PROBE_PAUSE
    assert made.next() is not None
    made.close()


def test_a_request_that_has_rotted_is_counted_but_for_what_had_arrived_of_it(
    folder: Path, medium: Disk, clock: Clock
) -> None:
    made = Spool(medium, clock=clock)
    fill(made, 2, size=1_000, spans=7)
    items = made.next()
    assert items is not None
    made.settle_part(items, 3)
    (file,) = folder.glob("*.open")
    with open(file, "r+b") as opened:
        opened.seek(500)
        opened.write(b"rotten")
    following = made.next()
    assert following is not None
    assert following.records[0].batch == 1
    assert made.dropped == {"spool_damaged": 4}
    assert made.damaged == 1_028
    assert made.spans == 7
    made.close()


def test_the_oldest_go_where_the_disk_is_nearly_full(medium: Disk, clock: Clock) -> None:
    made = Spool(medium, clock=clock, segment_size=4096)
    fill(made, 20, size=1_000)
    assert made.dropped == {}
    freed = []

    def free() -> tuple[int, int]:
        freed.append(len(freed))
        return (10**9 if len(freed) > 2 else 10, 10**10)  # each that goes gives room; after two there is enough

    medium.free = free  # type: ignore[method-assign]
    for number in range(64):  # looked at once in so many requests
        assert made.append(Record(bytes(100), 1, 100 + number))
    assert 0 < made.dropped["disk_full"] < 20
    assert len(freed) == 3
    made.close()


@pytest.mark.parametrize(("whole", "kept"), [(10**10, 5 * 10**8), (10**12, 1 << 30)])
def test_nothing_is_written_where_the_disk_is_nearly_full_and_nothing_can_go(
    medium: Disk, clock: Clock, whole: int, kept: int
) -> None:
    medium.free_bytes, medium.whole_bytes = kept, whole
    made = Spool(medium, clock=clock)
    assert not made.append(Record(b"x", 1, 1))
    assert "of the disk is free" in made.trouble
    medium.free_bytes = kept + 29  # as much is free after the request is written
    clock.now += PROBE_PAUSE
    assert not made.dropped
    made = Spool(medium, clock=clock)
    assert made.append(Record(b"x", 1, 1))
    made.close()
