"""A disk that fails at any step: spans wait in memory, go to disk or to the server later, and each is counted once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.programs import ROOT
from tests.delivery.support import observations, wait_until
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.spool import Spool
from tracing_proxies.delivery.spool_lane import SpoolLane

STEPS = ["prepare", "create", "append", "sync", "sync_folder", "rename", "write_small", "remove", "truncate", "read"]


class FailingDisk(PosixDisk):
    """A folder of which some operations fail, as the kernel says it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.failing: dict[str, int] = {}
        self.failures = 0

    def __getattribute__(self, name: str) -> Any:
        if name in STEPS and name in (failing := object.__getattribute__(self, "failing")):
            self.failures += 1
            raise OSError(failing[name], os.strerror(failing[name]))
        return super().__getattribute__(name)


Build = Callable[[FailingDisk], tuple[Pipeline, SpoolLane]]


@pytest.fixture
def disk(tmp_path: Path) -> FailingDisk:
    return FailingDisk(tmp_path / "spool")


@pytest.fixture
def pipeline(own_server: ContractServer, disk: FailingDisk) -> Iterator[Pipeline]:
    kept = Storage(disk.folder)
    sink = LangfuseSink(own_server.url, PUBLIC_KEY, SECRET_KEY, storage=kept, linger=0.02, read_timeout=1.0)
    made = Pipeline([sink], lambda span: span, ledger=Ledger())
    spool_lane(made)._spool = Spool(disk, segment_size=8_192)
    yield made
    made.close(0.5)
    made.ledger.check()


def spool_lane(pipeline: Pipeline) -> SpoolLane:
    lane = pipeline._lanes[0]
    assert isinstance(lane, SpoolLane)
    return lane


def put_all(pipeline: Pipeline, count: int, size: int = 300) -> None:
    for span in observations(count):
        pipeline.put(span._replace(input='"' + os.urandom(size).hex() + '"'))  # so that files are filled, and sealed


def half_a_minute_later(pipeline: Pipeline) -> None:
    files = spool_lane(pipeline)._spool._files
    files.failed_until = 0.0
    for segment in files.segments:
        segment.retry_at = 0.0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_fails_at_one_step_loses_nothing_in_an_outage_and_after_it(
    own_server: ContractServer, pipeline: Pipeline, disk: FailingDisk, step: str, number: int
) -> None:
    own_server.stop()
    for _ in range(4):
        put_all(pipeline, 20)
        pipeline.flush(0.02)
    disk.failing = {step: number}
    spool_lane(pipeline)._spool._files._prepared = False
    if step == "truncate":
        disk.failing["append"] = number
    for _ in range(4):
        put_all(pipeline, 20)
        pipeline.flush(0.02)
        half_a_minute_later(pipeline)
    snapshot = pipeline.ledger.check()
    assert (snapshot.produced, snapshot.lost) == (160, 0)
    own_server.restart()
    spool_lane(pipeline).breaker.retry()  # the pause between two probes is over
    assert wait_until(lambda: bool(half_a_minute_later(pipeline)) or disk.failures > 0), "it has failed"
    disk.failing = {}
    assert wait_until(lambda: bool(half_a_minute_later(pipeline)) or pipeline.ledger.check().delivered == 160)
    assert pipeline.ledger.check().lost == 0
    assert len(own_server.ids()) == 160


def test_a_folder_that_vanishes_under_way_is_made_anew_and_what_was_in_it_is_still_delivered(
    own_server: ContractServer, pipeline: Pipeline, disk: FailingDisk
) -> None:
    own_server.stop()
    put_all(pipeline, 30, size=1)
    assert pipeline.flush(5)
    for file in disk.folder.iterdir():
        file.unlink()
    disk.folder.rmdir()
    put_all(pipeline, 30, size=1)
    pipeline.flush(0.3)
    half_a_minute_later(pipeline)
    put_all(pipeline, 30, size=1)
    assert not pipeline.flush(1), "what was in the folder is in no folder any more"
    assert wait_until(lambda: bool(half_a_minute_later(pipeline)) or pipeline.ledger.check().spooled == 90)
    assert len(list(disk.folder.iterdir())) == 1
    own_server.restart()
    assert wait_until(lambda: bool(half_a_minute_later(pipeline)) or pipeline.ledger.check().delivered == 90)
    assert len(own_server.ids()) == 90


FULL = """
import os, subprocess, sys, time
from pathlib import Path
from tests.delivery.support import observations, wait_until
from tests.delivery.test_disk_faults import half_a_minute_later, put_all
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
folder = Path(sys.argv[1])
folder.mkdir()
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)], capture_output=True).returncode:
    raise SystemExit(77)
sink = LangfuseSink("http://127.0.0.1:1", "pk", "sk", storage=Storage(folder))
pipeline = Pipeline([sink], lambda span: span, ledger=Ledger())
def batch(count):
    for span in observations(count):
        pipeline.put(span._replace(input='"' + os.urandom(500).hex() + '"'))
    pipeline.flush(0.05)
    half_a_minute_later(pipeline)
    return pipeline.ledger.check()
(folder / "foreign").write_bytes(bytes(100_000))
for _ in range(20):
    found = batch(10)
assert found.lost + found.queued + found.spooled == 200, found
trouble = pipeline.status()["sinks"]["langfuse"]["spool"]["trouble"]
assert trouble, "a real file system was full"
(folder / "foreign").unlink()
assert batch(10).spooled > 10
print(trouble)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="file systems of a user's own are Linux's")
def test_a_file_system_that_is_really_full_is_kept_from_filling_up_and_all_is_counted(tmp_path: Path) -> None:
    command = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", FULL, str(tmp_path / "small")]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if done.returncode == 77 or "unshare failed" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system of their own")
    assert done.returncode == 0, done.stderr
