"""Locks that a fork waits for, of which a child has its own: one for changes of what is active, one for our imports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

_PATIENCE = 1.0


class Exclusion:
    """Lets one thread at a time change what is active; that thread may enter again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entered: list[Any] = []
        self._held: list[Any] = []

    def __enter__(self) -> None:
        lock = self._lock
        lock.acquire()
        self._entered.append(lock)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        # The very one that was entered: within, the process may have forked.
        self._entered.pop().release()

    def unless_busy(self, action: Callable[[], object]) -> bool:
        """Run an action, unless another thread is inside, which may be waiting for the one that calls.

        Returns:
            Whether it was run.
        """
        lock = self._lock
        if not lock.acquire(blocking=False):
            return False
        try:
            action()
        finally:
            lock.release()
        return True

    def before_fork(self) -> None:
        """Wait, for a second at most, until no other thread is inside, and keep all others out."""
        if self._lock.acquire(timeout=_PATIENCE):
            self._held.append(self._lock)

    def after_fork_in_parent(self) -> None:
        """Let the others in again."""
        while self._held:
            self._held.pop().release()

    def after_fork_in_child(self) -> None:
        """Begin anew: another thread of the parent may be inside for ever."""
        self._lock = threading.RLock()
        self.after_fork_in_parent()  # a thread that a hook before this one has started may wait for the former lock


importing = Exclusion()
"""Held while a thread of ours imports: a child that is forked in the midst of an import waits for its end for ever."""
