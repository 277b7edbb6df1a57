"""Destinations are exchanged without loss, and only when they differ."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.delivery.sinks import MemorySink
from tests.delivery.support import observation, wait_until
from tests.reload.conftest import Edited, eventually, text
from tracing_proxies import runtime
from tracing_proxies.delivery import native
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.protocol import Outcome
from tracing_proxies.delivery.succession import Succession
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.observation import Observation
from tracing_proxies.testing import capture_spans


def make_pipeline(sink: MemorySink) -> Pipeline:
    return Pipeline([sink], lambda span: span, ledger=Ledger(), suppress=suppress)


def refuse(batch: Sequence[Observation]) -> Outcome:
    return Outcome(remaining=batch, retry_after=0.05, reason="not now")


def balance(found: dict[str, Any]) -> int:
    ended = found["delivered"] + found["sampled_out"] + found["queued"] + sum(found["dropped"].values())
    return int(found["produced"] - ended)


def _reasons(succession: Succession) -> list[str]:
    return [retired["sinks"]["old"]["reason"] for retired in succession.status()["retired"]]


def test_what_is_queued_goes_to_the_old_sink_and_the_rest_to_the_new_one() -> None:
    old, new = MemorySink("old"), MemorySink("new")
    old.answer = refuse
    first, second = make_pipeline(old), make_pipeline(new)
    succession = Succession(first, suppress)
    for number in range(5):
        first.put(observation(id=f"{number:016x}"))
    succession.succeed(second)
    for number in range(5, 8):
        second.put(observation(id=f"{number:016x}"))
    assert wait_until(lambda: len(new.received) == 3)
    found = succession.status()
    assert (found["produced"], found["delivered"], found["queued"], balance(found)) == (8, 3, 5, 0)
    assert wait_until(lambda: _reasons(succession) == ["not now"])
    assert not succession.flush(0.2)
    old.answer = None
    assert wait_until(lambda: old.closed == 1)
    assert [seen.id for seen in old.received] == [f"{number:016x}" for number in range(5)]
    assert wait_until(lambda: succession.status()["retired"] == [])
    found = succession.status()
    assert (found["produced"], found["delivered"], found["queued"], balance(found)) == (8, 8, 0, 0)
    assert succession.close(2.0)
    assert new.closed == 1
    assert not native.ours()


def test_what_is_put_into_a_pipeline_that_is_closed_already_goes_to_its_heir() -> None:
    old, new = MemorySink("old"), MemorySink("new")
    first, second = make_pipeline(old), make_pipeline(new)
    succession = Succession(first, suppress)
    first.put(observation())
    succession.succeed(second)
    assert wait_until(lambda: old.closed == 1)
    first.put(observation(id="f" * 16))
    assert succession.flush(5.0)
    assert [seen.id for seen in new.received] == ["f" * 16]
    found = succession.status()
    assert (found["produced"], found["delivered"], found["dropped"], balance(found)) == (2, 2, {}, 0)
    succession.close(2.0)


def test_the_end_delivers_what_both_hold_and_counts_what_it_could_not() -> None:
    old, new = MemorySink("old"), MemorySink("new")
    old.answer = refuse
    first, second = make_pipeline(old), make_pipeline(new)
    succession = Succession(first, suppress)
    first.put(observation())
    succession.succeed(second)
    second.put(observation())
    assert not succession.close(0.5)
    found = succession.status()
    assert (found["delivered"], found["dropped"], balance(found)) == (1, {"closed": 1}, 0)
    assert len(new.received) == 1


def test_a_forked_child_counts_its_own_spans_only() -> None:
    old, new = MemorySink("old"), MemorySink("new")
    first, second = make_pipeline(old), make_pipeline(new)
    succession = Succession(first, suppress)
    first.put(observation())
    succession.succeed(second)
    assert wait_until(lambda: succession.status()["retired"] == [])
    child = os.fork()
    if child == 0:
        try:
            second.put(observation())
            succession.flush(5.0)
            found = succession.status()
            os._exit(0 if (found["produced"], found["delivered"]) == (1, 1) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert succession.status()["produced"] == 1
    succession.close(2.0)


def test_a_reload_that_leaves_the_destinations_alone_keeps_the_pipeline(edited: Edited) -> None:
    tracing_proxies.activate(edited.file)
    active = runtime._runtime
    assert active is not None
    pipeline, prepare = active.pipeline, active.prepare
    edited.write("second")
    assert tracing_proxies.reload()
    assert (active.pipeline, active.prepare) == (pipeline, prepare)
    edited.write("second", more="masking: { hide: [x] }\nservice: { environment: test }\n")
    assert tracing_proxies.reload()
    assert active.pipeline is pipeline
    assert active.prepare is not prepare
    assert tracing_proxies.status()["delivery"]["retired"] == []


def test_a_key_that_the_environment_has_exchanged_is_used_from_the_next_reload_on(
    edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PUBLIC_KEY", "SECRET_KEY"):
        monkeypatch.setenv(f"LANGFUSE_{name}", "one")
    edited.file.write_text(text("first").replace("discard: {}", "langfuse: { host: 'http://127.0.0.1:9' }"))
    tracing_proxies.activate(edited.file)
    active = runtime._runtime
    assert active is not None
    before = active.pipeline
    assert tracing_proxies.reload()
    assert active.pipeline is before
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "two")
    assert tracing_proxies.reload()
    assert active.pipeline is not before


def test_a_store_in_another_place_gets_what_comes_after(edited: Edited, tmp_path: Path) -> None:
    def to(store: str, name: str) -> str:
        return text(name).replace("discard: {}", f"local: {{ path: {store}.db }}")

    def names(store: str) -> list[str]:
        with sqlite3.connect(tmp_path / f"{store}.db") as connection:
            return [row[0] for row in connection.execute("SELECT name FROM observations ORDER BY start_time")]

    edited.file.write_text(to("one", "first"))
    tracing_proxies.activate(edited.file)
    agent = edited.module.Agent()
    agent.run()
    edited.file.write_text(to("two", "second"))
    assert tracing_proxies.reload()
    agent.run()
    assert tracing_proxies.flush(10.0)
    assert (names("one"), names("two")) == (["first"], ["second"])
    edited.file.write_text(to("one", "third"))
    assert tracing_proxies.reload()
    agent.run()
    assert tracing_proxies.flush(10.0)
    assert (names("one"), names("two")) == (["first", "third"], ["second"])
    found = tracing_proxies.status()["delivery"]
    assert (found["produced"], found["delivered"], found["queued"]) == (3, 3, 0)
    eventually(lambda: tracing_proxies.status()["delivery"]["retired"] == [])


def test_a_masking_that_is_tightened_holds_at_once(edited: Edited, tmp_path: Path) -> None:
    local = text("first").replace("discard: {}", "local: { path: t.db }")
    edited.file.write_text(local)
    tracing_proxies.activate(edited.file)
    edited.module.Agent().run("plain")
    assert tracing_proxies.flush(10.0)
    edited.file.write_text(local + "masking: { hide: [x] }\n")
    assert tracing_proxies.reload()
    edited.module.Agent().run("plain")
    assert tracing_proxies.flush(10.0)
    with sqlite3.connect(tmp_path / "t.db") as connection:
        inputs = [row[0] for row in connection.execute("SELECT input FROM observations ORDER BY start_time")]
    assert json.loads(inputs[0]) == {"x": "plain"}
    assert "plain" not in inputs[1]


@pytest.mark.parametrize("kind", ["call", "generator"])
def test_a_call_that_is_under_way_ends_under_the_rule_that_it_began_with(edited: Edited, kind: str) -> None:
    first = "  - match: reloaded_application:Agent.run\n    name: old\n    output: \"'old'\"\n"
    edited.write(more=f"trace:\n{first}")
    begun, go_on = threading.Event(), threading.Event()

    def steps(self: Any) -> Any:
        begun.set()
        go_on.wait(20)
        yield 1
        yield 2

    def whole(self: Any) -> int:
        begun.set()
        go_on.wait(20)
        return 3

    method: Any = whole if kind == "call" else steps
    method.__module__, method.__qualname__ = "reloaded_application", "Agent.run"
    raw = edited.raw["run"]
    edited.module.Agent.run = method
    try:
        tracing_proxies.activate(edited.file)
        results: list[Any] = []
        with capture_spans() as spans:
            thread = threading.Thread(target=lambda: results.append(_exhaust(edited.module.Agent().run())))
            thread.start()
            assert begun.wait(20)
            edited.write()
            assert tracing_proxies.reload()
            assert vars(edited.module.Agent)["run"] is method
            go_on.set()
            thread.join()
        assert results == [3 if kind == "call" else [1, 2]]
        assert [(span.name, span.output) for span in spans] == [("old", "old")]
    finally:
        tracing_proxies.deactivate()
        edited.module.Agent.run = raw


def _exhaust(result: Any) -> Any:
    return list(result) if hasattr(result, "__next__") else result
