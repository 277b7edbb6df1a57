"""Our own failures: counted by reason, logged once a minute each, and never shown to the application."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
import traceback
from _thread import RLock, get_ident  # past gevent's, which our own threads must not wait for
from collections import Counter
from collections.abc import Iterator
from types import CodeType
from typing import Any

from tracing_proxies import clocks

_log = logging.getLogger("tracing_proxies")
_LOG_INTERVAL = 60.0
_NEEDED = 50  # nested calls: what recording takes at the most
_lock = RLock()  # re-entrant: a signal handler may fail while it interrupts this very module
_counts: Counter[str] = Counter()
_logged: dict[str, float] = {}


def _renew_lock() -> None:
    global _lock
    _lock = RLock()


# Another thread of the parent may hold the lock at the moment of a fork; nobody would ever release the child's copy.
os.register_at_fork(after_in_child=_renew_lock)


def strict() -> bool:
    """Tell whether our own failures are to be raised (``TRACING_PROXIES_STRICT=1``: for tests)."""
    return os.environ.get("TRACING_PROXIES_STRICT", "") not in ("", "0", "false", "off")


def contain(reason: str, exc: BaseException) -> None:
    """Count a failure of the tracing layer itself, and keep it from the application.

    Args:
        reason: a short, fixed name such as ``capture`` or ``sink.local``; counts and log lines go by it.
        exc: what was raised; only its type is logged, since its text may hold the application's data.

    Raises:
        BaseException: ``exc`` itself in strict mode, and where a handler of a signal has raised it, which happened to
            interrupt us: a time that is up must reach the application.
    """
    if _is_of_a_signal(exc):
        raise exc
    if isinstance(exc, RecursionError) and _is_stack_full():
        with _lock:
            _counts["stack"] += 1
        return
    now = clocks.monotonic()
    with _lock:
        _counts[reason] += 1
        due = now - _logged.get(reason, -_LOG_INTERVAL) >= _LOG_INTERVAL
        if due:
            _logged[reason] = now
    if due:
        try:
            _log.warning(
                "tracing failed in %s (%s); the application goes on, this span may be incomplete",
                reason,
                type(exc).__name__,
            )
        except Exception:  # a handler of the application's own, or an interpreter that it has changed
            with _lock:
                _counts["log"] += 1
    if strict():
        raise exc


def _is_of_a_signal(exc: BaseException) -> bool:
    if get_ident() != threading.main_thread().ident:  # no other runs handlers
        return False
    try:
        codes = set(_codes_of_handlers())
    except Exception:  # a handler that is an object of the application's own may answer anything
        return False
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(exc.__traceback__))


def _codes_of_handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if not callable(handler):  # none, the default, or one that is ignored: a number
            continue
        while isinstance(handler, functools.partial):
            handler = handler.func
        code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
        if type(code) is CodeType:
            yield code


def _nest(calls: int) -> int:
    # By way of C, of whose calls the interpreter counts the nesting as well.
    return calls and next(map(_nest, (calls - 1,)))


def _is_stack_full() -> bool:
    """Tell whether the application has left no room for more calls, which is no failure of ours."""
    try:
        _nest(min(_NEEDED, sys.getrecursionlimit() // 8))
    except RecursionError:
        return True
    return False


def counts() -> dict[str, int]:
    """Return how often each reason has occurred since the process started."""
    with _lock:
        return dict(_counts)


def reset() -> None:
    """Forget all counts, as a forked child or a test does."""
    with _lock:
        _counts.clear()
        _logged.clear()
