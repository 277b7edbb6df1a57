"""One source executed twice, as two modules of one name: the one is woven, the other never seen by the weaver."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

from tests.weaving.support import woven
from tracing_proxies.recording.span import Span

NAME = "twin_module"
_PYTHONS_OWN = ("__annotations__", "__slotnames__", "__abstractmethods__")  # put there when they are asked for


def make_module(source: str, name: str = NAME) -> ModuleType:
    """Execute a source as a module that is in ``sys.modules`` meanwhile, where dataclasses look, and not afterwards."""
    module = sys.modules[name] = ModuleType(name)
    try:
        exec(_compile(source, name), vars(module))
    finally:
        del sys.modules[name]
    return module


@lru_cache(maxsize=64)
def _compile(source: str, name: str) -> CodeType:
    return compile(textwrap.dedent(source), f"<{name}>", "exec")


@contextmanager
def twins(
    source: str, *rules: tuple[str, dict[str, Any]] | str, exact: bool = True
) -> Iterator[tuple[Any, Any, list[Span]]]:
    """Make both modules, weave the second by patterns without their module part (``C.m``), and yield both.

    Afterwards every namespace of the second must be as before, by identity; what Python itself writes into one, as
    protocols and pickle do, it has written into the first as well.

    Args:
        exact: False where something is put over our entries, and is to stay.
    """
    untraced, traced = make_module(source), make_module(source)
    before = namespaces(untraced), namespaces(traced)
    sys.modules[NAME] = traced
    try:
        full = [f"{NAME}:{rule}" if isinstance(rule, str) else (f"{NAME}:{rule[0]}", rule[1]) for rule in rules]
        with woven(*full) as spans:
            yield untraced, traced, spans
    finally:
        del sys.modules[NAME]
    if exact:
        assert changes(before[1], namespaces(traced)) <= changes(before[0], namespaces(untraced))


@contextmanager
def in_place(module: ModuleType) -> Iterator[None]:
    """Let one of the twins be found by its name, for what looks there."""
    held = sys.modules[NAME]
    sys.modules[NAME] = module
    try:
        yield
    finally:
        sys.modules[NAME] = held


def namespaces(module: ModuleType) -> dict[str, dict[str, Any]]:
    """Copy the namespaces of a module, of its classes, and of the descriptors in them, by their places."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[tuple[str, Any]] = [(module.__name__, module)]
    while waiting:
        place, owner = waiting.pop()
        entries = found[place] = dict(vars(owner))
        for name, entry in entries.items():
            if isinstance(entry, type) and entry.__module__ == module.__name__:
                if f"{entry.__module__}.{entry.__qualname__}" not in found and entry is not owner:
                    waiting.append((f"{entry.__module__}.{entry.__qualname__}", entry))
            elif isinstance(owner, type) and hasattr(type(entry), "__get__") and hasattr(entry, "__dict__"):
                found[f"{place}.{name}"] = dict(vars(entry))
    return found


def changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """List the entries that are no longer the same object, or are new, by place and name."""
    return {
        (place, name)
        for place, entries in before.items()
        for name in {*entries, *after.get(place, {})}
        if name not in _PYTHONS_OWN and after.get(place, {}).get(name, changes) is not entries.get(name, changes)
    }


def outcome(question: Callable[[], Any]) -> tuple[str, Any]:
    """Return what a question answers, or the type, text and causes of what it raises."""
    try:
        return "returned", question()
    except BaseException as exc:
        return "raised", described(exc)


def described(exc: BaseException | None) -> Any:
    """Describe an exception by everything a handler can see of it but its traceback."""
    if exc is None:
        return None
    notes = tuple(getattr(exc, "__notes__", ()))
    # The text and not the arguments: the objects of two modules are never equal.
    return type(exc).__name__, str(exc), notes, described(exc.__cause__), described(exc.__context__)
