"""Threads of the operating system that nobody waits for."""

from __future__ import annotations

import contextvars
import threading
import time

import pytest

from tracing_proxies.delivery.native import Thread, make_thread


def end(thread: Thread) -> None:
    thread.join(10)
    assert not thread.is_alive()


def test_a_start_does_not_wait_for_the_new_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    system = threading.Event()
    started = threading.Event()
    begin = threading.Thread.start

    def begin_late(thread: threading.Thread) -> None:
        system.wait(10)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", begin_late)
    thread = make_thread("late", started.set, awaited=False)
    thread.start()
    assert thread.is_alive()
    assert not started.is_set()
    thread.join(0.01)
    assert thread.is_alive()
    system.set()
    assert started.wait(10)
    end(thread)


@pytest.mark.parametrize("awaited", [True, False])
def test_a_thread_is_a_daemon_that_debuggers_see_by_its_name(awaited: bool) -> None:
    done, seen = threading.Event(), []

    def look() -> None:
        seen.append(threading.current_thread())
        done.wait(10)

    thread = make_thread("one of ours", look, awaited=awaited)
    thread.start()
    while not seen:
        time.sleep(0.001)
    assert (seen[0].name, seen[0].daemon) == ("one of ours", True)
    assert seen[0] in threading.enumerate()
    done.set()
    end(thread)


@pytest.mark.parametrize("begun", [False, True], ids=["before it runs", "when it runs"])
@pytest.mark.parametrize(
    "refusal", [RuntimeError("can't start new thread"), ValueError("an application's own")], ids=str
)
def test_what_a_thread_is_for_is_done_once_where_its_start_fails(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, begun: bool
) -> None:
    begin = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if begun:
            begin(thread)
        raise refusal

    monkeypatch.setattr(threading.Thread, "start", refuse)
    calls: list[int] = []
    thread = make_thread("refused", lambda: calls.append(1), awaited=False)
    thread.start()
    end(thread)
    assert calls == [1]


def test_the_start_is_called_in_the_context_of_who_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    silent: contextvars.ContextVar[bool] = contextvars.ContextVar("silent", default=False)
    begin, seen = threading.Thread.start, []

    def traced(thread: threading.Thread) -> None:
        seen.append(silent.get())
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", traced)
    token = silent.set(True)
    thread = make_thread("silent", lambda: None, awaited=False)
    thread.start()
    silent.reset(token)
    end(thread)
    assert seen == [True]
