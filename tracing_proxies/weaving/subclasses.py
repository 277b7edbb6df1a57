"""Learns of the subclasses of some classes, present and future."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.weaving.ledger import ABSENT, Ledger


class SubclassWatch:
    """Reports every subclass of the classes that it watches, each once.

    Args:
        ledger: records the hooks that are put on the classes.
        found: called with the class itself and with each subclass.
    """

    def __init__(self, ledger: Ledger, found: Callable[[type], None]) -> None:
        self._ledger = ledger
        self._found = found
        self._watched: dict[int, type] = {}
        # By id, since a metaclass may forbid hashing; with a reference, since a new class may get a dead one's id.
        self._reported: dict[int, weakref.ref[type]] = {}

    def watch(self, base: type) -> None:
        """Report the subclasses of a class, and those that are defined from now on."""
        if id(base) in self._watched:
            return
        self._watched[id(base)] = base
        try:
            self._hook(base)
        except Exception as exc:  # a class that refuses new attributes; its subclasses are found by sweeping
            contain("weave", exc)
        self._walk(base)

    def sweep(self) -> None:
        """Look again, for classes whose own ``__init_subclass__`` does not call ``super()``."""
        for base in list(self._watched.values()):
            self._walk(base)

    def forget(self) -> None:
        """Report nothing any more."""
        self._watched.clear()
        self._reported.clear()

    def _walk(self, base: type) -> None:
        waiting = [base]
        while waiting:
            cls = waiting.pop()
            if not self._is_reported(cls):
                self._report(cls)
            waiting += type.__subclasses__(cls)

    def _is_reported(self, cls: type) -> bool:
        reference = self._reported.get(id(cls))
        return reference is not None and reference() is cls

    def _report(self, cls: type) -> None:
        self._reported[id(cls)] = weakref.ref(cls)
        try:
            self._found(cls)
        except Exception as exc:  # within a class statement of the application
            contain("weave", exc)

    def _hook(self, base: type) -> None:
        before = vars(base).get("__init_subclass__", ABSENT)

        # A plain classmethod: through a wrapt proxy the new class would arrive as None.
        def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
            __tracebackhide__ = True
            if before is ABSENT:
                super(base, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]
            else:
                before.__get__(None, cls)(**kwargs)
            if id(base) in self._watched:
                self._report(cls)

        self._ledger.replace(base, "__init_subclass__", classmethod(__init_subclass__))
