"""From put to delivered: accounts, independence of sinks, bounds, faults."""

from __future__ import annotations

import _thread
import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.sinks import MemorySink
from tests.delivery.support import observation, observations, wait_until
from tracing_proxies import failures
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.discard import DiscardSink
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.protocol import Outcome, Sink
from tracing_proxies.recording.observation import Observation

Build = Callable[..., Pipeline]


def unchanged(span: Any) -> Observation | None:
    assert span is None or isinstance(span, Observation)
    return span


@pytest.fixture
def build() -> Iterator[Build]:
    built: list[Pipeline] = []

    def make(*sinks: Sink, prepare: Callable[[Any], Observation | None] = unchanged, **arguments: Any) -> Pipeline:
        pipeline = Pipeline(sinks, prepare, ledger=Ledger(), **arguments)
        built.append(pipeline)
        return pipeline

    yield make
    for pipeline in built:
        pipeline.close(0.2)
        pipeline.ledger.check()


def put_all(pipeline: Pipeline, batch: Sequence[Any]) -> None:
    for span in batch:
        pipeline.put(span)


def langfuse(server: ContractServer, **arguments: Any) -> LangfuseSink:
    return LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, **{"linger": 0.05, "read_timeout": 1.0, **arguments})


def test_what_is_put_arrives_in_order_at_every_sink(build: Build) -> None:
    one, two = MemorySink("one"), MemorySink("two")
    pipeline = build(one, two)
    batch = observations(2_000)
    put_all(pipeline, batch)
    assert pipeline.flush(10)
    assert one.received == batch
    assert two.received == batch
    snapshot = pipeline.ledger.check()
    assert (snapshot.produced, snapshot.delivered, snapshot.queued) == (2_000, 2_000, 0)


def test_spans_arrive_without_a_flush(build: Build) -> None:
    sink = MemorySink()
    pipeline = build(sink)
    pipeline.put(observation())
    assert wait_until(lambda: len(sink.received) == 1)
    put_all(pipeline, observations(5))
    assert wait_until(lambda: len(sink.received) == 6)


def test_a_worker_that_has_fallen_asleep_is_woken_by_the_next_span(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracing_proxies.delivery.pipeline._POLL_FOR", 0.0)
    sink = MemorySink()
    pipeline = build(sink)
    for number in range(1, 30):
        pipeline.put(observation())
        assert wait_until(lambda number=number: len(sink.received) == number)
        assert wait_until(lambda: pipeline.put.asleep)


def test_many_threads_put_at_once_and_nothing_is_lost(build: Build) -> None:
    sink = MemorySink()
    pipeline = build(sink)
    threads = [threading.Thread(target=put_all, args=(pipeline, observations(2_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(500):
        pipeline.ledger.check()  # holds at every moment, not only when all is quiet
    for thread in threads:
        thread.join()
    assert pipeline.flush(20)
    assert len({o.id for o in sink.received}) == 16_000
    assert pipeline.ledger.check().produced == 16_000


def test_no_thread_is_started_before_the_first_span(build: Build) -> None:
    before = threading.active_count()
    pipeline = build(MemorySink())
    assert threading.active_count() == before
    assert pipeline.flush(1)
    assert threading.active_count() == before


def test_spans_that_sampling_leaves_out_are_counted(build: Build) -> None:
    sink = MemorySink()
    pipeline = build(sink)
    put_all(pipeline, [observation(), None, None])
    assert pipeline.flush(10)
    snapshot = pipeline.ledger.check()
    assert (snapshot.delivered, snapshot.sampled_out) == (1, 2)


def test_a_prepare_that_raises_costs_its_own_span_only(build: Build) -> None:
    def prepare(span: Any) -> Observation | None:
        if span == "bad":
            raise KeyError("application's data")
        return unchanged(span)

    failures.reset()
    sink = MemorySink()
    pipeline = build(sink, prepare=prepare)
    put_all(pipeline, [observation(), "bad", observation()])
    pipeline.flush(10)
    assert len(sink.received) == 2
    assert pipeline.ledger.check().dropped == {"prepare": 1}
    assert failures.counts() == {"prepare": 1}


def test_in_strict_mode_the_flush_raises_what_prepare_raised(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    sink = MemorySink()
    pipeline = build(sink, prepare=lambda span: unchanged(span) if span != "bad" else [][0])
    put_all(pipeline, ["bad", observation()])
    with pytest.raises(IndexError):
        pipeline.flush(10)
    assert len(sink.received) == 1


def test_a_worker_that_dies_is_replaced_and_loses_nothing_but_the_span_that_killed_it(build: Build) -> None:
    def prepare(span: Any) -> Observation | None:
        if span == "deadly":
            raise SystemExit
        return unchanged(span)

    failures.reset()
    sink = MemorySink()
    pipeline = build(sink, prepare=prepare)
    put_all(pipeline, [*observations(10), "deadly", *observations(10)])
    assert wait_until(lambda: not pipeline._loop.alive or len(sink.received) == 20)
    pipeline.put(observation())
    assert wait_until(lambda: len(sink.received) == 21)
    assert pipeline.ledger.check().dropped == {"prepare": 1}
    assert failures.counts() == {"delivery.thread.tracing-worker": 1}


def test_a_worker_that_keeps_dying_is_not_restarted_for_ever() -> None:
    deaths = []

    def die() -> None:
        deaths.append(1)
        raise SystemExit

    loop = Loop("mortal", die)
    for _ in range(20):
        loop.start()
        assert wait_until(lambda: not loop.alive)
    assert len(deaths) == 5


def test_a_sink_that_raises_is_tried_three_times_and_its_batch_is_counted(build: Build) -> None:
    def explode(batch: Sequence[Observation]) -> Outcome:
        raise RuntimeError("bug")

    broken, well = MemorySink("broken"), MemorySink("well")
    broken.answer = explode
    pipeline = build(broken, well)
    put_all(pipeline, observations(3))
    assert wait_until(lambda: pipeline.ledger.snapshot().sinks["broken"].lost == 3)
    assert pipeline.ledger.check().sinks["broken"].dropped == {"sink_error": 3}
    assert wait_until(lambda: len(well.received) == 3)


def test_a_sink_that_tells_nothing_is_found_out(build: Build) -> None:
    sink = MemorySink()
    sink.answer = lambda batch: Outcome()
    pipeline = build(sink)
    put_all(pipeline, observations(3))
    pipeline.flush(10)
    assert pipeline.ledger.check().dropped == {"unaccounted": 3}


def test_a_sink_that_is_down_does_not_hold_up_the_others(build: Build, tmp_path: Path) -> None:
    dead = LangfuseSink("http://127.0.0.1:1", PUBLIC_KEY, SECRET_KEY, linger=0.0)
    well = MemorySink("well")
    pipeline = build(dead, LocalSink(tmp_path / "x" / "local.db", retention_ns=10**30), well)
    put_all(pipeline, observations(100))
    assert not pipeline.flush(10)
    snapshot = pipeline.ledger.check()
    assert (snapshot.sinks["well"].delivered, snapshot.sinks["local"].delivered) == (100, 100)
    assert (snapshot.sinks["langfuse"].delivered, snapshot.sinks["langfuse"].queued) == (0, 100)
    status = pipeline.status()["sinks"]
    assert status["well"]["healthy"]
    assert not status["langfuse"]["healthy"]
    assert "cannot be reached" in status["langfuse"]["reason"]


def test_a_flush_ends_early_when_the_server_is_known_to_be_dead(build: Build) -> None:
    pipeline = build(LangfuseSink("http://127.0.0.1:1", PUBLIC_KEY, SECRET_KEY))
    pipeline.put(observation())
    # An hour would be noticed by whoever runs the tests: no clock is read here.
    assert not pipeline.flush(3_600)
    assert not pipeline.flush(3_600)


def test_a_flush_ends_early_when_the_server_asks_for_more_patience_than_there_is(
    build: Build, server: ContractServer
) -> None:
    server.rules(always={"status": 429, "headers": {"Retry-After": "250"}})
    pipeline = build(langfuse(server))
    pipeline.put(observation())
    assert not pipeline.flush(100)
    assert pipeline.ledger.check().queued == 1


def test_a_flush_waits_out_passing_trouble(build: Build, server: ContractServer) -> None:
    server.script([{"status": 503}, {"close": True}, {"reset": True}])
    pipeline = build(langfuse(server))
    put_all(pipeline, observations(10))
    assert pipeline.flush(30)
    assert len(server.observations()) == 10
    assert pipeline.ledger.check().delivered == 10


def test_a_flush_during_which_a_span_is_rejected_says_so(build: Build, server: ContractServer) -> None:
    server.rules(poison=["poison"])
    pipeline = build(langfuse(server))
    put_all(pipeline, [*observations(5), observation(name="poison")])
    assert not pipeline.flush(10)
    assert pipeline.ledger.check().dropped == {"rejected": 1}
    put_all(pipeline, observations(5))
    assert pipeline.flush(10)
    assert len(server.observations()) == 10


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 408},
        {"status": 429, "headers": {"Retry-After": "-1"}},
        {"close": True},
        {"close": True, "accept": True},
        {"reset": True},
        {"html": True},
        {"redirect": "http://127.0.0.1:1/"},
        {"hang": 1.5},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())) + "-".join(fault),
)
def test_an_outage_of_any_kind_loses_nothing(build: Build, server: ContractServer, fault: dict[str, Any]) -> None:
    pipeline = build(langfuse(server, read_timeout=0.5))
    put_all(pipeline, observations(50))
    assert pipeline.flush(30)
    server.rules(always=fault)
    for _ in range(5):
        put_all(pipeline, observations(50))
        pipeline.flush(0.2)
        pipeline.ledger.check()
    server.rules()
    assert len(server.wait_for(300)) == 300
    assert wait_until(lambda: pipeline.ledger.snapshot().delivered == 300)
    assert pipeline.ledger.check().lost == 0
    assert wait_until(lambda: bool(pipeline.status()["sinks"]["langfuse"]["healthy"]))


def test_a_server_that_goes_and_comes_back_gets_everything(build: Build, own_server: ContractServer) -> None:
    pipeline = build(langfuse(own_server))
    own_server.stop()
    put_all(pipeline, observations(700))
    assert not pipeline.flush(5)
    assert pipeline.ledger.check().queued == 700
    own_server.restart()
    assert len(own_server.wait_for(700)) == 700
    assert pipeline.flush(10)
    assert own_server.received()["repeated"] == 0


def test_wrong_keys_keep_the_spans_in_memory(build: Build, server: ContractServer) -> None:
    pipeline = build(LangfuseSink(server.url, PUBLIC_KEY, "sk-lf-wrong"))
    put_all(pipeline, observations(5))
    assert not pipeline.flush(60)
    status = pipeline.status()
    assert status["sinks"]["langfuse"]["backlog_spans"] == 5
    assert "401" in status["sinks"]["langfuse"]["reason"]
    assert "sk-lf-wrong" not in repr(status)


def test_a_backlog_above_its_bytes_drops_the_oldest(build: Build) -> None:
    sink = MemorySink()
    sink.answer = lambda batch: Outcome(remaining=batch, retry_after=100.0, reachable=False)
    pipeline = build(sink, max_pending_bytes=400_000)
    for _ in range(40):
        put_all(pipeline, observations(10, input='"' + "x" * 1_000 + '"'))
        pipeline.flush(0.05)
    snapshot = pipeline.ledger.check()
    assert set(snapshot.dropped) == {"overflow"}
    assert snapshot.queued + snapshot.lost == 400
    assert pipeline.status()["sinks"]["memory"]["backlog_bytes"] <= 400_000


def test_a_sink_that_is_only_slow_is_waited_for_instead(build: Build) -> None:
    sink = MemorySink()
    pipeline = build(sink, max_pending_bytes=2_000_000)
    put_all(pipeline, observations(20_000))
    assert pipeline.flush(60)
    assert len(sink.received) == 20_000


def test_a_queue_above_its_length_drops_the_oldest(build: Build) -> None:
    gate = threading.Event()

    def slow(span: Any) -> Observation | None:
        gate.wait(30)
        return unchanged(span)

    sink = MemorySink()
    pipeline = build(sink, prepare=slow, max_pending_spans=1_000)
    batch = observations(5_000)
    put_all(pipeline, batch)
    pipeline.ledger.check()
    gate.set()
    pipeline.flush(30)
    snapshot = pipeline.ledger.check()
    assert snapshot.produced == 5_000
    assert snapshot.delivered >= 1_000
    assert snapshot.dropped == {"overflow": 5_000 - snapshot.delivered}
    assert sink.received[-1] is batch[-1]


def test_our_threads_are_told_to_be_silent_and_the_callers_are_not(build: Build) -> None:
    silent: contextvars.ContextVar[bool] = contextvars.ContextVar("silent", default=False)
    seen = []

    def prepare(span: Any) -> Observation | None:
        seen.append(silent.get())
        return unchanged(span)

    def suppress() -> None:
        silent.set(True)

    pipeline = build(MemorySink(), prepare=prepare, suppress=suppress)
    pipeline.put(observation())
    assert pipeline.flush(10)
    assert seen == [True]
    assert not silent.get()


def test_where_no_thread_can_be_started_the_flush_does_the_work(
    build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    silent: contextvars.ContextVar[bool] = contextvars.ContextVar("silent", default=False)
    sink = MemorySink()
    dead = LangfuseSink("http://127.0.0.1:1", PUBLIC_KEY, SECRET_KEY)
    pipeline = build(sink, suppress=lambda: silent.set(True) and None)
    put_all(pipeline, observations(2_000))
    assert pipeline.flush(10)
    assert len(sink.received) == 2_000
    assert not silent.get()
    hopeless = build(dead)
    hopeless.put(observation())
    assert not hopeless.flush(5)
    assert hopeless.ledger.check().queued == 1


def test_after_close_spans_are_counted_and_the_sinks_are_closed(build: Build) -> None:
    sink = MemorySink()
    pipeline = build(sink)
    put_all(pipeline, observations(3))
    assert pipeline.close(10)
    assert (len(sink.received), sink.closed) == (3, 1)
    assert not pipeline._loop.alive
    put_all(pipeline, observations(2))
    snapshot = pipeline.ledger.check()
    assert (snapshot.delivered, dict(snapshot.dropped)) == (3, {"closed": 2})


def test_closing_with_a_dead_server_counts_what_is_left(build: Build) -> None:
    pipeline = build(LangfuseSink("http://127.0.0.1:1", PUBLIC_KEY, SECRET_KEY))
    put_all(pipeline, observations(4))
    assert not pipeline.close(5)
    assert pipeline.ledger.check().dropped == {"closed": 4}


def test_closing_while_the_server_hangs_does_not_wait_for_it(build: Build, server: ContractServer) -> None:
    server.rules(always={"hang": 3.0})
    pipeline = build(langfuse(server, read_timeout=20.0))
    put_all(pipeline, observations(4))
    assert not pipeline.close(0.5)
    assert pipeline.ledger.check().dropped == {"closed": 4}


def test_the_discarding_sink_encodes_and_forgets(build: Build) -> None:
    sink = DiscardSink()
    pipeline = build(sink)
    put_all(pipeline, [*observations(3), observation(id="bad")])
    pipeline.flush(10)
    assert sink.encoded_bytes > 0
    snapshot = pipeline.ledger.check()
    assert (snapshot.delivered, dict(snapshot.dropped)) == (3, {"encode": 1})


def test_no_status_representation_or_log_line_holds_the_secret(
    build: Build, server: ContractServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sink = langfuse(server)
    pipeline = build(sink)
    server.script([{"status": 401}])
    pipeline.put(observation())
    pipeline.flush(2)
    texts = [repr(sink), repr(sink.health()), repr(pipeline), repr(pipeline.status()), caplog.text]
    assert not any(SECRET_KEY in text for text in texts)


@pytest.mark.parametrize(("asked", "told"), [("tracing_proxies", True), (None, False)])
def test_each_request_is_logged_where_our_own_logger_is_asked_to_and_not_where_all_are(
    build: Build, caplog: pytest.LogCaptureFixture, asked: str | None, told: bool
) -> None:
    caplog.set_level("DEBUG", logger=asked)
    pipeline = build(MemorySink("one"))
    pipeline.put(observation())
    assert pipeline.close(10)
    assert ("request 1 to one: accepted" in caplog.messages) is told
