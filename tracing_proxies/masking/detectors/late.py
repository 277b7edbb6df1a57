"""Regular expressions that are compiled when they are first used: few processes see what most of them are for."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any


class Late:
    """A regular expression.

    To compile the hundred of the detectors takes 16 ms, half of what a process's first span costs. Once compiled, its
    functions are those of the compiled pattern itself, which takes its place in the module that has made it: a call
    through what is left here would take 40 ns more, 2 % of what a short text costs.

    Args:
        pattern: as for ``re.compile``.
        flags: likewise.
    """

    __slots__ = ("_flags", "_home", "_pattern", "findall", "finditer", "fullmatch", "match", "search")

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = pattern
        self._flags = flags
        self._home = sys._getframe(1).f_globals
        self.match: Callable[..., re.Match[str] | None] = partial(self._first, "match")
        self.search: Callable[..., re.Match[str] | None] = partial(self._first, "search")
        self.fullmatch: Callable[..., re.Match[str] | None] = partial(self._first, "fullmatch")
        self.finditer: Callable[..., Iterator[re.Match[str]]] = partial(self._first, "finditer")
        self.findall: Callable[..., list[Any]] = partial(self._first, "findall")

    def _first(self, name: str, *args: Any) -> Any:
        made = re.compile(self._pattern, self._flags)
        self.match, self.search, self.fullmatch = made.match, made.search, made.fullmatch
        self.finditer, self.findall = made.finditer, made.findall
        for held in [held for held, value in self._home.items() if value is self]:
            self._home[held] = made
        return getattr(made, name)(*args)
