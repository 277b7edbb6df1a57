"""Learns of the subclasses of some classes, present and future."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.registry.fields import namespace_of
from tracing_proxies.weaving.ledger import ABSENT, Keeper, Ledger, Mutation


class SubclassWatch:
    """Reports every subclass of the classes that it watches, each once.

    Args:
        ledger: records the hooks that are put on the classes.
        found: called with the class itself and with each subclass.
    """

    def __init__(self, ledger: Ledger, found: Callable[[type], None]) -> None:
        self._ledger = ledger
        self._found = found
        self._watched: dict[int, weakref.ref[type]] = {}
        # By id, since a metaclass may forbid hashing; with a reference, since a new class may get a dead one's id.
        self._reported: dict[int, weakref.ref[type]] = {}
        self._hooks: dict[int, weakref.ref[Mutation]] = {}
        self._asked: set[int] | None = None

    def begin(self) -> None:
        """Begin to be asked anew which classes to watch, and to report all of their subclasses once more."""
        self._reported.clear()
        self._asked = set()

    def conclude(self) -> None:
        """Watch those no longer that have not been asked for since ``begin``."""
        asked, self._asked = self._asked, None
        for key in [key for key in self._watched if asked is not None and key not in asked]:
            base, hook = self._watched.pop(key)(), self._hooks.pop(key, None)
            mutation = hook() if hook is not None else None
            if base is not None and mutation is not None:
                try:
                    mutation.take_back()  # left where it is under another one, and reports nothing from now on
                except Exception as exc:
                    contain("undo", exc)

    def watch(self, base: type) -> None:
        """Report the subclasses of a class, and those that are defined from now on."""
        key = id(base)
        if self._asked is not None:
            self._asked.add(key)
        if self._is_watched(base):
            if self._asked is not None:
                self._walk(base)
            return
        self._watched[key] = weakref.ref(base, lambda gone: _drop(self._watched, key, gone))
        try:
            self._hook(base)
        except Exception as exc:  # a class that refuses new attributes; its subclasses are found by sweeping
            contain("weave", exc)
        self._walk(base)

    def sweep(self) -> None:
        """Look again, for classes whose own ``__init_subclass__`` does not call ``super()``."""
        for reference in list(self._watched.values()):
            base = reference()
            if base is not None:
                self._walk(base)

    def forget(self) -> None:
        """Report nothing any more."""
        self._watched.clear()
        self._reported.clear()
        self._hooks.clear()

    def _walk(self, base: type) -> None:
        waiting = [base]
        while waiting:
            cls = waiting.pop()
            if not self._is_reported(cls):
                self._report(cls)
            waiting += type.__subclasses__(cls)

    def _is_watched(self, base: type) -> bool:
        reference = self._watched.get(id(base))
        return reference is not None and reference() is base

    def _is_reported(self, cls: type) -> bool:
        reference = self._reported.get(id(cls))
        return reference is not None and reference() is cls

    def _report(self, cls: type) -> None:
        key = id(cls)
        self._reported[key] = weakref.ref(cls, lambda gone: _drop(self._reported, key, gone))
        try:
            self._found(cls)
        except Exception as exc:  # within a class statement of the application
            contain("weave", exc)

    def _hook(self, base: type) -> None:
        before = namespace_of(base).get("__init_subclass__", ABSENT)
        watch = self
        keeper: Keeper = {}  # lives with the hook, and the hook with its class

        # A plain classmethod: through a wrapt proxy the new class would arrive as None.
        def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
            __tracebackhide__ = True
            if before is ABSENT:
                super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
            else:
                before.__get__(None, cls)(**kwargs)
            if keeper and watch._is_watched(base):
                watch._report(cls)

        hook: Any = classmethod(__init_subclass__)
        mutation = self._ledger.replace(base, "__init_subclass__", hook, keeper)
        key = id(base)
        self._hooks[key] = weakref.ref(mutation, lambda gone: _drop(self._hooks, key, gone))


def _drop(known: dict[int, weakref.ref[Any]], key: int, gone: weakref.ref[Any]) -> None:
    if known.get(key) is gone:
        del known[key]
