"""What stands in a masked text: one fixed marker per class, none of which echoes or numbers the value."""

from __future__ import annotations

import re
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

_MARKER = re.compile("|".join(re.escape(marker) for marker in sorted(ALL)))


def blank(text: str) -> str:
    """Return the text with the words inside its markers wiped, at equal length.

    A marker must not serve as context for the next pass: the word in ``[phone]`` would turn a number that stands beside
    it into a phone number, and masking twice would differ from masking once.
    """
    if "[" not in text:
        return text
    return _MARKER.sub(_wipe, text)


def _wipe(match: re.Match[str]) -> str:
    return "[" + "\0" * (len(match[0]) - 2) + "]"
