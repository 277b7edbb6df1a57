"""IBANs: country, length and remainder all have to fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracing_proxies.masking.checks import iban_length, mod97
from tracing_proxies.masking.detectors.kinds import Found, Part

# Anchored on the two check digits: they are rarer than the two letters before them.
_HEAD = re.compile(r"[0-9]{2}(?<=[A-Za-z]{2}..)(?:(?<![A-Za-z0-9]....)|(?<=\\[nrt]....))(?=[ \u00a0\-]?[A-Za-z0-9]{4})")
_SEPARATORS = " -\u00a0"


def find(text: str, lower: str) -> Iterator[Found]:
    """Yield every IBAN, written together or in groups."""
    for head in _HEAD.finditer(text):
        start = head.start() - 2
        length = iban_length(text[start : start + 2].upper())
        if length and not _continues_a_code(text, start):
            end = _end_of(text, start, length)
            if end:
                yield start, end


def _end_of(text: str, start: int, length: int) -> int:
    """Return where an IBAN of that many characters ends, 0 if there is none."""
    taken: list[str] = []
    at = start
    while at < len(text) and len(taken) < length:
        character = text[at]
        if character.isascii() and character.isalnum():
            taken.append(character)
        elif character not in _SEPARATORS or text[at - 1] in _SEPARATORS:
            return 0
        at += 1
    if len(taken) < length or (at < len(text) and text[at].isalnum()):
        return 0
    return at if _is_grouped(text[start:at]) and mod97("".join(taken).upper()) else 0


def _continues_a_code(text: str, start: int) -> bool:
    return start >= 2 and text[start - 1] == "-" and text[start - 2].isalnum()


def _is_grouped(written: str) -> bool:
    """Tell whether hyphens stand after every fourth character, if there are any: one UUID in some 97 has the check
    digits of an IBAN somewhere, but never its groups."""
    *groups, last = written.split("-")
    return len(last) <= 4 and all(len(group) == 4 for group in groups) if groups else True


PARTS = (Part("iban", search=find),)
