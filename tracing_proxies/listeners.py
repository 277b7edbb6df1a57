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
_attached: list[tuple[Recorder, Callable[[], None]]] = []
_lock = threading.Lock()


def add(listener: Listener) -> None:
    """Call ``listener`` with every span from now on; meanwhile no probabilistic decision drops one."""
    global active
    with _lock:
        active = (*active, listener)
        _tell()


def remove(listener: Listener) -> None:
    """Stop calling ``listener``."""
    global active
    with _lock:
        active = tuple(known for known in active if known is not listener)
        _tell()


def attach(recorder: Recorder, changed: Callable[[], None]) -> None:
    """Let the listeners know of a recorder.

    Args:
        changed: called whenever it may have changed whether somebody listens.
    """
    with _lock:
        _attached.append((recorder, changed))
        _tell()


def detach(recorder: Recorder) -> None:
    """Forget a recorder."""
    with _lock:
        _attached[:] = [known for known in _attached if known[0] is not recorder]


def _tell() -> None:
    for recorder, changed in _attached:
        recorder.forced = len(active)
        changed()


def notify(span: Span, prepare: Callable[[Span], Observation | None]) -> None:
    """Prepare a span, as for its export, and show it to every listener."""
    try:
        observation = prepare(span)
        if observation is not None:
            for listener in active:
                listener(observation)
    except Exception as exc:
        contain("listener", exc)
