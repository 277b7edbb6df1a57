"""Capture paths: small expressions over a call's arguments and outcome, compiled once at load."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import attrs

from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.path_parser import Parser
from tracing_proxies.registry.path_steps import TRACE_ROOTS, Evaluate
from tracing_proxies.registry.path_tokens import PathError
from tracing_proxies.registry.path_values import truth

__all__ = ["CapturePath", "PathError", "Scope", "compile_path", "compile_trace_path"]


class Scope(Protocol):
    """Is what a path is evaluated on: one call. Each attribute may be MISSING.

    Args:
        args: the arguments by parameter name.
        positional: the positional arguments as they were passed.
        error: the exception that left the call, None if there was none.
    """

    @property
    def args(self) -> Mapping[str, Any]: ...
    @property
    def positional(self) -> tuple[Any, ...]: ...
    @property
    def self(self) -> Any: ...
    @property
    def result(self) -> Any: ...
    @property
    def error(self) -> BaseException | None: ...


@attrs.frozen(eq=False, repr=False)
class CapturePath:
    """A compiled expression.

    Args:
        text: the expression as it was written.
        names: the parameter names that it uses.
        roots: which of args, self, result, error and env it reads.
        reads: each path in it that is not piped to `hash`, as its root and its names.
    """

    text: str
    names: frozenset[str]
    roots: frozenset[str]
    reads: tuple[tuple[str, ...], ...]
    _value: Evaluate = attrs.field(repr=False)
    _subject: Evaluate = attrs.field(repr=False)

    def __call__(self, scope: Any) -> Any:
        """Evaluate on a call; whatever is absent or odd is MISSING, never an exception."""
        try:
            return self._value(scope)
        except Exception:  # a property that was forced with `!`, or data that changes meanwhile, may raise anything
            return MISSING

    def holds(self, scope: Any) -> bool:
        """Judge the expression as a condition, without calling any foreign `__bool__`."""
        return truth(self(scope))

    def matched(self, scope: Scope) -> Any:
        """Return the value that a condition was judged on: of ``result.status == "failed"`` it is `result.status`."""
        try:
            return self._subject(scope)
        except Exception:  # as above
            return MISSING


@lru_cache(maxsize=8_192)
def compile_path(text: str) -> CapturePath:
    """Compile an expression over a call.

    Raises:
        PathError: at its first mistake.
    """
    return _compile(text, Parser(text))


@lru_cache(maxsize=1_024)
def compile_trace_path(text: str) -> CapturePath:
    """Compile an expression over a whole trace, such as ``duration > 8s``; it is evaluated on what has those names.

    Raises:
        PathError: at its first mistake.
    """
    return _compile(text, Parser(text, TRACE_ROOTS, units=True))


def _compile(text: str, parser: Parser) -> CapturePath:
    expression = parser.parse()
    return CapturePath(
        text,
        frozenset(parser.names),
        frozenset(parser.roots),
        tuple(dict.fromkeys(parser.reads)),
        expression.value,
        expression.subject,
    )
