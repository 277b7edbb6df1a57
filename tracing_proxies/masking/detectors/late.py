"""Regular expressions that are compiled when they are first used: few processes see what most of them are for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

_FUNCTIONS: Final = ("match", "search", "fullmatch", "finditer", "findall")


class Late:
    """A regular expression.

    To compile the hundred of the detectors takes 16 ms, half of what a process's first span costs. Once compiled, its
    functions are those of the compiled pattern itself, which takes its place in the module that has made it: a call
    through what is left here would take 40 ns more, 2 % of what a short text costs.

    Args:
        pattern: as for ``re.compile``.
        flags: likewise.
    """

    __slots__ = ("_flags", "_home", "_pattern", *_FUNCTIONS)

    match: Callable[..., re.Match[str] | None]
    search: Callable[..., re.Match[str] | None]
    fullmatch: Callable[..., re.Match[str] | None]
    finditer: Callable[..., Iterator[re.Match[str]]]
    findall: Callable[..., list[Any]]

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = pattern
        self._flags = flags
        self._home = sys._getframe(1).f_globals

    def __getattr__(self, name: str) -> Any:
        """Compile the pattern: only what has no function yet is asked this way."""
        if name not in _FUNCTIONS:
            raise AttributeError(name)
        made = re.compile(self._pattern, self._flags)
        for function in _FUNCTIONS:
            setattr(self, function, getattr(made, function))
        for held in [held for held, value in self._home.items() if value is self]:
            self._home[held] = made
        return getattr(made, name)
