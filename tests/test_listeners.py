"""Ended spans go straight into the queue, and past whoever listens while somebody does."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import tracing_proxies
from tests.weaving import sample
from tracing_proxies import listeners, runtime
from tracing_proxies.testing import capture_spans, registry_from

M = "tests.weaving.sample"


def registry(destination: str = "discard: {}") -> Any:
    return registry_from(
        f"version: 1\nexport: {{ {destination} }}\nsampling: {{ budget: unlimited }}\ntrace:\n"
        f"  - match: [{M}:plain, {M}:numbers]\n    sample: always\n"
    )


def active() -> Any:
    found = runtime._runtime
    assert found is not None
    return found


def goes_straight() -> bool:
    return active().recorder.emit is active().pipeline.put


@pytest.fixture(autouse=True)
def _active() -> Iterator[None]:
    tracing_proxies.activate(registry())
    yield
    tracing_proxies.deactivate()


def test_spans_go_straight_into_the_queue_unless_somebody_listens() -> None:
    assert goes_straight()
    with capture_spans() as outer:
        assert not goes_straight()
        with capture_spans() as inner:
            sample.plain(1)
        sample.plain(2)
        assert not goes_straight()
    sample.plain(3)
    assert goes_straight()
    assert ([span.input["a"] for span in outer], len(inner)) == ([1, 2], 1)
    assert tracing_proxies.flush(5)
    assert tracing_proxies.status()["delivery"]["delivered"] == 3


def test_spans_go_into_the_queue_of_the_destinations_that_hold_now(tmp_path: Any) -> None:
    first = active().pipeline
    with capture_spans() as spans:
        tracing_proxies.activate(registry(f"local: {{ path: {tmp_path / 't.db'} }}"))
        sample.plain(1)
        assert len(spans) == 1
    assert goes_straight()
    assert active().pipeline is not first
    sample.plain(2)
    assert tracing_proxies.flush(5)
    delivery = tracing_proxies.status()["delivery"]
    assert (delivery["delivered"], delivery["sinks"]["local"]["delivered"]) == (2, 2)


def test_a_span_that_ends_after_the_deactivation_is_shown_to_who_has_come_since() -> None:
    stream = sample.numbers(2)
    assert next(stream) == 0
    tracing_proxies.deactivate()
    with capture_spans() as spans:
        assert list(stream) == [1]
    assert [span.name for span in spans] == ["numbers"]


@pytest.mark.parametrize("listening", [True, False])
def test_in_a_forked_child_the_first_span_opens_the_socket_and_is_shown(listening: bool) -> None:
    child = os.fork()
    if child == 0:
        done = False
        try:
            there = active().control.path is None and not goes_straight()
            if listening:
                with capture_spans() as spans:
                    there = there and active().control.path is None
                    sample.plain(1)
                    done = there and len(spans) == 1
            else:
                sample.plain(1)
                done = there
            done = done and active().control.path is not None and goes_straight()
            done = done and tracing_proxies.flush(5) and tracing_proxies.status()["delivery"]["delivered"] == 1
        finally:
            os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_child_forked_while_tracing_is_off_hands_on_as_usual() -> None:
    active().switch(False)
    child = os.fork()
    if child == 0:
        done = False
        try:
            straight = goes_straight()
            active().switch(True)
            sample.plain(1)
            done = straight and tracing_proxies.flush(5)
            done = done and tracing_proxies.status()["delivery"]["delivered"] == 1
        finally:
            os._exit(0 if done else 1)
    active().switch(True)
    assert os.waitpid(child, 0)[1] == 0


def test_whoever_comes_and_goes_meanwhile_spans_end_up_where_they_belong(tmp_path: Any) -> None:
    kept: list[Any] = []

    def come_and_go() -> None:
        seen: list[Any] = []
        hear = seen.append
        for _ in range(300):
            listeners.add(hear)
            sample.plain(1)
            listeners.remove(hear)
        kept.append(len(seen) >= 300)  # the other threads' as well

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(6):
        tracing_proxies.activate(registry(f"local: {{ path: {tmp_path / str(number)} }}"))
    for thread in threads:
        thread.join()
    assert goes_straight()
    assert kept == [True] * 4
    assert tracing_proxies.flush(10)
    assert tracing_proxies.status()["delivery"]["delivered"] == 1_200
