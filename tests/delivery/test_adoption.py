"""Whose a file of the spool is, only its lock decides; and a start does little, whatever lies there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.support import observations, wait_until
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.lookout import LOOKED_AT, MOST_HELD, Lookout
from tracing_proxies.delivery.spool.record import Record
from tracing_proxies.delivery.spool.spool import Spool

Build = Callable[[ContractServer], Pipeline]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def build(folder: Path) -> Iterator[Build]:
    built: list[Pipeline] = []

    def make(server: ContractServer) -> Pipeline:
        sink = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=Storage(folder), linger=0.02)
        built.append(Pipeline([sink], lambda span: span, ledger=Ledger()))
        return built[-1]

    yield make
    for pipeline in built:
        pipeline.close(0.5)
        pipeline.ledger.check()


def leave_behind(build: Build, server: ContractServer, count: int) -> list[str]:
    """Have a process end with spans on disk, as far as files can tell."""
    batch = observations(count)
    pipeline = build(server)
    for span in batch:
        pipeline.put(span)
    assert pipeline.flush(5)
    assert pipeline.close(1)
    return sorted(span.id for span in batch)


@pytest.mark.parametrize("owner", ["ours", "another living process's", "of nobody"])
def test_a_file_that_nobody_has_locked_is_taken_over_whatever_process_its_name_tells(
    build: Build, own_server: ContractServer, folder: Path, owner: str
) -> None:
    own_server.stop()
    left = leave_behind(build, own_server, 20)
    pid = {"ours": os.getpid(), "another living process's": os.getppid(), "of nobody": 4_194_303}[owner]
    [file] = folder.glob("*.open")
    born, _, rest = file.name.split("-", 2)
    file.rename(folder / f"{born}-{pid}-{rest}")
    own_server.restart()
    heir = build(own_server)
    heir.adopt()
    assert wait_until(lambda: sorted(own_server.ids()) == left)


def test_a_file_that_is_locked_is_left_alone_though_no_process_of_its_number_lives(
    build: Build, own_server: ContractServer, folder: Path
) -> None:
    own_server.stop()
    leave_behind(build, own_server, 20)
    [file] = folder.glob("*.open")
    born, _, rest = file.name.split("-", 2)
    file = file.rename(folder / f"{born}-4194303-{rest}")
    descriptor = PosixDisk(folder).take(file.name)
    assert descriptor is not None
    own_server.restart()
    heir = build(own_server)
    heir.adopt()
    for span in observations(5):
        heir.put(span)
    assert heir.flush(10)
    assert len(own_server.ids()) == 5
    assert file.exists()
    os.close(descriptor)


def test_two_heirs_deliver_each_file_once(build: Build, own_server: ContractServer) -> None:
    own_server.stop()
    left = sorted(one for _ in range(12) for one in leave_behind(build, own_server, 5))
    own_server.restart()
    heirs = [build(own_server), build(own_server)]
    for heir in heirs:
        heir.adopt()
    assert wait_until(lambda: sorted(own_server.ids()) == left)
    assert own_server.received()["repeated"] == 0
    assert wait_until(lambda: sum(spool_of(heir)["adopted_delivered"] for heir in heirs) == len(left))


def spool_of(pipeline: Pipeline) -> dict[str, Any]:
    found: dict[str, Any] = pipeline.status()["sinks"]["langfuse"]["spool"]
    return found


@pytest.mark.parametrize("kind", ["torn", "foreign", "of a newer version", "empty", "noise"])
def test_what_cannot_be_read_is_set_apart_and_the_rest_is_delivered(
    build: Build, own_server: ContractServer, folder: Path, kind: str
) -> None:
    own_server.stop()
    left = leave_behind(build, own_server, 10)
    name = f"{time.time_ns()}-1-aaaaaaaa-0.seg"
    content = {
        "torn": b"TPS1" + bytes(30),
        "foreign": b"PK\x03\x04" + b"not ours" * 100,
        "of a newer version": b"TPS9" + bytes(200),
        "empty": b"",
        "noise": os.urandom(5_000),
    }[kind]
    (folder / name).write_bytes(content)
    own_server.restart()
    heir = build(own_server)
    heir.adopt()
    assert wait_until(lambda: sorted(own_server.ids()) == left)
    assert wait_until(lambda: not list(folder.glob("*.seg")))
    assert [file.name for file in folder.glob("bad/*")] == ([name] if content else [])
    assert spool_of(heir)["damaged_bytes"] == len(content)


class CountingDisk(PosixDisk):
    """Counts what is asked of the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen = self.taken = self.bytes_read = 0

    def files(self) -> Iterator[tuple[str, int]]:
        for found in super().files():
            self.seen += 1
            yield found

    def take(self, name: str) -> int | None:
        self.taken += 1
        return super().take(name)

    def read(self, descriptor: int, start: int, length: int) -> bytes:
        data = super().read(descriptor, start, length)
        self.bytes_read += len(data)
        return data


def test_a_look_at_a_full_folder_is_bounded_in_files_and_reads_nothing(folder: Path) -> None:
    folder.mkdir()
    for number in range(2_000):
        file = folder / f"{time.time_ns()}-1-aaaaaaaa-{number}.seg"
        file.touch()
        os.truncate(file, 5 * 2**20)  # ten gigabytes that take no room
    disk = CountingDisk(folder)
    lookout = Lookout(disk)
    segments: list[Any] = []
    held: set[str] = set()
    lookout.look(segments, held)
    assert disk.seen <= LOOKED_AT
    assert disk.taken <= MOST_HELD
    assert disk.bytes_read == 0
    for segment in segments:
        os.close(segment.descriptor)


def test_a_process_that_starts_beside_ten_gigabytes_writes_its_own_first(folder: Path) -> None:
    folder.mkdir()
    for number in range(200):
        file = folder / f"{time.time_ns()}-1-aaaaaaaa-{number}.seg"
        file.touch()
        os.truncate(file, 50 * 2**20)
    disk = CountingDisk(folder)
    spool = Spool(disk)
    assert spool.append(Record(b"x", 1, 1)), "before anything is looked at"
    assert disk.seen == disk.bytes_read == 0
    spool.close()


def test_whether_anything_is_left_behind_is_known_after_the_first_file(
    build: Build, server: ContractServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    for number in range(500):
        (folder / f"{time.time_ns()}-1-aaaaaaaa-{number}.seg").touch()
    seen = []
    scan = os.scandir

    class Scan:
        def __init__(self, path: Any) -> None:
            self._found = scan(path)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *exc: Any) -> None:
            self._found.close()

        def __iter__(self) -> Iterator[Any]:
            for entry in self._found:
                seen.append(entry.name)
                yield entry

    pipeline = build(server)
    monkeypatch.setattr(os, "scandir", Scan)
    monkeypatch.setattr(os, "listdir", lambda path: pytest.fail("all names were read"))
    assert pipeline._lanes[0].has_leftovers()
    assert len(seen) == 1
