"""One pass of weaving over what is woven already: what is found again, under which names, and what is to go."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FunctionType, MethodType
from typing import Any

from tracing_proxies.registry.fields import attributes_of, is_subtype
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.ledger import Ledger, Mutation
from tracing_proxies.weaving.points import Place, Points
from tracing_proxies.weaving.proxies import PROXY, raw_of
from tracing_proxies.weaving.reach import Reach

_DEPTH = 8
_MOST_OBJECTS = 64
_MOST_FIELDS = 32


class Round:
    """Notes the join points that a registry's rules find, those that stand already and those that are new.

    Args:
        named: ids of the join points that only a pattern reaches which writes out their names.

    Attributes:
        seen: ids of those that stand already and were come by, whether a rule matches them or not.
        places: where the registry's rules find one.
    """

    def __init__(self, named: set[int]) -> None:
        self.named = named
        self.seen: set[int] = set()
        self.places: set[Place] = set()
        self._kept: dict[int, JoinPoint] = {}
        self._latest: dict[int, JoinPoint] = {}

    def keep(self, point: JoinPoint, place: Place) -> None:
        """Note that a rule matches a join point by the name under which it stands at a place."""
        if id(point) not in self._kept:
            self._kept[id(point)] = self._latest[id(point.raw)] = point
        self.places.add(place)

    def keeps(self, point: JoinPoint) -> bool:
        """Tell whether a rule has matched a join point so far."""
        return id(point) in self._kept

    def latest(self, raw: Any) -> JoinPoint | None:
        """Return the join point that was noted last of those that stand for a raw object."""
        point = self._latest.get(id(raw))
        return point if point is not None and point.raw is raw else None


def take_out(gone: list[JoinPoint], points: Points, ledger: Ledger, reach: Reach) -> None:
    """Put back everything that some join points have changed, and forget them.

    What other code has put over a proxy stays, and the proxy within passes calls through.
    """
    for point in gone:
        point.follow(None, on=False)
    made = {id(made) for point in gone for made in (point.entry, proxy_of(point.entry)) if made is not None}
    # A tuple, a partial or a property that holds proxies is one change for all of them: it is made anew for the others.
    others = [point.mutations for point in points]
    ledger.take_back(others, lambda mutation: _holds(mutation, made))
    ledger.take_back([point.mutations for point in gone])
    reach.restore(gone)
    points.remove(gone)


def is_within(entry: Any, outer: Any) -> bool:
    """Tell whether a callable that other code has put in the place of one of ours still calls it."""
    proxy = proxy_of(entry)
    waiting, seen = [outer], {id(outer)}
    for _ in range(_MOST_OBJECTS):
        if not waiting:
            return False
        for held in _parts(waiting.pop(0)):
            if held is entry or (held is not None and held is proxy):
                return True
            if id(held) not in seen:
                seen.add(id(held))
                waiting.append(held)
    return False


def _holds(mutation: Mutation, made: set[int], depth: int = _DEPTH) -> bool:
    waiting = [(mutation.after, depth)]
    while waiting:
        value, left = waiting.pop()
        for part in _parts_of_composite(value):
            if id(part) in made:
                return True
            if left:
                waiting.append((part, left - 1))
    return False


def _parts_of_composite(value: Any) -> Iterable[Any]:
    kind = type(value)
    if kind is tuple:
        return value  # type: ignore[no-any-return]
    if kind is MethodType or kind is staticmethod or kind is classmethod:
        return (value.__func__,)
    if kind is property:
        return (value.fget, value.fset, value.fdel)
    return ()


def _parts(value: Any) -> Iterator[Any]:
    """Yield what a wrapper may call, without running its code."""
    kind = type(value)
    if proxy_of(value) is not None:
        return  # one of ours: what is within is another join point's
    if kind is staticmethod or kind is classmethod or kind is MethodType:
        yield value.__func__
    elif kind is property:
        yield from (value.fget, value.fset, value.fdel)
    elif kind is functools.partial or kind is functools.partialmethod:
        yield from (value.func, *value.args)
    elif is_subtype(PROXY, kind):
        yield raw_of(value)  # another library's proxy
    fields = attributes_of(value)
    if fields is not None:
        yield from islice(list(fields.values()), _MOST_FIELDS)
    if kind is FunctionType:
        for cell in value.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                continue
