"""What stands in a masked text: a marker per class, which neither echoes nor numbers the value unless it is to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

EMAIL: Final = "[email]"
PHONE: Final = "[phone]"
CARD: Final = "[card]"
IBAN: Final = "[iban]"
SSN: Final = "[ssn]"
IP: Final = "[ip]"
MAC: Final = "[mac]"
SECRET: Final = "[secret]"
CREDENTIALS: Final = "[credentials]"
HIDDEN: Final = "[hidden]"
FAILED: Final = "[masking failed]"
TOO_DEEP: Final = "[too deep to mask]"
TOO_LARGE: Final = "[too large to mask]"

ALL: Final = frozenset(
    {EMAIL, PHONE, CARD, IBAN, SSN, IP, MAC, SECRET, CREDENTIALS, HIDDEN, FAILED, TOO_DEEP, TOO_LARGE}
)

LETTERS: Final = "bcdfghjklmnpqrst"
"""What a pseudonym is made of, a letter for each hexadecimal digit: no word and no number can come about."""
TOKEN_LENGTH: Final = 20
_FORMS: Final = (
    rf"\[[a-z][a-z0-9_]{{0,39}}(?::[{LETTERS}]{{{TOKEN_LENGTH}}}|~[A-Za-z0-9_-]{{38,}}|\*[0-9A-Za-z]{{4}}"
    r"|: [0-9]{1,12} (?:characters|items))\]"
)


def compile_markers(labels: Iterable[str] = ()) -> re.Pattern[str]:
    """Compile what finds a marker, with those of the usual classes and of some more.

    Args:
        labels: the names of the user's detectors.
    """
    plain = sorted({*ALL, *(f"[{label}]" for label in labels)}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, plain), _FORMS]))


_MARKER = compile_markers()


def blank(text: str, marker: re.Pattern[str] = _MARKER) -> str:
    """Return the text with the words inside its markers wiped, at equal length.

    A marker must not serve as context for the next pass: the word in ``[phone]`` would turn a number that stands beside
    it into a phone number, and masking twice would differ from masking once.

    Args:
        marker: what finds one.
    """
    if "[" not in text:
        return text
    return marker.sub(_wipe, text)


def is_marker(text: str) -> bool:
    """Tell whether a text is one marker and nothing else, in any of their forms."""
    return text in ALL or (text[:1] == "[" and _MARKER.fullmatch(text) is not None)


def _wipe(match: re.Match[str]) -> str:
    return "[" + "\0" * (len(match[0]) - 2) + "]"
