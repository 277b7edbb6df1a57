"""Several processes of one application: what they count adds up, whatever becomes of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.environment import inherited
from tests.monitoring.conftest import shop
from tests.ports import free_port
from tracing_proxies.monitoring.numbers import Numbers
from tracing_proxies.monitoring.workers import Member, merge_living, sweep

ROOT = Path(__file__).parents[2]
CALLS = "tracing_proxies_calls_total"
_PRELUDE = """
import os, sys, time, tracing_proxies
from tests.monitoring import shop
def tell():
    os.write(1, f"ready {os.getpid()}\\n".encode())  # in one piece: several processes tell

def call(many):
    for _ in range(many):
        shop.send("a", "b")
def fork(many, end=None):
    child = os.fork()
    if child == 0:
        call(many)
        if end is not None:
            end()
        tell()
        sys.stdin.readline()
        os._exit(0)
    return child
tracing_proxies.activate()
"""


class Application:
    """A program that is traced, its folder, and what its processes have counted."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.runtime = runtime

    @contextmanager
    def start(self, body: str, monitoring: str = "interval: 100ms") -> Iterator[subprocess.Popen[str]]:
        settings = f"export: {{ discard: {{}} }}\nmonitoring: {{ {monitoring} }}\n"
        (self.folder / "registry.yaml").write_text(shop(settings))
        (self.folder / "main.py").write_text(_PRELUDE + textwrap.dedent(body))
        process = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=self.folder,
            env={**inherited(), "XDG_RUNTIME_DIR": str(self.runtime), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with its children, which hold the pipe that is read here
            process.communicate()

    def groups(self) -> list[Path]:
        return sorted(self.runtime.glob("tracing_proxies-metrics-*"))

    def calls(self) -> float:
        (group,) = self.groups()
        return calls_of(merge_living(group))

    def wait_for(self, calls: float) -> None:
        """Wait until so many calls are counted and published."""
        until(lambda: self.groups() != [] and self.calls() == calls and self.published() == calls)

    def published(self) -> float:
        """Return what the files say, without anybody being asked."""
        total = Numbers()
        for group in self.groups():
            for path in group.glob("[0-9]*.json"):
                total.merge(Numbers.of_plain(json.loads(path.read_bytes())))
        return calls_of(total)


def calls_of(numbers: Numbers) -> float:
    return sum(many for (metric, _), many in numbers.counters.items() if metric == CALLS)


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    # Not below pytest's own folder: the path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="tp-") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield Application(tmp_path, Path(runtime))


def _told(process: subprocess.Popen[str], many: int) -> list[int]:
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(many)]
    assert all(re.fullmatch(r"ready [0-9]+\n", line) for line in lines), lines
    return [int(line.split()[1]) for line in lines]


def test_calls_of_all_processes_add_up_those_that_are_killed_included(application: Application) -> None:
    body = """
    call(7)
    children = [fork(100), fork(200), fork(300)]
    tell()
    for child in children:
        os.waitpid(child, 0)
    time.sleep(60)
    """
    with application.start(body) as process:
        pids = _told(process, 4)
        children = [pid for pid in pids if pid != process.pid]
        application.wait_for(607)
        for child in children[:2]:
            os.kill(child, signal.SIGKILL)
            assert application.calls() == 607
        os.kill(process.pid, signal.SIGSTOP)  # gives no answer: what it has published is read
        try:
            assert application.calls() == 607
        finally:
            os.kill(process.pid, signal.SIGCONT)


def test_children_that_end_at_once_are_counted_in_the_parents_sum(application: Application) -> None:
    body = """
    import multiprocessing
    call(5)
    with multiprocessing.get_context("fork").Pool(3, maxtasksperchild=1) as pool:
        pool.map(call, [10] * 12, chunksize=1)
        pool.close()
        pool.join()
    tell()
    time.sleep(60)
    """
    with application.start(body, monitoring="interval: 10s") as process:
        _told(process, 1)
        until(lambda: application.calls() == 125)
        (group,) = application.groups()
        numbers = merge_living(group)
        assert numbers.gauges["tracing_proxies_processes", ()] == 1


def test_an_application_that_ends_leaves_nothing_behind_and_begins_anew(application: Application) -> None:
    for _ in range(2):
        with application.start("call(50)\ntell()\nsys.stdin.readline()\n") as process:
            _told(process, 1)
            application.wait_for(50)
            (group,) = application.groups()
            assert group.stat().st_mode & 0o777 == 0o700
            assert {path.stat().st_mode & 0o777 for path in group.iterdir()} == {0o600}
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(30) == 0
        assert application.groups() == []


def test_what_a_killed_application_left_behind_is_not_counted_by_the_next(application: Application) -> None:
    for calls in (30, 40):
        body = f"call({calls})\ntell()\ntime.sleep(60)\n"
        with application.start(body) as process:
            _told(process, 1)
            application.wait_for(calls)
            process.kill()
            process.wait(30)


def test_one_worker_answers_for_all_and_another_one_takes_over(application: Application) -> None:
    port = free_port()
    body = """
    children = [fork(100), fork(200)]
    call(1)
    tell()
    sys.stdin.readline()
    os._exit(0)
    """

    def scraped() -> float | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
                lines = reply.read().decode().splitlines()
        except OSError:
            return None
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(CALLS + "{"))

    with application.start(body, monitoring=f"interval: 100ms, port: {port}") as process:
        pids = _told(process, 3)
        until(lambda: scraped() == 301 and application.published() == 301)
        os.kill(process.pid, signal.SIGKILL)  # it has listened, as the first
        children = [pid for pid in pids if pid != process.pid]
        until(lambda: scraped() == 301)
        os.kill(children[0], signal.SIGKILL)
        until(lambda: scraped() == 301)
        os.kill(children[1], signal.SIGKILL)
        until(lambda: scraped() is None)


def _numbers(calls: int) -> Numbers:
    numbers = Numbers()
    numbers.count((CALLS, ("m:f", "f", "span", "ok")), calls)
    return numbers


def test_what_has_ended_is_folded_once_however_often_it_is_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "group"
    keeper = Member.join(folder, os.getpid())
    for number in range(1, 8):
        member = Member.join(folder, os.getpid())
        member.publish(_numbers(number))
        member.forget()  # as a process does that is killed
        assert calls_of(merge_living(folder)) == sum(range(1, number + 1))
    Member.join(folder, os.getpid()).forget()
    assert len(list(folder.glob("*.json"))) == 1
    assert calls_of(merge_living(folder)) == 28
    keeper.leave()
    assert not folder.exists()


def test_a_file_that_is_folded_while_somebody_reads_is_not_counted_twice(tmp_path: Path) -> None:
    folder = tmp_path / "group"
    keeper = Member.join(folder, os.getpid())
    ended = Member.join(folder, os.getpid())
    ended.publish(_numbers(5))
    before = (folder / f"{ended.stem}.json").read_bytes()
    alive = (folder / f"{ended.stem}.alive").read_bytes()
    ended.forget()
    Member.join(folder, os.getpid()).forget()
    # What a reader may see that has listed the files before, and reads the sum after.
    (folder / f"{ended.stem}.json").write_bytes(before)
    (folder / f"{ended.stem}.alive").write_bytes(alive)
    assert calls_of(merge_living(folder)) == 5
    Member.join(folder, os.getpid()).forget()
    assert calls_of(merge_living(folder)) == 5
    for damage in (b"", b"[]", b'{"names": 5, "numbers": 5}'):
        (folder / "ended.json").write_bytes(damage)
        assert calls_of(merge_living(folder)) == 0
    Member.join(folder, os.getpid()).forget()
    keeper.leave()


def test_what_killed_applications_left_behind_is_removed_and_the_living_stay(tmp_path: Path) -> None:
    own, living, dead = (tmp_path / f"tracing-metrics-{name}" for name in ("a", "b", "c"))
    keeper, other = Member.join(own, os.getpid()), Member.join(living, os.getpid())
    killed = Member.join(dead, os.getpid())
    killed.publish(_numbers(5))
    killed.forget()
    (tmp_path / "tracing-other").mkdir()
    sweep(own)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tracing-metrics-a",
        "tracing-metrics-b",
        "tracing-other",
    ]
    other.leave()
    keeper.leave()


def test_a_damaged_file_costs_its_own_numbers_and_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "group"
    keeper, other = Member.join(folder, os.getpid()), Member.join(folder, os.getpid())
    keeper.publish(_numbers(5))
    other.publish(_numbers(7))
    for damage in (b"", b"[]", b'{"counters": 5}', b"\xff" * 100):
        (folder / f"{other.stem}.json").write_bytes(damage)
        assert calls_of(merge_living(folder)) == 5
    (folder / f"{other.stem}.json").unlink()
    (folder / f"{other.stem}.json").symlink_to(folder / f"{keeper.stem}.json")
    assert calls_of(merge_living(folder)) == 5
    other.leave()
    keeper.leave()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "group"
    folder.mkdir(0o755)
    with pytest.raises(OSError, match="open to others"):
        Member.join(folder, os.getpid())
