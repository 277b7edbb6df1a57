"""Runs of digits: found once a text, and judged in turn as card, social security and phone number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from tracing_proxies.compiled import hot

_BLOCK = re.compile(r"0[0 ().\-/]{6,}")
# Decimal fractions are stepped over because they make up most of the numbers in traffic (embeddings, scores) and are
# never an identifier.
_START = re.compile(r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))(?<![0-9][.,])(?![0-9]*\.[0-9]+(?![0-9.]))")
_GROUP = re.compile(r"[0-9]+")
# An escape as in JSON is no part of the word that follows it: `\nMobile` reads `mobile`.
_WORD = re.compile(r"\\[nrt]|[^\W\d_]+")
_NOT_CODE = re.compile(r"[^A-Za-z0-9]")
_SMALLEST = 7
_SPACES = frozenset(" (")
# `…-Office` says what a number is; `…-AB` and `…-4c` go on with it.
_PLAIN_WORD = re.compile(r"[^\W\d_]{3,16}(?![\w\-])").match
_OPENERS = frozenset("+(")
_LETTERS = frozenset("Aa_")
_LINKS = frozenset("-:")
_WORDS = frozenset("0Aa")


class Run(NamedTuple):
    """Digits with separators between them.

    Attributes:
        start, end: where it stands in the text, with a leading ``+`` or bracket.
        groups: the digit groups as (start, end).
        digits: all its digits.
        glued: whether a letter or a hyphenated code touches it, so that it is a piece of some identifier.
        shape: the lengths of the groups.
    """

    start: int
    end: int
    groups: list[tuple[int, int]]
    digits: str
    glued: bool
    shape: tuple[int, ...]

    @property
    def spelled(self) -> bool:
        """Whether each digit stands by itself, as transcripts of what was said write numbers."""
        return len(self.groups) == len(self.digits)


def find_runs(text: str, shape: str) -> list[Run]:
    """Return every run of at least seven digits, in order.

    Args:
        text: the text.
        shape: its shape.
    """
    runs: list[Run] = []
    for block in _BLOCK.finditer(shape):
        first, last = block.span()
        written = text[first:last]
        # A number behind a space, and not before a point, needs no closer look at where it begins.
        plain = (first == 0 or shape[first - 1] in _SPACES) and "." not in shape[first:last]
        if written.isdigit():
            if not plain and not _START.match(text, first):
                continue
            groups, digits = [(first, last)], written
        else:
            groups = [group.span() for group in _GROUP.finditer(text, first, last)]
            skipped = 0
            while not plain and skipped < len(groups) and not _START.match(text, groups[skipped][0]):
                skipped += 1
            if skipped:
                groups = groups[skipped:]
                if not groups:
                    continue
                first = groups[0][0]
            last = groups[-1][1]
            digits = "".join([text[start:end] for start, end in groups])
        if len(digits) >= _SMALLEST:
            start = first
            if start and shape[start - 1] in _OPENERS:
                start -= 1
                if start and shape[start - 1] in _OPENERS:
                    start -= 1
            sizes = tuple([end - begin for begin, end in groups])
            runs.append(Run(start, last, groups, digits, _is_glued(text, shape, start, last), sizes))
    return runs


def _runs_compiled(text: str, shape: str) -> list[Run]:
    runs: list[Run] = hot.runs(text, shape, Run)
    return runs


runs_in: Callable[[str, str], list[Run]] = find_runs if hot is None else _runs_compiled
"""As ``find_runs``, compiled where it can be."""
_words: Callable[[str, int, int], list[str]] = _WORD.findall if hot is None else hot.words


def words_before(lower: str, start: int, reach: int = 48) -> list[str]:
    """Return the words in the characters before a place, nearest last.

    Args:
        lower: the text in lower case.
        start: the place.
        reach: how many characters to look back.
    """
    return _words(lower, max(0, start - reach), start)


def _is_glued(text: str, shape: str, start: int, end: int) -> bool:
    # Scripts without spaces write a word directly behind a number; their letters have no shape.
    if end < len(shape):
        after = shape[end]
        if after in _LETTERS:
            return True
        if after in _LINKS and end + 1 < len(shape) and shape[end + 1] in _WORDS and not _PLAIN_WORD(text, end + 1):
            return True
    if start:
        before = shape[start - 1]
        if before in _LINKS:
            if start >= 2 and shape[start - 2] in _WORDS:
                piece = _NOT_CODE.split(text[max(0, start - 13) : start - 1])[-1]
                return any(map(str.isdigit, piece))
        elif before not in _SPACES:
            return text[start - 1] in "#$€£"
    return False
