"""Runs of digits: found once a text, and judged in turn as card, social security and phone number."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

_BLOCK = re.compile(rb"0[0 ().\-/]{6,}")
# Decimal fractions are stepped over because they make up most of the numbers in traffic (embeddings, scores) and are
# never an identifier.
_START = re.compile(r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))(?<![0-9][.,])(?![0-9]*\.[0-9]+(?![0-9.]))")
_GROUP = re.compile(r"[0-9]+")
# An escape as in JSON is no part of the word that follows it: `\nMobile` reads `mobile`.
_WORD = re.compile(r"\\[nrt]|[^\W\d_]+")
_NOT_CODE = re.compile(r"[^A-Za-z0-9]")
_MOST_GROUPS = 4096
_SMALLEST = 7
_UNSPACED = "\u2e80"


@attrs.define  # frozen ones take 1 us more to make
class Run:
    """Digits with separators between them.

    Attributes:
        start, end: where it stands in the text, with a leading ``+`` or bracket.
        groups: the digit groups as (start, end).
        digits: all its digits.
        glued: whether a letter or a hyphenated code touches it, so that it is a piece of some identifier.
    """

    start: int
    end: int
    groups: list[tuple[int, int]]
    digits: str
    glued: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the groups."""
        return tuple(end - start for start, end in self.groups)


def find_runs(text: str, shape: bytes) -> Iterator[Run]:
    """Yield every run of at least seven digits, in order.

    Args:
        text: the text.
        shape: its shape.
    """
    for block in _BLOCK.finditer(shape):
        first, last = block.span()
        written = text[first:last]
        if written.isdigit():
            if not _START.match(text, first):
                continue
            groups, digits = [(first, last)], written
        else:
            groups = [group.span() for group in _GROUP.finditer(text, first, last)]
            skipped = 0
            while skipped < len(groups) and not _START.match(text, groups[skipped][0]):
                skipped += 1
            groups = groups[skipped : skipped + _MOST_GROUPS]
            if not groups:
                continue
            first, last = groups[0][0], groups[-1][1]
            digits = "".join([text[start:end] for start, end in groups])
        if len(digits) >= _SMALLEST:
            start = first
            while start > 0 and text[start - 1] in "+(" and first - start < 2:
                start -= 1
            yield Run(start, last, groups, digits, _is_glued(text, start, last))


def words_before(lower: str, start: int, reach: int = 48) -> list[str]:
    """Return the words in the characters before a place, nearest last.

    Args:
        lower: the text in lower case.
        start: the place.
        reach: how many characters to look back.
    """
    return _WORD.findall(lower, max(0, start - reach), start)


def _is_glued(text: str, start: int, end: int) -> bool:
    after = text[end : end + 2]
    # Scripts without spaces write a word directly behind a number.
    if after and ((after[0].isalnum() and after[0] < _UNSPACED) or after[0] == "_"):
        return True
    if len(after) == 2 and after[0] in "-:" and after[1].isalnum():
        return True
    if start:
        before = text[start - 1]
        if before in "-:" and start >= 2 and text[start - 2].isalnum():
            piece = _NOT_CODE.split(text[max(0, start - 13) : start - 1])[-1]
            return any(map(str.isdigit, piece))
        return before in "#$€£"
    return False
