"""The spool over a real file system, with real processes that are killed, forked and run side by side."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.files import PROBE_PAUSE
from tracing_proxies.delivery.spool.record import Record
from tracing_proxies.delivery.spool.spool import SCAN_PAUSE, Spool


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spool"


@pytest.fixture
def spool(folder: Path, clock: Clock) -> Iterator[Spool]:
    made = Spool(PosixDisk(folder), clock=clock)
    yield made
    made.close()


def look_around(spool: Spool, clock: Clock) -> None:
    for _ in range(20):
        clock.now += SCAN_PAUSE + 1
        spool.tend()


def drain(spool: Spool) -> list[int]:
    found = []
    while (items := spool.next(most_spans=20)) is not None:
        found += [record.batch for record in items.records]
        spool.settle(items)
    return found


def in_process(source: str, folder: Path) -> subprocess.Popen[str]:
    prelude = """
        import os, sys, time
        from pathlib import Path
        from tracing_proxies.delivery.spool.disk import PosixDisk
        from tracing_proxies.delivery.spool.record import Record
        from tracing_proxies.delivery.spool.spool import Spool
        folder = Path(sys.argv[1])
        spool = Spool(PosixDisk(folder))
    """
    text = textwrap.dedent(prelude) + textwrap.dedent(source)
    return subprocess.Popen([sys.executable, "-c", text, str(folder)], stdout=subprocess.PIPE, text=True)


def test_files_are_for_the_owner_alone(spool: Spool, folder: Path) -> None:
    assert spool.append(Record(b"x", 1, 1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_a_folder_that_is_open_to_others_is_closed(spool: Spool, folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o777)
    folder.chmod(0o777)
    assert spool.append(Record(b"x", 1, 1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_symbolic_link_in_its_place_is_refused(spool: Spool, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    assert not spool.append(Record(b"x", 1, 1))
    assert "symbolic link" in spool.trouble
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(spool: Spool, folder: Path) -> None:
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    assert not spool.append(Record(b"x", 1, 1))
    assert "another user" in spool.trouble


def test_links_and_devices_in_it_are_left_alone(spool: Spool, clock: Clock, folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_bytes(b"not ours")
    (folder / f"{time.time_ns()}-1-aaaaaaaa-0.seg").symlink_to(secret)
    os.mkfifo(folder / f"{time.time_ns()}-1-aaaaaaaa-1.seg")
    look_around(spool, clock)
    assert spool.empty
    assert secret.read_bytes() == b"not ours"


def test_requests_come_back_oldest_first_over_many_files(folder: Path, clock: Clock) -> None:
    spool = Spool(PosixDisk(folder), clock=clock, segment_size=4096)
    for number in range(50):
        assert spool.append(Record(os.urandom(1_000), 3, number), durable=number % 7 == 0)
    assert spool.spans == 150
    assert len(list(folder.glob("*.seg"))) > 5
    assert drain(spool) == list(range(50))
    spool.close()
    assert not list(folder.iterdir())


def test_a_killed_process_leaves_its_requests_to_the_next(spool: Spool, clock: Clock, folder: Path) -> None:
    source = """
        for number in range(10):
            spool.append(Record(b"body %d" % number, 2, number))
        spool.settle(spool.next())
        print("ready", flush=True)
        time.sleep(60)
    """
    with in_process(source, folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        look_around(spool, clock)
        assert spool.empty, "its owner is alive"
        process.send_signal(signal.SIGKILL)
        process.wait()
    look_around(spool, clock)
    assert drain(spool) == list(range(1, 10))
    assert spool.adopted == 18
    assert not [file for file in folder.iterdir() if file.suffix != ".done"]


def test_two_processes_take_each_request_once(folder: Path, tmp_path: Path) -> None:
    for number in range(40):
        writer = Spool(PosixDisk(folder), segment_size=4096)
        for part in range(5):
            assert writer.append(Record(os.urandom(50), 1, number * 5 + part))
        writer.close()
    source = """
        import tracing_proxies.delivery.spool.spool as module
        module.SCAN_PAUSE = 0.0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            spool.tend()
            while (items := spool.next()) is not None:
                print(items.records[0].batch)
                spool.settle(items)
    """
    processes = [in_process(source, folder) for _ in range(3)]
    taken = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert sorted(taken) == list(range(200))


def test_a_forked_child_writes_to_a_file_of_its_own_and_leaves_the_parents_alone(folder: Path, clock: Clock) -> None:
    spool = Spool(PosixDisk(folder), clock=clock)
    assert spool.append(Record(b"parent's", 1, 1))
    child = os.fork()
    if child == 0:
        spool.after_fork()
        good = spool.empty and spool.append(Record(b"child's", 1, 2), durable=True) and drain(spool) == [2]
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    other = Spool(PosixDisk(folder), clock=clock)
    look_around(other, clock)
    assert other.next() is None, "the child has given up the parent's lock"
    assert drain(spool) == [1]
    spool.close()
    other.close()


def test_a_file_system_that_is_full_half_way_through_a_write_keeps_nothing_of_it(folder: Path) -> None:
    source = """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        assert spool.append(Record(b"a" * 1_000, 1, 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
        print(spool.append(Record(b"b" * 5_000, 1, 2)), spool.trouble != "", spool.append(Record(b"c", 1, 3)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        spool._files.failed_until = 0.0
        print(spool.append(Record(b"d" * 9_000, 1, 4)), spool.trouble == "")
        os._exit(0)
    """
    with in_process(source, folder) as process:
        assert process.communicate()[0].split() == ["False", "True", "False", "True", "True"]
    clock = Clock()
    spool = Spool(PosixDisk(folder), clock=clock)
    look_around(spool, clock)
    assert drain(spool) == [1, 4]
    assert spool.damaged == 0
    spool.close()


def test_a_folder_that_is_removed_under_way_is_made_anew(spool: Spool, clock: Clock, folder: Path) -> None:
    assert spool.append(Record(b"x", 1, 1))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    clock.now += 1
    spool.tend()
    assert not spool.append(Record(b"y", 1, 2))
    clock.now += PROBE_PAUSE + 1
    assert spool.append(Record(b"z", 1, 3), durable=True)
    assert len(list(folder.glob("*.open"))) == 1
    assert drain(spool) == [1, 3], "what was removed can still be read by who has it open"


def test_the_oldest_without_errors_go_first_when_there_is_no_room(folder: Path, clock: Clock) -> None:
    spool = Spool(PosixDisk(folder), clock=clock, max_size=20_000, segment_size=4_096)
    for number in range(60):
        assert spool.append(Record(os.urandom(1_000), 10, number, errors=number < 4))
        assert spool.size <= 20_000
    kept = drain(spool)
    assert kept[:4] == [0, 1, 2, 3]
    assert kept[4:] == list(range(60 - len(kept[4:]), 60))
    assert spool.dropped == {"spool_full": 10 * (60 - len(kept))}
    spool.close()


def test_a_request_larger_than_the_spool_is_refused(folder: Path, clock: Clock) -> None:
    spool = Spool(PosixDisk(folder), clock=clock, max_size=20_000)
    assert not spool.append(Record(bytes(30_000), 1, 1))
    assert spool.trouble == "the spool is full"
    assert spool.append(Record(bytes(10_000), 1, 1))
    spool.close()


def test_what_is_too_old_is_dropped_and_counted(folder: Path, clock: Clock) -> None:
    wall = [10**18]
    spool = Spool(PosixDisk(folder), clock=clock, max_age=3600 * 10**9, segment_size=100, wall=lambda: wall[0])
    for number in range(3):
        assert spool.append(Record(bytes(5_000), 4, number))
        wall[0] += 1800 * 10**9
    spool.tend()
    assert drain(spool) == [1, 2]
    assert spool.dropped == {"spool_expired": 4}
    spool.close()


def test_damaged_files_are_delivered_as_far_as_they_are_whole_and_then_kept_apart(
    spool: Spool, clock: Clock, folder: Path
) -> None:
    writer = Spool(PosixDisk(folder))
    for number in range(5):
        assert writer.append(Record(b"payload %d" % number, 1, number))
    writer.close()
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    look_around(spool, clock)
    assert drain(spool) == [0, 1, 3, 4]
    assert spool.damaged > 0
    assert [kept.name for kept in (folder / "bad").iterdir()] == [file.name]


def test_files_kept_apart_are_few(spool: Spool, clock: Clock, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / f"{time.time_ns()}-1-aaaaaaaa-{number}.seg").write_bytes(b"rubbish")
    look_around(spool, clock)
    assert spool.next() is None
    assert len(list((folder / "bad").iterdir())) == 16


def test_what_was_refused_or_damaged_is_kept_for_a_week(spool: Spool, clock: Clock, folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    for kept in (folder / "bad", folder / "dead", elsewhere):
        kept.mkdir(parents=True)
        for days in (6, 8):
            (kept / str(days)).write_bytes(b"spans")
            os.utime(kept / str(days), (time.time() - days * 86_400,) * 2)
    look_around(spool, clock)
    assert [sorted(path.name for path in (folder / kept).iterdir()) for kept in ("bad", "dead")] == [["6"], ["6"]]
    shutil.rmtree(folder / "dead")
    (folder / "dead").symlink_to(elsewhere)
    look_around(spool, clock)
    assert len(list(elsewhere.iterdir())) == 2, "what is not ours is left alone"


def test_a_hundred_thousand_files_are_looked_at_a_few_at_a_time(spool: Spool, clock: Clock, folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(3_000):
        (folder / f"{time.time_ns()}-1-aaaaaaaa-{number}.seg").write_bytes(b"")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    spool.tend()
    if before:
        assert len(os.listdir("/proc/self/fd")) - before <= 70
    assert sum(1 for _ in folder.glob("*.seg")) == 3_000
    for _ in range(200):
        clock.now += SCAN_PAUSE + 1
        spool.tend()
        assert spool.next() is None
    assert not list(folder.glob("*.seg"))


def test_what_many_dead_processes_have_left_is_taken_over_within_seconds(
    spool: Spool, clock: Clock, folder: Path
) -> None:
    for number in range(200):
        writer = Spool(PosixDisk(folder))
        assert writer.append(Record(b"x", 1, number))
        writer.close()
    found = []
    for _ in range(8):
        clock.now += 0.5
        spool.tend()
        found += drain(spool)
    assert sorted(found) == list(range(200))


def test_a_file_of_another_version_or_size_is_left_alone(spool: Spool, clock: Clock, folder: Path) -> None:
    folder.mkdir(parents=True)
    big = folder / f"{time.time_ns()}-1-aaaaaaaa-0.seg"
    with big.open("wb") as file:
        file.truncate(10 * 2**30)
    (folder / "notes.txt").write_text("by hand")
    look_around(spool, clock)
    assert spool.next() is None
    assert big.exists()
    assert (folder / "notes.txt").exists()
    assert spool.append(Record(b"x", 1, 1)), "ten gigabytes that are none of ours do not count"


def test_what_tells_how_far_a_file_was_delivered_goes_with_it(spool: Spool, clock: Clock, folder: Path) -> None:
    folder.mkdir(parents=True)
    orphan = folder / f"{time.time_ns()}-1-aaaaaaaa-0.done"
    orphan.write_bytes(b"17")
    look_around(spool, clock)
    assert not orphan.exists()
