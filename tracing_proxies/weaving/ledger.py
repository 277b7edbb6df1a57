"""Every change that weaving makes to what the application holds, so that it can be taken back exactly."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.registry.fields import namespace_of
from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.holders import swap
from tracing_proxies.weaving.modules import entries_of, is_module

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "<absent>"})()

Owner = type | ModuleType | dict[str, Any]


class Mutation:
    """One replaced entry: what stood raw in a namespace or container before, and what we put there.

    Args:
        owner: the class; or the dict of a module's namespace; or the container; an ``_Owner`` stands for what is to be
            freed as without us.
        name: the key in the namespace, None for a container.
    """

    __slots__ = ("__weakref__", "_owner", "after", "before", "name")

    def __init__(self, owner: Any, name: str | None, before: Any, after: Any) -> None:
        self._owner = owner
        self.name = name
        self.before = before
        self.after = after

    @property
    def owner(self) -> Any:
        """What was changed; None if it is gone."""
        owner = self._owner
        return owner() if type(owner) is _Owner else owner

    def take_back(self) -> bool:
        """Put back what stood before.

        Returns:
            False if something else stands there by now, which is left alone.
        """
        owner = self.owner
        if owner is None:
            return True
        if self.name is None:
            return swap(owner, self.after, self.before)
        now = _read(owner, self.name)
        if now is self.before:  # somebody, a mock.patch around us for instance, has put it back already
            return True
        if now is not self.after:
            return False
        put(owner, self.name, self.before)
        return True


Keeper = dict[int, Mutation]


class _Owner(weakref.ref[Any]):
    """Refers to what was changed; when it is gone, its keeper forgets the mutation."""

    __slots__ = ("keeper", "serial")

    keeper: Keeper
    serial: int


class _Logged(weakref.ref[Mutation]):
    __slots__ = ("serial",)

    serial: int


class Ledger:
    """Replaces entries of classes, modules and containers, and puts the raw entries back in reverse order.

    Whoever passes a ``keeper`` owns the mutations in it: the ledger itself refers to them, and to classes, weakly, so
    that a class which the application drops is freed together with what we know of it.
    """

    def __init__(self) -> None:
        self._serials = itertools.count()
        self._log: dict[int, _Logged] = {}
        self._kept: Keeper = {}
        self._gone = self._forget  # bound once

    def __len__(self) -> int:
        return len(self._log)

    def replace(self, owner: Owner, name: str, after: Any, keeper: Keeper | None = None) -> Mutation:
        """Put an entry into a namespace, and remember the raw one.

        Args:
            owner: the class, module, or namespace of a module.
            name: the key in its ``__dict__``; it may be absent there.
            after: the new entry, stored as it is.
            keeper: what the mutation lives with; the ledger itself if nothing is named.

        Returns:
            The mutation, as it was recorded.

        Raises:
            TypeError: the owner is a C type, which refuses new entries.
        """
        held = entries_of(owner) if is_module(owner) else owner
        before = _read(held, name)
        put(held, name, after)
        return self.note(held, name, before, after, keeper)

    def note(self, owner: Any, name: str | None, before: Any, after: Any, keeper: Keeper | None = None) -> Mutation:
        """Record a change that has been made already."""
        serial = next(self._serials)
        kept = self._kept if keeper is None else keeper
        mutation = kept[serial] = Mutation(_reference(owner, kept, serial), name, before, after)
        logged = _Logged(mutation, self._gone)
        logged.serial = serial
        self._log[serial] = logged
        return mutation

    def _forget(self, gone: _Logged) -> None:
        self._log.pop(gone.serial, None)

    def take_back(self, keepers: Iterable[Keeper], chosen: Callable[[Mutation], bool] = lambda _: True) -> None:
        """Restore what some keepers' changes have replaced, last change first, and forget those.

        What something else has been put over since is left as it is, and tried once more by ``undo``.

        Args:
            chosen: tells which of the changes are meant.
        """
        found = [(serial, keeper) for keeper in keepers for serial, mutation in items_of(keeper) if chosen(mutation)]
        for serial, keeper in sorted(found, key=lambda pair: pair[0], reverse=True):
            try:
                if keeper[serial].take_back():
                    del keeper[serial]
                    self._log.pop(serial, None)
            except Exception as exc:
                contain("undo", exc)

    def undo(self) -> list[Mutation]:
        """Restore every namespace, last change first.

        Returns:
            The mutations that were left in place because something else has been put over them since (another
            library's wrapper, for instance); the caller makes those pass through.
        """
        covered: list[Mutation] = []
        mutations = [reference() for _, reference in sorted(self._log.items(), reverse=True)]
        self._log.clear()
        self._kept.clear()
        for mutation in mutations:
            if mutation is None:
                continue
            try:
                if not mutation.take_back():
                    covered.append(mutation)
            except Exception as exc:  # one namespace that refuses must not keep the others from being restored
                contain("undo", exc)
                covered.append(mutation)
        return covered


def put(owner: Any, name: str, entry: Any) -> None:
    """Store an entry in a class or a module's namespace, or remove it, without running a ``__setattr__``."""
    if type(owner) is dict:
        if entry is ABSENT:
            owner.pop(name, None)
        else:
            owner[name] = entry
        return
    try:
        if entry is ABSENT:
            type.__delattr__(owner, name)
        else:
            type.__setattr__(owner, name, entry)
    except TypeError:  # a metaclass written in C (ctypes) insists on its own way; a C type refuses once more
        if entry is ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, entry)


def _read(owner: Any, name: str) -> Any:
    return (owner if type(owner) is dict else namespace_of(owner)).get(name, ABSENT)


def _reference(owner: Any, keeper: Keeper, serial: int) -> Any:
    try:
        reference = _Owner(owner, _forget_owner)
    except TypeError:  # containers cannot be referred to weakly
        return owner
    reference.keeper, reference.serial = keeper, serial
    return reference


def _forget_owner(gone: _Owner) -> None:
    gone.keeper.pop(gone.serial, None)
