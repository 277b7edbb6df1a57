"""Leaves the collection of old garbage to the application's threads."""

from __future__ import annotations

import gc
from types import TracebackType

_NEAR = 0.85
"""The share of what makes a collection due from which on one is taken to be near; a span needs less than the rest."""


def collect_young() -> None:
    """Collect young garbage if the next collection is near, so that it does not begin within what our thread does next.

    Which collection it would be is not ours to say: one of all that the application holds takes a tenth of a second or
    two, on whatever thread makes the next object. Ours would be slow for as long, and its CPU would count as the cost
    of tracing, which it is not: without us the next thread does it a moment later. It takes 0.2 us where none is near.
    """
    due = gc.get_threshold()[0]
    if gc.get_count()[0] > _NEAR * due > 0 and gc.isenabled():
        gc.collect(0)


class Pause:
    """Lets no collection begin while much is made that lives on, and collects then what is young.

    Of a thousand targets that are woven nothing is garbage, and looking for it over and over, with all that the
    application holds, takes from a sixth to a half of an activation.
    """

    def __init__(self) -> None:
        self._holds = False

    def __enter__(self) -> None:
        if gc.isenabled() and gc.get_threshold()[0] > 0:
            self._holds = True
            gc.disable()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        if self._holds:
            try:
                gc.collect(0)  # before the collector is on: what would be due then may be a collection of everything
            finally:  # in the midst of it a signal may be handled
                self._end()

    def after_fork(self) -> None:
        """Let collections begin in a forked child, where the thread that has paused them may not go on."""
        self._end()

    def _end(self) -> None:
        held, self._holds = self._holds, False
        if held:
            gc.enable()
