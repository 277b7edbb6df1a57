"""One source executed twice, as two modules of one name: the one is woven, the other never seen by the weaver."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tests.weaving.support import woven
from tracing_proxies.recording.span import Span

NAME = "twin_module"


def make_module(source: str, name: str = NAME) -> ModuleType:
    """Execute a source as a module that is in ``sys.modules`` meanwhile (dataclasses look there), and not afterwards."""
    module = sys.modules[name] = ModuleType(name)
    try:
        exec(compile(textwrap.dedent(source), f"<{name}>", "exec"), vars(module))
    finally:
        del sys.modules[name]
    return module


@contextmanager
def twins(source: str, *rules: tuple[str, dict[str, Any]] | str) -> Iterator[tuple[Any, Any, list[Span]]]:
    """Make both modules, weave the second by patterns without their module part (``C.m``), and yield both."""
    untraced, traced = make_module(source), make_module(source)
    sys.modules[NAME] = traced
    try:
        full = [f"{NAME}:{rule}" if isinstance(rule, str) else (f"{NAME}:{rule[0]}", rule[1]) for rule in rules]
        with woven(*full) as spans:
            yield untraced, traced, spans
    finally:
        del sys.modules[NAME]


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
