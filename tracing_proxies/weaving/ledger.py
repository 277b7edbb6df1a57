"""Every change that weaving makes to the application's namespaces, so that it can be taken back exactly."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import attrs

from tracing_proxies.failures import contain

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "<absent>"})()


@attrs.frozen(eq=False)
class Mutation:
    """One replaced entry: what stood raw in the owner's ``__dict__`` before, and what we put there."""

    owner: type | ModuleType
    name: str
    before: Any
    after: Any


class Ledger:
    """Replaces entries of classes and modules, and puts the raw entries back in reverse order."""

    def __init__(self) -> None:
        self._mutations: list[Mutation] = []

    def __len__(self) -> int:
        return len(self._mutations)

    def replace(self, owner: type | ModuleType, name: str, after: Any) -> Mutation:
        """Put an entry into a namespace, and remember the raw one.

        Args:
            owner: the class or module.
            name: the key in its ``__dict__``; it may be absent there.
            after: the new entry, stored as it is.

        Returns:
            The mutation, as it was recorded.

        Raises:
            TypeError: the owner is a C type, which refuses new entries.
        """
        mutation = Mutation(owner, name, vars(owner).get(name, ABSENT), after)
        setattr(owner, name, after)
        self._mutations.append(mutation)
        return mutation

    def covers(self, owner: type | ModuleType, name: str) -> bool:
        """Tell whether an entry is one that ``undo`` restores."""
        return any(mutation.owner is owner and mutation.name == name for mutation in self._mutations)

    def undo(self) -> list[Mutation]:
        """Restore every namespace, last change first.

        Returns:
            The mutations that were left in place because something else has been put over them since (another
            library's wrapper, for instance); the caller makes those pass through.
        """
        covered: list[Mutation] = []
        while self._mutations:
            mutation = self._mutations.pop()
            now = vars(mutation.owner).get(mutation.name, ABSENT)
            if now is mutation.before:  # somebody, a mock.patch around us for instance, has put it back already
                continue
            if now is not mutation.after:
                covered.append(mutation)
                continue
            try:
                if mutation.before is ABSENT:
                    delattr(mutation.owner, mutation.name)
                else:
                    setattr(mutation.owner, mutation.name, mutation.before)
            except Exception as exc:  # one namespace that refuses must not keep the others from being restored
                contain("undo", exc)
                covered.append(mutation)
        return covered
