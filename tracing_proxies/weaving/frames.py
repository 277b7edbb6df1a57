"""Tells statically which functions look at the frames above their own, where a wrapper's frame would stand in the way.

``sys._getframe(1)``, ``inspect.currentframe().f_back`` and ``inspect.stack()`` find the caller by counting frames. What
counts is how many frames up a function looks, and how many calls below the woven function it stands. Warnings and log
records are not among them: their counting passes over our frames (see ``internal``).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tracing_proxies.registry.fields import is_subtype, mro_of, namespace_of
from tracing_proxies.weaving.frame_code import FAR, names_in, own_need, takes_by_alias
from tracing_proxies.weaving.proxies import is_woven, raw_of
from tracing_proxies.weaving.suspects import Suspects, library_of

_MOST_FUNCTIONS = 2_000


class FrameSearch:
    """Answers for many functions, and looks at each of them once."""

    def __init__(self) -> None:
        self._suspects = Suspects()

    def arrived(self, module: str) -> None:
        """Look at the functions of a module whose body has just ended."""
        self._suspects.arrived(module)

    def frames_above(self, function: Any, owner: type | None = None) -> int:
        """Count how many frames above its own a function looks, itself or in what it calls within its library.

        Args:
            function: a raw function; anything else counts as 0.
            owner: the class that holds it, whose other methods it may call.

        Returns:
            0 for one that any wrapper may call; 64 for one that looks through the whole stack.
        """
        if type(function) is not FunctionType:
            return 0
        return self._need(function, owner, {})

    def _need(self, function: FunctionType, owner: type | None, known: dict[int, int]) -> int:
        code = function.__code__
        if id(code) in known or len(known) >= _MOST_FUNCTIONS:
            return known.get(id(code), 0)
        known[id(code)] = 0  # recursion adds nothing
        most = FAR if takes_by_alias(code, function.__globals__) else own_need(code)
        if most < FAR:
            for called in self._called(function, owner, code):
                below = self._need(called, owner, known)
                most = max(most, below if below >= FAR else below - 1)
        known[id(code)] = most
        return most

    def _called(self, function: FunctionType, owner: type | None, code: CodeType) -> Iterator[FunctionType]:
        library = library_of(function.__module__)
        for cell in function.__closure__ or ():
            try:
                held = cell.cell_contents
            except ValueError:  # an empty cell
                continue
            yield from _functions(held, library)
        # Nearly always nothing is left here; following every name would cost 85 us a function, not 2.
        suspects = self._suspects.of(library)
        names = suspects.intersection(names_in(code)) if suspects else suspects
        for name in names:
            found = function.__globals__.get(name)
            if type(found) is not ModuleType:
                yield from _functions(found, library)
        if not names:
            return
        for module in [function.__globals__.get(name) for name in code.co_names]:
            if type(module) is ModuleType and library_of(module.__name__) == library:
                for name in names & module.__dict__.keys():
                    yield from _functions(module.__dict__[name], library)
        for base in mro_of(owner) if owner is not None else ():
            namespace = namespace_of(base)
            for name in names & namespace.keys():
                yield from _functions(namespace[name], library)


def _functions(found: Any, library: str) -> Iterator[FunctionType]:
    """Yield the functions that run when an object is called, as far as they belong to a library."""
    if is_woven(found):  # one that was woven before whoever calls it is looked at
        found = raw_of(found)
    kind = type(found)
    if kind is FunctionType:
        if library_of(found.__module__) == library or "__wrapped__" in found.__dict__:
            yield found
    elif kind in (classmethod, staticmethod):
        yield from _functions(found.__func__, library)
    elif is_subtype(type, kind) and library_of(namespace_of(found).get("__module__")) == library:
        for name in ("__init__", "__new__"):
            yield from _functions(namespace_of(found).get(name), library)
