"""Threads of ours that die, by what nobody expects within them: they are replaced, and at the worst done without."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.sinks import MemorySink
from tests.delivery.support import observations, wait_until
from tracing_proxies import failures
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Outcome, Storage
from tracing_proxies.recording.observation import Observation

Build = Callable[..., Pipeline]


@pytest.fixture
def build() -> Iterator[Build]:
    built: list[Pipeline] = []

    def make(*sinks: Any) -> Pipeline:
        failures.reset()
        pipeline = Pipeline(sinks, lambda span: span, ledger=Ledger())
        built.append(pipeline)
        return pipeline

    yield make
    for pipeline in built:
        pipeline.close(0.2)
        pipeline.ledger.check()


def kill(loop: Loop) -> None:
    """Have a thread that sleeps die of what is raised into it."""
    ident, life = loop._ident, loop._life
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(SystemExit)) == 1
    assert wait_until(lambda: loop.wake() or not loop.alive or loop._life is not life)  # type: ignore[func-returns-value]


def put_all(pipeline: Pipeline, count: int) -> None:
    for span in observations(count):
        pipeline.put(span)


@pytest.mark.parametrize("which", ["the worker", "the lane"])
def test_a_thread_that_keeps_dying_is_replaced_five_times_and_then_a_flush_does_its_work(
    build: Build, server: ContractServer, tmp_path: Path, which: str
) -> None:
    storage = Storage(tmp_path / "spool")
    pipeline = build(LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=storage, linger=0.02))
    loop = pipeline._loop if which == "the worker" else pipeline._lane_loops[0]
    for death in range(1, 6):
        put_all(pipeline, 10)
        assert wait_until(lambda death=death: pipeline.ledger.check().delivered == 10 * death)
        kill(loop)
        assert wait_until(lambda: not loop.alive)
    assert failures.counts() == {f"delivery.thread.{loop._name}": 5}
    put_all(pipeline, 10)
    assert not loop.start(), "five times within a minute is enough"
    assert pipeline.ledger.check().produced == 60
    assert pipeline.flush(20), "whoever waits does the work"
    assert pipeline.ledger.check().delivered == 60
    loop._starts.clear()  # a minute later
    put_all(pipeline, 10)
    assert wait_until(lambda: pipeline.ledger.check().delivered == 70)
    assert len(server.observations()) == 70
    assert server.received()["repeated"] == 0


def test_at_the_close_of_a_pipeline_whose_threads_are_given_up_all_is_delivered(
    build: Build, server: ContractServer, tmp_path: Path
) -> None:
    pipeline = build(LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=Storage(tmp_path / "spool")))
    for loop in (pipeline._loop, *pipeline._lane_loops):
        loop._starts.extend([float("inf")] * 5)
    put_all(pipeline, 700)
    assert pipeline.ledger.check().queued == 700
    assert pipeline.close(20)
    assert pipeline.ledger.check().delivered == 700


@pytest.mark.parametrize("spooled", [True, False], ids=["by way of the disk", "from memory"])
def test_what_was_on_its_way_when_its_thread_died_is_sent_again(
    build: Build, server: ContractServer, tmp_path: Path, spooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(tmp_path / "spool") if spooled else None
    sink = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=storage, linger=0.02)
    pipeline = build(sink)
    deaths = []
    send = sink._transport.post

    def post(path: str, payload: bytes) -> Any:
        if len(deaths) < 3:
            deaths.append(1)
            raise SystemExit
        return send(path, payload)

    monkeypatch.setattr(sink._transport, "post", post)
    put_all(pipeline, 30)
    for _ in range(3):
        pipeline.flush(1)
        pipeline.ledger.check()
    assert pipeline.flush(20)
    assert len(deaths) == 3
    assert pipeline.ledger.check().delivered == 30
    assert len(server.observations()) == 30


def test_a_sink_whose_thread_dies_holds_up_no_other(build: Build) -> None:
    mortal, well = MemorySink("mortal"), MemorySink("well")

    def die(batch: Sequence[Observation]) -> Outcome:
        raise SystemExit

    mortal.answer = die
    pipeline = build(mortal, well)
    put_all(pipeline, 100)
    assert wait_until(lambda: len(well.received) == 100)
    pipeline.flush(0.5)
    snapshot = pipeline.ledger.check()
    assert snapshot.sinks["mortal"].queued == 100
    mortal.answer = None
    assert pipeline.flush(20)
    assert len(mortal.received) == 100
