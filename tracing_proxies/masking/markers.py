"""What stands in a masked text: one fixed marker per class, none of which echoes or numbers the value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
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
NATIONAL_ID: Final = "[national id]"
PASSPORT: Final = "[passport]"
DRIVER_LICENSE: Final = "[driver license]"
BANK_ACCOUNT: Final = "[bank account]"
VEHICLE: Final = "[vehicle]"
BIRTH_DATE: Final = "[birth date]"
COORDINATES: Final = "[coordinates]"
ADDRESS: Final = "[address]"
WALLET: Final = "[wallet]"
WEBSITE: Final = "[website]"
HIDDEN: Final = "[hidden]"
FAILED: Final = "[masking failed]"
TOO_DEEP: Final = "[too deep to mask]"
TOO_LARGE: Final = "[too large to mask]"

BY_CLASS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "secrets": SECRET,
        "url_credentials": CREDENTIALS,
        "email": EMAIL,
        "iban": IBAN,
        "payment_card": CARD,
        "us_ssn": SSN,
        "national_id": NATIONAL_ID,
        "passport": PASSPORT,
        "driver_license": DRIVER_LICENSE,
        "bank_account": BANK_ACCOUNT,
        "vehicle": VEHICLE,
        "birth_date": BIRTH_DATE,
        "coordinates": COORDINATES,
        "street_address": ADDRESS,
        "crypto_wallet": WALLET,
        "website": WEBSITE,
        "ip": IP,
        "mac": MAC,
        "phone": PHONE,
    }
)
"""The marker of each class, by the name that ``detect:`` gives it."""

ALL: Final = frozenset({*BY_CLASS.values(), HIDDEN, FAILED, TOO_DEEP, TOO_LARGE})

LETTERS: Final = "bcdfghjklmnpqrst"
"""What a pseudonym is made of, a letter for each hexadecimal digit: no word and no number can come about."""
TOKEN_LENGTH: Final = 20
LABEL: Final = r"[a-z][a-z0-9_\- ]{0,39}"
_DISGUISES: Final = (
    rf"\[{LABEL}(?::[{LETTERS}]{{{TOKEN_LENGTH}}}|~[A-Za-z0-9_-]{{38,}}|\*[0-9A-Za-z]{{4}}"
    r"|: [0-9]{1,12} (?:characters|items))\]"
)


def compile_markers(labels: Iterable[str] = ()) -> re.Pattern[str]:
    """Compile what finds a marker in any of its forms, with those of the usual classes and of some more.

    Args:
        labels: the names of the user's detectors.
    """
    plain = sorted({*ALL, *(f"[{label}]" for label in labels)}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, plain), _DISGUISES]))


_MARKER = compile_markers()


def replace(name: str, value: str) -> str:
    """Return what stands for a value of a class.

    Args:
        name: the class.
        value: what was found; no part of it is used.
    """
    return BY_CLASS.get(name) or f"[{name}]"


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
