"""Delivery by way of the disk: outages, refusals, full disks, kills and heirs, against a real server."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.support import observation, observations, wait_until
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage

Build = Callable[..., Pipeline]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def build(folder: Path) -> Iterator[Build]:
    built: list[Pipeline] = []

    def make(server: ContractServer, *, storage: dict[str, Any] | None = None, **arguments: Any) -> Pipeline:
        settings: dict[str, Any] = {"linger": 0.05, "read_timeout": 1.0, **arguments}
        kept = Storage(folder, **(storage or {}))
        sink = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=kept, **settings)
        pipeline = Pipeline([sink], lambda span: span, ledger=Ledger())
        built.append(pipeline)
        return pipeline

    yield make
    for pipeline in built:
        pipeline.close(0.2)
        pipeline.ledger.check()


def put_all(pipeline: Pipeline, batch: list[Any]) -> None:
    for span in batch:
        pipeline.put(span)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["id"] for row in rows)


@pytest.mark.parametrize("durable", [False, True], ids=["spill", "wal"])
def test_what_is_put_arrives_once(build: Build, server: ContractServer, durable: bool, folder: Path) -> None:
    pipeline = build(server, storage={"durable": durable})
    batch = observations(1_500)
    put_all(pipeline, batch)
    assert pipeline.flush(10)
    assert ids(server.observations()) == sorted(span.id for span in batch)
    assert server.received()["repeated"] == 0
    assert pipeline.ledger.check().delivered == 1_500
    assert pipeline.close(2)
    assert not list(folder.iterdir())


def test_small_requests_become_one_as_they_are_sent(build: Build, server: ContractServer) -> None:
    pipeline = build(server, linger=0.6)
    for _ in range(4):
        put_all(pipeline, observations(3))
        time.sleep(0.12)
    server_saw = server.wait_for(12)
    assert len(server_saw) == 12
    assert len(server.requests()) <= 2


def test_an_outage_loses_nothing_and_memory_holds_nothing(build: Build, own_server: ContractServer) -> None:
    pipeline = build(own_server)
    own_server.stop()
    batch = observations(3_000)
    put_all(pipeline, batch)
    assert pipeline.flush(5), "it is safe on disk"
    snapshot = pipeline.ledger.check()
    assert (snapshot.spooled, snapshot.queued, snapshot.delivered) == (3_000, 0, 0)
    assert pipeline.status()["sinks"]["langfuse"]["spool"]["durable"] == 3_000
    own_server.restart()
    assert len(own_server.wait_for(3_000)) == 3_000
    assert wait_until(lambda: pipeline.ledger.check().delivered == 3_000)
    assert own_server.received()["repeated"] == 0


def test_a_server_that_hangs_does_not_keep_new_spans_from_the_disk(build: Build, server: ContractServer) -> None:
    server.rules(always={"hang": 5})
    pipeline = build(server, read_timeout=5.0)
    put_all(pipeline, observations(2))
    time.sleep(0.4)
    put_all(pipeline, observations(10))
    assert wait_until(lambda: pipeline.ledger.check().spooled == 12, timeout=3)


@pytest.mark.parametrize("seed", range(3))
def test_any_mix_of_faults_ends_with_each_span_delivered_once(build: Build, server: ContractServer, seed: int) -> None:
    chance = random.Random(seed)
    faults = [{"status": 500}, {"status": 503}, {"close": True}, {"reset": True}, {"html": True}, {}]
    faults += [{"status": 429, "headers": {"Retry-After": "1"}}]
    server.script([chance.choice(faults) for _ in range(6)])
    pipeline = build(server)
    sent = []
    for _ in range(10):
        batch = observations(chance.randint(1, 60))
        sent += [span.id for span in batch]
        put_all(pipeline, batch)
        time.sleep(0.1)
    assert wait_until(lambda: pipeline.ledger.check().delivered == len(sent))
    assert ids(server.observations()) == sorted(sent)
    assert server.received()["repeated"] == 0


def test_the_span_that_the_server_refuses_is_found_among_many_requests(
    build: Build, own_server: ContractServer
) -> None:
    pipeline = build(own_server)
    own_server.stop()
    for number in range(6):
        put_all(pipeline, observations(20))
        if number == 3:
            pipeline.put(observation(name="poison"))
        assert pipeline.flush(5)
    own_server.restart()
    own_server.rules(poison=["poison"])
    assert len(own_server.wait_for(120)) == 120
    assert wait_until(lambda: pipeline.ledger.check().dropped == {"rejected": 1})
    assert wait_until(lambda: pipeline.ledger.check().delivered == 120)


def test_requests_that_are_too_large_are_halved(build: Build, server: ContractServer) -> None:
    server.rules(max_spans=7)
    pipeline = build(server)
    put_all(pipeline, observations(100))
    assert len(server.wait_for(100)) == 100
    assert wait_until(lambda: pipeline.ledger.check().delivered == 100)


def test_trouble_half_way_through_a_halving_loses_and_repeats_nothing(build: Build, server: ContractServer) -> None:
    server.rules(max_spans=7)
    server.script([{}, {}, {}, {}, {}, {"status": 503}, {}, {"close": True}])
    pipeline = build(server)
    put_all(pipeline, observations(64))
    assert len(server.wait_for(64)) == 64
    assert wait_until(lambda: pipeline.ledger.check().delivered == 64)
    assert server.received()["repeated"] == 0


def test_where_the_disk_takes_nothing_spans_wait_in_memory(
    build: Build, own_server: ContractServer, folder: Path
) -> None:
    folder.write_text("a file in the folder's place")
    pipeline = build(own_server)
    own_server.stop()
    put_all(pipeline, observations(50))
    assert not pipeline.flush(1)
    snapshot = pipeline.ledger.check()
    assert (snapshot.queued, snapshot.spooled) == (50, 0)
    assert pipeline.status()["sinks"]["langfuse"]["spool"]["trouble"]
    own_server.restart()
    assert len(own_server.wait_for(50)) == 50
    assert wait_until(lambda: pipeline.ledger.check().delivered == 50)


def test_memory_is_given_back_when_the_disk_takes_what_had_to_wait(
    build: Build, own_server: ContractServer, folder: Path
) -> None:
    folder.write_text("a file in the folder's place")
    pipeline = build(own_server)
    own_server.stop()
    put_all(pipeline, observations(50))
    assert not pipeline.flush(1)
    assert pipeline.status()["sinks"]["langfuse"]["backlog_bytes"] > 0
    folder.unlink()
    lane: Any = pipeline._lanes[0]
    lane._spool._files.failed_until = 0.0  # half a minute later
    assert wait_until(lambda: pipeline.ledger.check().spooled == 50)
    assert pipeline.status()["sinks"]["langfuse"]["backlog_bytes"] == 0


def test_a_spool_without_room_drops_the_oldest_and_says_so(build: Build, own_server: ContractServer) -> None:
    pipeline = build(own_server, storage={"max_size": 40_000})
    own_server.stop()
    for _ in range(40):
        put_all(pipeline, [observation(input='"' + os.urandom(1_000).hex() + '"') for _ in range(3)])
        time.sleep(0.02)
    assert pipeline.flush(5) in (True, False)
    snapshot = pipeline.ledger.check()
    assert snapshot.dropped.get("spool_full", 0) > 0
    assert snapshot.spooled + sum(snapshot.dropped.values()) + snapshot.queued == 120
    own_server.restart()
    assert wait_until(lambda: pipeline.ledger.check().spooled == 0)
    assert len(own_server.observations()) == pipeline.ledger.check().delivered


def test_at_the_end_what_cannot_be_sent_is_left_to_the_next_process(build: Build, own_server: ContractServer) -> None:
    first = build(own_server)
    own_server.stop()
    batch = observations(200)
    put_all(first, batch)
    begun = time.monotonic()
    assert first.close(2.0)
    assert time.monotonic() - begun < 5
    assert first.ledger.check().spooled == 200
    own_server.restart()
    second = build(own_server)
    second.adopt()
    assert ids(own_server.wait_for(200)) == sorted(span.id for span in batch)
    assert wait_until(lambda: second.status()["sinks"]["langfuse"]["spool"]["adopted_delivered"] == 200)
    assert second.ledger.check().delivered == 0, "they are not its own"


SCRIPT = """
import os, sys, time
from pathlib import Path
from tests.delivery.support import observations
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
url, public, secret, folder, durable = sys.argv[1:6]
storage = Storage(Path(folder), durable=durable == "wal")
pipeline = Pipeline([LangfuseSink(url, public, secret, storage=storage)], lambda span: span, ledger=Ledger())
"""


def start(server: ContractServer, folder: Path, durable: str, script: str) -> subprocess.Popen[str]:
    arguments = [server.url, PUBLIC_KEY, SECRET_KEY, str(folder), durable]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(script), *arguments], stdout=subprocess.PIPE, text=True
    )


def acknowledged_of(process: subprocess.Popen[str], seconds: float) -> set[str]:
    """Kill a process that prints what was acknowledged, and return that."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines = process.stdout.read().split("\n")
    process.wait()
    process.stdout.close()
    return {one for line in lines[:-1] for one in line.split()}


@pytest.mark.parametrize("up", [True, False], ids=["server up", "server down"])
def test_a_killed_process_has_lost_nothing_that_it_was_told_is_safe(
    build: Build, own_server: ContractServer, folder: Path, up: bool
) -> None:
    chance = random.Random(7)
    if not up:
        own_server.stop()
    safe: set[str] = set()
    for _ in range(6):
        process = start(
            own_server,
            folder,
            "wal",
            """
            print("ready", flush=True)
            from uuid import uuid4
            while True:
                batch = [span._replace(id=uuid4().hex[:16], trace_id=uuid4().hex) for span in observations(20)]
                for span in batch:
                    pipeline.put(span)
                if pipeline.flush(5):
                    print(*[span.id for span in batch], flush=True)
            """,
        )
        safe |= acknowledged_of(process, 0.3 + chance.random() * 0.4)
    assert safe
    if not up:
        own_server.restart()
    heir = build(own_server)
    heir.adopt()
    assert wait_until(lambda: safe <= set(ids(own_server.observations())))


def test_a_killed_process_that_only_spills_has_lost_what_its_last_moment_made(
    build: Build, own_server: ContractServer, folder: Path
) -> None:
    own_server.stop()
    process = start(
        own_server,
        folder,
        "spill",
        """
        batch = observations(500)
        for span in batch:
            pipeline.put(span)
        end = time.monotonic() + 10
        while pipeline.ledger.snapshot().spooled < 500 and time.monotonic() < end:
            time.sleep(0.01)
        print("ready", flush=True)
        print(*[span.id for span in batch], flush=True)
        time.sleep(60)
        """,
    )
    safe = acknowledged_of(process, 0.2)
    assert len(safe) == 500
    own_server.restart()
    heir = build(own_server)
    heir.adopt()
    assert set(ids(own_server.wait_for(500))) == safe


def test_a_forked_child_delivers_its_own_and_the_parent_its_own(own_server: ContractServer, folder: Path) -> None:
    process = start(
        own_server,
        folder,
        "spill",
        """
        for span in observations(30):
            pipeline.put(span)
        assert pipeline.flush(5)
        child = os.fork()
        for span in observations(20 if child else 10):
            pipeline.put(span._replace(id=os.urandom(8).hex()))
        assert pipeline.flush(5)
        pipeline.ledger.check()
        if child:
            assert os.waitpid(child, 0)[1] == 0
        else:
            os._exit(0)
        """,
    )
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 0
    received = own_server.received()
    assert (len(received["observations"]), received["repeated"]) == (60, 0)
