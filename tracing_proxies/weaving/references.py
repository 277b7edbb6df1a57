"""Finds what else holds a woven callable, by identity, and lets it hold what stands for it.

Searched are the names of modules, and in those modules that have to do with what is woven also the bodies of classes,
default arguments, and containers and partials a few levels deep. What cannot be changed is noted with the reason.
"""

from __future__ import annotations

import functools
import gc
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Set
from types import FunctionType, MappingProxyType, MethodType
from typing import Any

from tracing_proxies.registry.fields import attributes_of, is_subtype, namespace_of, qualname_of
from tracing_proxies.weaving.candidates import is_class
from tracing_proxies.weaving.contents import holds_any, items_of
from tracing_proxies.weaving.holders import is_plain_key, swap
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.ledger import Keeper, Ledger, put
from tracing_proxies.weaving.points import Pair
from tracing_proxies.weaving.proxies import raw_of

DEPTH = 3
MOST_ITEMS = 1_000
_MOST_NOTES = 1_000
_NONE: Set[int] = frozenset()
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_EXTENDED = (dict, list, tuple, set, frozenset, deque)
_flags_of = type.__dict__["__flags__"].__get__  # past what a metaclass has under this name


class Search:
    """One pass over namespaces.

    Args:
        known: the ids of what is looked for: one look-up per name decides.
        pair_of: returns what is to be held in place of an object, None for what is not looked for after all.
        ledger: records each change; None records nothing (when everything is taken back).
        near: ids of further objects: a module that holds one of them has to do with what is looked for.
    """

    def __init__(
        self,
        known: Set[int],
        pair_of: Callable[[Any], Pair | None],
        ledger: Ledger | None = None,
        near: Set[int] = _NONE,
    ) -> None:
        self.changed = 0
        self.looked = 0
        self.beyond: dict[str, str] = {}
        self._known = known
        self._near = near
        self._wanted = known | near if near else known
        self._pair_of = pair_of
        self._ledger = ledger
        self._seen: set[int] = set()
        self._made: dict[int, tuple[Any, Pair]] = {}
        self._at = ""

    def names(self, name: str, entries: dict[str, Any]) -> bool:
        """Search the names of a module.

        Returns:
            Whether one of the names held what is looked for, or one of the objects near it.
        """
        known, near, touched = self._known, self._near, False
        self.looked += len(entries)
        if not holds_any(entries, self._wanted):  # so it is with nearly every module
            return False
        for key, value in items_of(entries):
            if id(value) in known:
                pair = self._pair_of(value)
                if pair is not None:
                    self._put(entries, key, value, pair)
                    touched = True
            elif id(value) in near:
                touched = True
        return touched

    def depths(self, name: str, entries: dict[str, Any], keys: Iterable[str] | None = None) -> None:
        """Search what the names of a module hold: classes, defaults, containers.

        Args:
            keys: the names to search; all if none are given.
        """
        for key in list(entries) if keys is None else keys:
            value: Any = entries.get(key)
            self._at = f"{name}:{key}"
            kind = type(value)
            if kind is FunctionType or proxy_of(value) is not None:
                self._function(value, entries)
            elif kind is type or is_class(value):
                if namespace_of(value).get("__module__") == entries.get("__name__"):
                    self.class_body(value)
            elif not _is_special(key):
                pair = self._find(value, DEPTH)
                if pair is not None:
                    self._put(entries, key, value, pair)

    def class_body(self, cls: type) -> None:
        """Search the entries of a class, and of the classes within."""
        if id(cls) in self._seen:
            return
        self._seen.add(id(cls))
        place = self._at
        self.looked += len(namespace_of(cls))
        for key, raw in items_of(namespace_of(cls)):
            self._at = f"{place}.{key}"
            pair = self._entry(raw)
            if pair is None and not _is_special(key):
                pair = self._find(raw, DEPTH)
            if pair is not None:
                self._put(cls, key, raw, pair)
            elif is_class(raw):
                if qualname_of(raw).startswith(qualname_of(cls) + "."):
                    self.class_body(raw)
            else:
                self._function(getattr(raw, "__func__", raw) if type(raw) in _METHODS else raw, None)

    def _put(self, owner: Any, key: str, before: Any, pair: Pair) -> None:
        after, keeper = pair
        self.changed += 1
        if self._ledger is None:
            put(owner, key, after)
        else:
            self._ledger.replace(owner, key, after, keeper)

    def _swap(self, holder: Any, before: Any, pair: Pair) -> None:
        after, keeper = pair
        if swap(holder, before, after):
            self.changed += 1
            if self._ledger is not None:
                self._ledger.note(holder, None, before, after, keeper)

    def _find(self, value: Any, depth: int) -> Pair | None:
        """Return what is to be held in place of a value; what it holds itself is changed within it."""
        if id(value) in self._known:
            pair = self._pair_of(value)
            if pair is not None:
                return pair
        within = _WITHIN.get(id(type(value)))
        if within is None:
            self._fields(value)
            return None
        if depth == 0:
            return None
        made = self._made.get(id(value))
        if made is not None:
            return made[1]
        if id(value) in self._seen:
            return None
        self._seen.add(id(value))
        pair = within(self, value, depth)
        if pair is not None:
            # Kept until the end of the pass: other holders of the same tuple are to hold the same new one.
            self._made[id(value)] = (value, pair)
        return pair

    def _entry(self, raw: Any) -> Pair | None:
        """Answer for an entry of a class, the function of which may be known under another name."""
        kind = type(raw)
        if kind is staticmethod or kind is classmethod:
            pair = self._known_pair(raw) or self._known_pair(raw.__func__)
            if pair is None or type(pair[0]) is kind:
                return pair
            made: Any = kind(pair[0])
            vars(made).update({name: value for name, value in vars(raw).items() if name != "__wrapped__"})
            return made, pair[1]
        if kind is property:
            pair = self._known_pair(raw)
            if pair is not None:
                return pair
            parts = [raw.fget, raw.fset, raw.fdel]
            pairs = [self._known_pair(part) for part in parts]
            if not any(pairs):
                return None
            keeper = next(pair[1] for pair in pairs if pair)
            new = [pair[0] if pair else part for part, pair in zip(parts, pairs, strict=True)]
            return property(new[0], new[1], new[2], raw.__doc__), keeper
        return self._known_pair(raw)

    def _known_pair(self, value: Any) -> Pair | None:
        return self._pair_of(value) if id(value) in self._known else None

    def _function(self, value: Any, home: dict[str, Any] | None) -> None:
        """Search the default arguments of a function, unless it is at home in another module; note its closure."""
        proxy = proxy_of(value)
        function = value if proxy is None else raw_of(proxy)
        if type(function) is not FunctionType:
            return
        registry = function.__dict__.get("registry")
        if type(registry) is MappingProxyType:  # of functools.singledispatch, whose own module is the function's home
            self._frozen(registry, 0)
        if home is not None and function.__globals__ is not home:
            return
        defaults = function.__defaults__
        if defaults:
            pair = self._find(defaults, 2)
            if pair is not None:
                self._swap(function, defaults, pair)
        if function.__kwdefaults__:
            self._find(function.__kwdefaults__, 2)
        for cell in function.__closure__ or ():
            try:
                held = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            if self._known_pair(held) is not None:
                self._note("in a closure, which calls it as what it decorates")

    def _note(self, reason: str) -> None:
        if len(self.beyond) < _MOST_NOTES:
            self.beyond[self._at] = reason

    def _values(self, holder: Any, depth: int) -> None:
        if self._is_large(holder):
            return
        for key, value in items_of(holder):
            pair = self._find(value, depth - 1)
            if pair is None:
                continue
            if is_plain_key(key):
                self._swap(holder, value, pair)
            else:
                self._note("under a key whose hash is the application's own code")

    def _items(self, holder: Any, depth: int) -> None:
        if self._is_large(holder):
            return
        for value in list(holder):
            pair = self._find(value, depth - 1)
            if pair is None:
                continue
            if type(holder) is not set or is_plain_key(value):
                self._swap(holder, value, pair)
            else:
                self._note("in a set, within what is hashed by the application's own code")

    def _tuple(self, holder: tuple[Any, ...], depth: int) -> Pair | None:
        if self._is_large(holder):
            return None
        pairs = [self._find(value, depth - 1) for value in holder]
        keeper: Keeper | None = next((pair[1] for pair in pairs if pair is not None), None)
        if keeper is None:
            return None
        return tuple(pair[0] if pair else value for value, pair in zip(holder, pairs, strict=True)), keeper

    def _partial(self, holder: functools.partial[Any], depth: int) -> None:
        for part in (holder.func, holder.args, holder.keywords):
            pair = self._find(part, depth)
            if pair is not None:
                self._swap(holder, part, pair)

    def _method(self, holder: MethodType, depth: int) -> Pair | None:
        pair = self._known_pair(holder.__func__)
        return None if pair is None else (MethodType(pair[0], holder.__self__), pair[1])

    def _fields(self, holder: Any) -> None:
        """Search the attributes of an object whose class is written in Python, not what they hold in turn."""
        kind = type(holder)
        if not _flags_of(kind) & _HEAP_TYPE or is_class(holder) or proxy_of(holder) is not None:
            return
        if any(is_subtype(base, kind) for base in _EXTENDED):
            return  # what a container's subclass holds is not looked at, and may be very much
        held = gc.get_referents(holder)
        if self._known.isdisjoint(map(id, held)) and all(type(each) is not dict for each in held):
            return  # before its attributes are asked for: since Python 3.11 that makes a dict of them, which stays
        fields = attributes_of(holder)
        if fields is None or not holds_any(fields, self._known):  # so it is with nearly every object
            return
        for _, value in items_of(fields):
            pair = self._known_pair(value)
            if pair is not None:
                self._swap(holder, value, pair)

    def _attributes(self, holder: Any, depth: int) -> None:
        self._values(vars(holder), depth + 1)

    def _frozen(self, holder: Iterable[Any], depth: int) -> None:
        values = holder.values() if type(holder) is MappingProxyType else holder
        if not self._is_large(holder) and any(self._known_pair(value) is not None for value in list(values)):
            self._note(f"in a {type(holder).__name__}, which cannot be changed")

    def _cached(self, holder: Any, depth: int) -> None:
        if self._known_pair(holder.__wrapped__) is not None:
            self._note("in a cache (functools.lru_cache), which cannot be changed")

    def _is_large(self, holder: Any) -> bool:
        self.looked += min(len(holder), MOST_ITEMS)
        return len(holder) > MOST_ITEMS


def holding_keys(entries: dict[str, Any]) -> list[str]:
    """List the names of a module that are containers, and its classes that have some: what others register with."""
    home = entries.get("__name__")
    found = []
    for key, value in items_of(entries):
        if _is_special(key):
            continue
        if is_class(value):
            body = namespace_of(value)
            if body.get("__module__") != home:
                continue
            held = [raw for name, raw in items_of(body) if not _is_special(name)]
        else:
            held = [value]
        if any(id(type(raw)) in _CONTAINERS for raw in held):
            found.append(key)
    return found


def _is_special(key: Any) -> bool:
    return type(key) is not str or (key.startswith("__") and key.endswith("__"))


_CONTAINERS = frozenset(map(id, (dict, defaultdict, OrderedDict, list, set, deque)))
_METHODS = (staticmethod, classmethod)
_WITHIN: dict[int, Callable[[Search, Any, int], Pair | None]] = {
    **dict.fromkeys(map(id, (dict, defaultdict, OrderedDict)), Search._values),
    **dict.fromkeys(map(id, (list, set, deque)), Search._items),
    **dict.fromkeys(map(id, (functools.partialmethod, functools.cached_property)), Search._attributes),
    **dict.fromkeys(map(id, (frozenset, MappingProxyType)), Search._frozen),
    id(tuple): Search._tuple,
    id(functools.partial): Search._partial,
    id(MethodType): Search._method,
    id(functools._lru_cache_wrapper): Search._cached,
}
