"""Our own failures are counted, logged once a minute each, and raised only in strict mode."""

import functools
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tracing_proxies import failures


@pytest.fixture(autouse=True)
def _forget() -> None:
    failures.reset()


def test_a_failure_is_counted_by_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    failures.contain("capture", ValueError("x"))
    failures.contain("capture", ValueError("x"))
    failures.contain("masking", KeyError("x"))
    assert failures.counts() == {"capture": 2, "masking": 1}


def test_a_reason_is_logged_once_and_without_the_text_of_the_exception(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    with caplog.at_level(logging.WARNING, "tracing_proxies"):
        failures.contain("capture", ValueError("dana@example.com"))
        failures.contain("capture", ValueError("dana@example.com"))
    assert len(caplog.records) == 1
    assert "ValueError" in caplog.text
    assert "dana" not in caplog.text


class Ringing:
    """A handler that is an object."""

    def __call__(self, number: int, frame: object) -> None:
        raise TimeoutError("the time is up")

    def ring(self, strength: int, number: int, frame: object) -> None:
        raise TimeoutError("the time is up")


@pytest.mark.parametrize("handler", [Ringing(), functools.partial(Ringing().ring, 3), Ringing().__call__])
def test_what_a_signals_handler_raises_within_us_is_the_applications(
    handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)

    def ours() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
            time.sleep(5.0)
        except Exception as exc:
            failures.contain("begin", exc)

    before = signal.signal(signal.SIGUSR2, handler)
    try:
        with pytest.raises(TimeoutError, match="the time is up"):
            ours()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert failures.counts() == {}


def test_a_handler_that_cannot_be_asked_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)

    class Hostile:
        def __call__(self, number: int, frame: object) -> None: ...

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    before = signal.signal(signal.SIGUSR2, Hostile())
    try:
        failures.contain("begin", ValueError("x"))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert failures.counts() == {"begin": 1}


def test_strict_mode_raises_what_was_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    with pytest.raises(ValueError, match="broken"):
        failures.contain("capture", ValueError("broken"))


def test_a_log_handler_that_fails_is_counted_and_keeps_nothing_from_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    failures.reset()

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("full")

    handler = Broken()
    logging.getLogger("tracing_proxies").addHandler(handler)
    try:
        failures.contain("sample", ValueError("x"))
    finally:
        logging.getLogger("tracing_proxies").removeHandler(handler)
    assert failures.counts() == {"sample": 1, "log": 1}
    failures.reset()


def _deep(left: int, say: Callable[[], None]) -> None:
    if left:
        _deep(left - 1, say)
    else:
        say()


def test_a_stack_that_the_application_has_filled_is_no_failure_of_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    _deep(sys.getrecursionlimit() - depth - 30, lambda: failures.contain("finish", RecursionError()))
    assert failures.counts() == {"stack": 1}
    assert caplog.records == []
    failures.contain("finish", RecursionError())
    assert failures.counts() == {"stack": 1, "finish": 1}
