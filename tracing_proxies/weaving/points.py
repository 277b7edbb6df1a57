"""The join points of a weaver, referred to weakly: each lives as long as what stands for its callable."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import BuiltinFunctionType
from typing import Any

from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.ledger import Keeper
from tracing_proxies.weaving.proxies import raw_of

Pair = tuple[Any, Keeper]
Reference = weakref.ref[JoinPoint]
Place = tuple[int, str]
Ids = tuple[int, ...]

# What is to be forgotten with a join point is told by the reference itself. A callback of each one's own would be ten
# objects, at which every full garbage collection of the application looks.


class _Known(weakref.ref[JoinPoint]):
    __slots__ = ("entries", "number", "raws")

    number: int
    raws: Ids
    entries: Ids


class _Placed(weakref.ref[JoinPoint]):
    __slots__ = ("place", "target")

    place: Place
    target: Target


class Points:
    """Finds join points by what they were made of, by what was made of them, and by where that stands.

    Everything is known by ``id``: hashing or comparing foreign objects may run their code. An ``id`` is used again once
    its object is gone, so whatever is found is compared by identity with what is looked for.
    """

    def __init__(self) -> None:
        self.raws: dict[int, Reference] = {}
        self._entries: dict[int, Reference] = {}
        self.added = 0
        self._all: dict[int, Reference] = {}
        self._places: dict[Place, _Placed] = {}
        self._gone = self._forget  # bound once
        self._left = self._vacate
        self._named: set[int] = set()

    def __iter__(self) -> Iterator[JoinPoint]:
        return iter([point for reference in list(self._all.values()) if (point := reference()) is not None])

    def targets(self) -> list[Target]:
        """List everything that a call of which is traced, under each of its names; also while tracing is off."""
        return [target for target, _ in self.placed()]

    def placed(self) -> Iterator[tuple[Target, JoinPoint]]:
        """Yield the same with the join point of each."""
        for placed in list(self._places.values()):
            point = placed()
            if point is not None and point.standing is not None:
                yield placed.target, point

    def add(self, point: JoinPoint, owner: int, name: str, *, named: bool = False) -> None:
        """Remember a join point.

        Args:
            owner: the ``id`` of the class or namespace that holds it.
            named: whether only a pattern that writes out its name reaches it.
        """
        self.added += 1
        known = _Known(point, self._gone)
        known.number = self.added
        known.raws, known.entries = _keys_of(point)
        self._all[self.added] = known
        if named:
            self._named.add(self.added)
        self._find_by(known.raws, known.entries, known)
        self.place(point, owner, name, point.target)

    def named(self) -> set[int]:
        """Return the ids of the join points that only a pattern reaches which writes out their names."""
        found = (self._all[number]() for number in list(self._named))
        return {id(point) for point in found if point is not None}

    def remove(self, gone: Iterable[JoinPoint]) -> None:
        """Forget some join points."""
        ids = {id(point) for point in gone}
        for known in (self.raws, self._entries):
            known.clear()
        for number, reference in items_of(self._all):
            point = reference()
            if point is None:
                continue
            if id(point) in ids:
                del self._all[number]
                self._named.discard(number)
            else:
                self._find_by(*_keys_of(point), reference)
        self.leave(lambda point, place: id(point) in ids)

    def count_entries(self) -> int:
        """Count the places at which an entry of ours stands by its own name."""
        found = (placed() for placed in list(self._places.values()))
        return sum(point is not None and point.entry is not None for point in found)

    def leave(self, left: Callable[[JoinPoint, Place], bool]) -> None:
        """Forget that join points stand where ``left`` says so."""
        for place, placed in items_of(self._places):
            point = placed()
            if point is not None and left(point, place):
                del self._places[place]

    def place(self, point: JoinPoint, owner: int, name: str, target: Target) -> None:
        """Remember where else a join point's entry stands."""
        placed = _Placed(point, self._left)
        placed.place = (owner, name)
        placed.target = target
        self._places[placed.place] = placed

    def at(self, owner: int, name: str) -> JoinPoint | None:
        """Return the join point that was placed there."""
        found = self._places.get((owner, name))
        return None if found is None else found()

    def of_entry(self, entry: Any) -> JoinPoint | None:
        """Return the join point that an entry, or the proxy in it, was made for."""
        point = _live(self._entries, entry)
        return point if point is not None and (point.entry is entry or proxy_of(point.entry) is entry) else None

    def of_raw(self, raw: Any) -> JoinPoint | None:
        """Return the join point that stands for a raw object: an entry of a class or module, or the function in it."""
        point = _live(self.raws, raw)
        if point is None or point.raw is raw:
            return point
        proxy = proxy_of(point.entry)
        return point if proxy is not None and raw_of(proxy) is raw else None

    def woven(self, raw: Any) -> Pair | None:
        """Return what is to be held in place of a raw object, and what the change of it is to live with."""
        point = self.of_raw(raw)
        if point is None or point.entry is None:
            return None
        if point.raw is raw:
            return point.entry, point.mutations
        proxy = proxy_of(point.entry)
        return None if proxy is None else (proxy, point.mutations)

    def restored(self, entry: Any) -> Pair | None:
        """Return the opposite of ``woven``: the raw object for one of ours."""
        point = self.of_entry(entry)
        if point is None:
            return None
        return (point.raw if entry is point.entry else raw_of(entry)), point.mutations

    @property
    def entries(self) -> Mapping[int, Reference]:
        """What stands for raw objects, by ``id``."""
        return self._entries

    def clear(self) -> None:
        """Forget everything."""
        self._all.clear()
        self._named.clear()
        self.raws.clear()
        self._entries.clear()
        self._places.clear()

    def owners(self) -> set[int]:
        """Return the ids of the classes and namespaces in which entries stand."""
        return {owner for owner, _ in list(self._places)}

    def _find_by(self, raws: Ids, entries: Ids, reference: Reference) -> None:
        for key in raws:
            self.raws[key] = reference
        for key in entries:
            self._entries[key] = reference

    def _forget(self, gone: _Known) -> None:
        self._all.pop(gone.number, None)
        self._named.discard(gone.number)
        for keys, known in ((gone.raws, self.raws), (gone.entries, self._entries)):
            for key in keys:
                if known.get(key) is gone:
                    del known[key]

    def _vacate(self, gone: _Placed) -> None:
        if self._places.get(gone.place) is gone:
            del self._places[gone.place]


def _keys_of(point: JoinPoint) -> tuple[Ids, Ids]:
    """Return the ids of what a join point was made of, and of what was made of it."""
    proxy = proxy_of(point.entry)
    raws: Ids = (id(point.raw),) if proxy is None else (id(point.raw), id(raw_of(proxy)))
    if type(point.raw) is BuiltinFunctionType:
        raws = ()  # `size_of = len`: all the world holds it
    return raws, tuple(id(made) for made in (point.entry, proxy) if made is not None)


def _live(known: Mapping[int, Reference], key: Any) -> JoinPoint | None:
    reference = known.get(id(key))
    return None if reference is None else reference()
