"""Threads of the operating system that nobody waits for, and that are in no list."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from tracing_proxies.compiled import hot
from tracing_proxies.delivery import native
from tracing_proxies.delivery.native import Thread, make_thread


def end(thread: Thread) -> None:
    thread.join(10)
    assert not thread.is_alive()


def test_a_start_does_not_wait_for_the_new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(native, "_start", waiting.append)
    started = threading.Event()
    thread = make_thread("late", started.set, awaited=False)
    thread.start()
    assert thread.is_alive()
    thread.join(0.01)
    assert thread.is_alive()
    waiting.pop()()
    assert started.is_set()
    end(thread)


@pytest.mark.parametrize("awaited", [True, False])
def test_a_thread_is_in_no_list_of_threads_not_even_when_it_logs(awaited: bool) -> None:
    done, logged = threading.Event(), threading.Event()
    before = threading.enumerate()

    def look() -> None:
        logging.getLogger("tests.native").warning("as any of them may")
        native.forget_stand_in()
        logged.set()
        done.wait(10)
        logging.getLogger("tests.native").warning("at last")

    thread = make_thread("one of ours", look, awaited=awaited)
    thread.start()
    assert logged.wait(10)
    assert thread.is_alive()
    assert list(native.ours().values()) == ["one of ours"]
    assert threading.enumerate() == before
    assert threading.active_count() == len(before)
    done.set()
    end(thread)
    assert threading.enumerate() == before
    assert native.ours() == {}


@pytest.mark.skipif(hot is None or sys.platform != "linux", reason="the system is told by what is compiled")
def test_the_system_knows_a_thread_by_its_name() -> None:
    known: list[str] = []
    own = Path("/proc/thread-self/comm")
    here = own.read_text()
    thread = make_thread("tracing-one-of-ours", lambda: known.append(own.read_text().strip()))
    thread.start()
    end(thread)
    assert known == ["tracing-one-of-"]
    assert own.read_text() == here


def test_a_test_that_exchanges_the_process_number_sees_no_call_and_changes_nothing() -> None:
    done = threading.Event()
    thread = make_thread("steady", lambda: bool(done.wait(10)) and None)
    with mock.patch("os.getpid", return_value=1) as asked:
        thread.start()
        assert thread.is_alive()
    assert thread.is_alive()
    assert asked.call_count == 0
    done.set()
    end(thread)


def test_whoever_waits_for_the_end_waits_no_longer_than_that_and_all_hear_of_it() -> None:
    done = threading.Event()
    thread = make_thread("awaited", lambda: bool(done.wait(10)) and None)
    thread.start()
    begun = time.monotonic()
    thread.join(0.05)
    assert 0.05 <= time.monotonic() - begun < 5
    assert thread.is_alive()
    done.set()
    for _ in range(3):
        end(thread)


def test_a_thread_that_cannot_be_started_says_so_and_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(native, "_start", refuse)
    thread = make_thread("refused", lambda: None)
    with pytest.raises(RuntimeError, match="can't start"):
        thread.start()
    assert not thread.is_alive()
    thread.join(1)
