"""Keys that a vendor marks with a prefix: ``sk-``, ``ghp_``, ``AKIA`` and their like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

from tracing_proxies.masking.detectors.kinds import Begins, Guard, Part, Span
from tracing_proxies.masking.detectors.prefixes import rows
from tracing_proxies.masking.detectors.values import is_filler

_ALPHABETS = {
    "h": r"[0-9a-fA-F]{1,512}(?![A-Za-z0-9])",
    "u": r"[A-Z0-9]{1,512}(?![A-Za-z0-9])",
    "a": r"[A-Za-z0-9]{1,1024}",
    "w": r"[A-Za-z0-9_\-]{1,1024}",
    "b": r"[A-Za-z0-9+/_\-]{1,8192}={0,2}",
    "d": r"[A-Za-z0-9_\-.=~]{1,4096}",
}
_BODY = {letter: re.compile(pattern) for letter, pattern in _ALPHABETS.items()}
_Mark: TypeAlias = tuple[str, str, int, int]
# Rows of nothing but texts and numbers: the garbage collector looks at none of the three hundred twice.
_MARKS: dict[str, tuple[_Mark, ...]] = {}
for _row in rows():
    _MARKS[_row[0].lower()] = (*_MARKS.get(_row[0].lower(), ()), _row)
_NEVER_FILLER = frozenset(("AGE-SECRET-KEY-",))  # long and unmistakable: masked even where the rest is one letter
_DIGIT = re.compile(r"[0-9]").search
_PART = re.compile(r"[A-Za-z0-9]{10,}").findall


def _part(anchor: str) -> Part:
    marks = _MARKS[anchor]
    guard = Guard(
        begins=Begins.MARK,
        spelt=tuple(mark for mark, _, _, _ in marks),
        least=min(least for _, _, least, _ in marks),
    )
    return Part(("secrets",), (anchor,), partial(_read, marks), steady=True, guard=guard)


def _read(marks: tuple[_Mark, ...], text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    past = 0
    for at in places:
        if at < past or not begins_mark(text, at):
            continue
        for mark, alphabet, least, most in marks:
            # Within base64 a slash stands before anything; in a path it stands before marks that are unmistakable.
            if not text.startswith(mark, at) or (mark.isalnum() and text[at - 1 : at] == "/"):
                continue
            match = _BODY[alphabet].match(text, at + len(mark))
            if match and _is_key(mark, match[0], least, most):
                past = match.end()
                while text[past - 1] in ".-":
                    past -= 1
                yield at, past, "secrets"


def begins_mark(text: str, at: int) -> bool:
    """Tell whether a key may begin at a place, also behind an escape."""
    if not at:
        return True
    before = text[at - 1]
    if not (before.isalnum() or before in "_-.+"):
        return True
    # An escape as in JSON (`\\nsk-…`) and one as in a URL (`%3Dsk-…`) are no part of the word.
    return (before in "nrt" and text[at - 2 : at - 1] == "\\") or text[at - 3 : at - 2] == "%"


def _is_key(mark: str, rest: str, least: int, most: int) -> bool:
    size = len(rest)
    if size < least or (most and size > most):
        return False
    if mark in _NEVER_FILLER:
        return True
    if is_filler(rest):
        return False
    return _has_dense_part(rest) or _is_shuffled(rest)


def _has_dense_part(rest: str) -> bool:
    """A key has one long part with digits in it; a name such as ``sk-container-id-1`` is made of short ones."""
    return any(map(_DIGIT, _PART(rest)))


def _is_shuffled(rest: str) -> bool:
    """Letters only: upper and lower case mixed as no identifier mixes them."""
    return "_" not in rest and rest.upper() != rest and sum(map(str.isupper, rest)) * 4 > len(rest)


PARTS = tuple(_part(anchor) for anchor in _MARKS)
