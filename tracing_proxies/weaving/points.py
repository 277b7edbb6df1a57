"""The join points of a weaver, referred to weakly: each lives as long as what stands for its callable."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from types import BuiltinFunctionType
from typing import Any

from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.ledger import Keeper
from tracing_proxies.weaving.proxies import raw_of

Pair = tuple[Any, Keeper]
Reference = weakref.ref[JoinPoint]
Place = tuple[int, str]


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
        self._places: dict[Place, tuple[Reference, Target]] = {}

    def __iter__(self) -> Iterator[JoinPoint]:
        return iter([point for reference in list(self._all.values()) if (point := reference()) is not None])

    def targets(self) -> list[Target]:
        """List everything that a call of which is traced, under each of its names; also while tracing is off."""
        return [target for target, _ in self.placed()]

    def placed(self) -> Iterator[tuple[Target, JoinPoint]]:
        """Yield the same with the join point of each."""
        for reference, target in list(self._places.values()):
            point = reference()
            if point is not None and point.standing is not None:
                yield target, point

    def add(self, point: JoinPoint, owner: int, name: str) -> None:
        """Remember a join point: ``owner`` is the ``id`` of the class or namespace that holds it."""
        proxy = proxy_of(point.entry)
        raws = {id(point.raw)} if proxy is None else {id(point.raw), id(raw_of(proxy))}
        if type(point.raw) is BuiltinFunctionType:
            raws = set()  # `size_of = len`: all the world holds it
        entries = {id(made) for made in (point.entry, proxy) if made is not None}
        self.added += 1
        reference = weakref.ref(point, partial(self._forget, self.added, raws, entries))
        self._all[self.added] = reference
        for key in raws:
            self.raws[key] = reference
        for key in entries:
            self._entries[key] = reference
        self.place(point, owner, name, point.target)

    def place(self, point: JoinPoint, owner: int, name: str, target: Target) -> None:
        """Remember where else a join point's entry stands."""
        key = (owner, name)
        reference = weakref.ref(point, lambda gone: self._vacate(key, gone))
        self._places[key] = (reference, target)

    def at(self, owner: int, name: str) -> JoinPoint | None:
        """Return the join point that was placed there."""
        found = self._places.get((owner, name))
        return None if found is None else found[0]()

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
        self.raws.clear()
        self._entries.clear()
        self._places.clear()

    def owners(self) -> set[int]:
        """Return the ids of the classes and namespaces in which entries stand."""
        return {owner for owner, _ in list(self._places)}

    def _forget(self, number: int, raws: set[int], entries: set[int], gone: Reference) -> None:
        self._all.pop(number, None)
        for keys, known in ((raws, self.raws), (entries, self._entries)):
            for key in keys:
                if known.get(key) is gone:
                    del known[key]

    def _vacate(self, key: Place, gone: Reference) -> None:
        found = self._places.get(key)
        if found is not None and found[0] is gone:
            del self._places[key]


def _live(known: Mapping[int, Reference], key: Any) -> JoinPoint | None:
    reference = known.get(id(key))
    return None if reference is None else reference()
