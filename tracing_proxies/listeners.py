"""Who else wants to see spans as they end: tests, through ``tracing_proxies.testing.capture_spans``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracing_proxies.failures import contain

if TYPE_CHECKING:
    from tracing_proxies.recording.observation import Observation
    from tracing_proxies.recording.recorder import Recorder
    from tracing_proxies.recording.span import Span

Listener = Callable[["Observation"], None]

active: tuple[Listener, ...] = ()
_recorders: list[Recorder] = []
_lock = threading.Lock()


def add(listener: Listener) -> None:
    """Call ``listener`` with every span from now on; meanwhile no probabilistic decision drops one."""
    global active
    with _lock:
        active = (*active, listener)
        for recorder in _recorders:
            recorder.forced = len(active)


def remove(listener: Listener) -> None:
    """Stop calling ``listener``."""
    global active
    with _lock:
        active = tuple(known for known in active if known is not listener)
        for recorder in _recorders:
            recorder.forced = len(active)


def attach(recorder: Recorder) -> None:
    """Let the listeners know of a recorder."""
    with _lock:
        _recorders.append(recorder)
        recorder.forced = len(active)


def detach(recorder: Recorder) -> None:
    """Forget a recorder."""
    with _lock:
        if recorder in _recorders:
            _recorders.remove(recorder)


def notify(span: Span, prepare: Callable[[Span], Observation | None]) -> None:
    """Prepare a span, as for its export, and show it to every listener."""
    try:
        observation = prepare(span)
        if observation is not None:
            for listener in active:
                listener(observation)
    except Exception as exc:
        contain("listener", exc)
