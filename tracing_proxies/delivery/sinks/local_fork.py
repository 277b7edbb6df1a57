"""Closes SQLite connections for the moment of a fork.

A child that inherits an open connection inherits SQLite's own table of locks with it, finds the file locked for ever if
the parent was writing, and may damage it otherwise (sqlite.org/howtocorrupt.html, 2.6).
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

from tracing_proxies.loops import outside_of_loops

_PATIENCE = 1.0


class Forkable(Protocol):
    """Owns a connection that it opens again by itself."""

    lock: threading.Lock
    """Held while the connection is in use."""

    def release(self) -> None:
        """Close the connection; called with ``lock`` held."""


_guarded: weakref.WeakSet[Forkable] = weakref.WeakSet()
_held: list[Forkable] = []
_registered = False


def guard(store: Forkable) -> None:
    """Have ``store`` closed while the process forks.

    The fork waits for a transaction that is under way, for at most a second.
    """
    global _registered
    _guarded.add(store)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered = True
        os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


@outside_of_loops()
def _before() -> None:
    for store in list(_guarded):
        if store.lock.acquire(timeout=_PATIENCE):
            _held.append(store)
            store.release()


def _after_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


def _after_in_child() -> None:
    _held.clear()
    for store in list(_guarded):
        store.lock = threading.Lock()
