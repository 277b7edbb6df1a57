"""Leaves the collection of garbage to the application's threads, at the times that it would have without us."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import TracebackType

from tracing_proxies.compiled import hot

recount: Callable[[int], bool] = (lambda objects: False) if hot is None else hot.recount

_ROOM, _MOST = 250, 0.5
"""How many objects our thread may make in one go: at most this share of what makes a collection due."""
_MADE_RESTING = 20
"""How many it makes at most between two pieces of its work."""


class Aside:
    """What the collector does not count for a while, so that no collection begins within what our thread does.

    The collector comes when a number of objects have been made and not freed again. Those that our threads make are
    freed a moment later; but a collection that is due meanwhile would begin on them. Which one it would be is not ours
    to say: one of all that the application holds takes a tenth of a second or two. Our thread would be slow for as
    long, and its CPU would count as the cost of tracing, which it is not. And the application would have more
    collections than without us. So while our thread works the collector counts less by what the work may make, and
    afterwards as much as before: collections come when they would come without us, on the threads they would come on.

    Where that cannot be done, the young are collected beforehand if a collection is near.
    """

    __slots__ = ("_earlier", "_taken")

    def __init__(self) -> None:
        self._taken = 0
        self._earlier: object = None

    def take(self) -> None:
        """Let our thread work without a collection: 0.2 us; 2 where one is near."""
        due = gc.get_threshold()[0]
        counts = gc.get_count()
        over = counts[0] - due + min(_ROOM, int(_MOST * due))
        if over > 0 < due and gc.isenabled():
            if not recount(-over):
                gc.collect(0)
            elif counts[1:] == self._earlier or not self._taken:
                self._taken += over
            else:  # what was taken before is of no account after the collection that has been since
                self._taken = over
            self._earlier = counts[1:]

    def give_back(self) -> None:
        """Have all counted again that has not been, but for the room that our thread needs until it rests."""
        if self._taken:
            counts = gc.get_count()
            if counts[1:] != self._earlier:
                self._taken = 0
                return
            given = min(self._taken, max(0, gc.get_threshold()[0] - _MADE_RESTING - counts[0]))
            self._taken -= given
            recount(given)


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
