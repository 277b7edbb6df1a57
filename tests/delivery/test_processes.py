"""Forks, exits and shutdown, each in real processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer

HEADER = """
import os, sys, threading, time
from tests.delivery.support import observation, observations
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.local import LocalSink
def pipeline_to(*sinks):
    return Pipeline(sinks, lambda span: span, ledger=Ledger())
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HEADER + textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def test_at_exit_what_is_queued_is_delivered(server: ContractServer) -> None:
    done = run(
        """
        pipeline = pipeline_to(LangfuseSink(*sys.argv[1:4]))
        for span in observations(50):
            pipeline.put(span)
        """,
        server.url,
        PUBLIC_KEY,
        SECRET_KEY,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.observations()) == 50


def test_spans_of_threads_that_outlive_the_main_thread_are_delivered(server: ContractServer) -> None:
    done = run(
        """
        pipeline = pipeline_to(LangfuseSink(*sys.argv[1:4]))
        def late():
            time.sleep(0.3)
            pipeline.put(observation())
        threading.Thread(target=late).start()
        """,
        server.url,
        PUBLIC_KEY,
        SECRET_KEY,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.observations()) == 1


@pytest.mark.parametrize("fault", ["refused", "hang"])
def test_a_dead_server_does_not_hold_up_the_exit(server: ContractServer, fault: str) -> None:
    server.rules(always={"hang": 30})
    url = server.url if fault == "hang" else "http://127.0.0.1:1"
    done = run(
        """
        import atexit
        begun = [0.0]
        # Registered first, so run last: what lies between is the pipeline's own exit.
        atexit.register(lambda: print(time.monotonic() - begun[0]))
        pipeline = pipeline_to(LangfuseSink(*sys.argv[1:4]))
        for span in observations(50):
            pipeline.put(span)
        begun[0] = time.monotonic()
        """,
        url,
        PUBLIC_KEY,
        SECRET_KEY,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) < 10  # two seconds by contract; the machine of the tests may be busy


def test_a_forked_child_delivers_its_own_spans_and_the_parent_its_own(tmp_path: Path, server: ContractServer) -> None:
    path = tmp_path / "store" / "local.db"
    done = run(
        """
        pipeline = pipeline_to(LocalSink(sys.argv[1], 10**30), LangfuseSink(*sys.argv[2:5]))
        for span in observations(10, name="before"):
            pipeline.put(span)
        assert pipeline.flush(20)
        for span in observations(500, name="queued in the parent"):
            pipeline.put(span)
        children = []
        for number in range(4):
            child = os.fork()
            if not child:
                for span in observations(20, name="child", trace_id=f"{os.getpid():032x}"):
                    pipeline.put(span)
                assert pipeline.flush(20)
                snapshot = pipeline.ledger.check()
                assert (snapshot.produced, snapshot.delivered) == (20, 20), snapshot
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
        for span in observations(10, name="after"):
            pipeline.put(span)
        assert pipeline.flush(20)
        assert pipeline.ledger.check().delivered == 520
        """,
        str(path),
        server.url,
        PUBLIC_KEY,
        SECRET_KEY,
    )
    assert (done.returncode, done.stderr) == (0, "")
    connection = sqlite3.connect(path)
    stored = dict(connection.execute("SELECT name, count(*) FROM observations GROUP BY name").fetchall())
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()
    expected = {"before": 10, "queued in the parent": 500, "child": 80, "after": 10}
    assert stored == expected
    sent: dict[str, int] = {}
    for row in server.observations():
        sent[row["name"]] = sent.get(row["name"], 0) + 1
    assert sent == expected
    assert server.received()["repeated"] == 0


def test_forking_while_other_threads_are_at_it_does_not_deadlock(tmp_path: Path) -> None:
    done = run(
        """
        pipeline = pipeline_to(LocalSink(sys.argv[1], 10**30))
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                pipeline.put(observation())
                pipeline.ledger.snapshot()
                time.sleep(0.0001)
        threads = [threading.Thread(target=busy, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            child = os.fork()
            if not child:
                pipeline.put(observation(name="child"))
                os._exit(0 if pipeline.flush(60) else 1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert pipeline.flush(60)
        assert pipeline.ledger.check().lost == 0
        """,
        str(tmp_path / "store" / "local.db"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_handler_may_put_a_span_at_any_moment(tmp_path: Path) -> None:
    done = run(
        """
        import signal
        pipeline = pipeline_to(LocalSink(sys.argv[1], 10**30))
        sent = [0]
        def handle(*_):
            sent[0] += 1
            pipeline.put(observation())
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
        for span in observations(5_000):
            sent[0] += 1
            pipeline.put(span)
            pipeline.put.asleep = True  # the longest way through put, each time
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert pipeline.flush(60)
        assert pipeline.ledger.check().delivered == sent[0]
        """,
        str(tmp_path / "store" / "local.db"),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_delivery_imports_neither_protobuf_nor_the_sdk() -> None:
    done = run(
        """
        print([name for name in ("google.protobuf", "opentelemetry", "langfuse") if name in sys.modules])
        """
    )
    assert done.stdout.strip() == "[]"
