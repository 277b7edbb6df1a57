"""Texts that are nothing but an id: with no words around them, form and check digits have to be enough."""

from __future__ import annotations

import re

from tracing_proxies.masking.checks import luhn, weighted
from tracing_proxies.masking.detectors import codes
from tracing_proxies.masking.detectors.kinds import Part
from tracing_proxies.masking.detectors.national import is_timestamp
from tracing_proxies.masking.detectors.schemes import ALONE, ALONE_IN_GROUPS, aba

# In groups as books have them; by their digits alone one in eleven would be some number of a state.
_ISBN = re.compile(r"(?:97[89]-)?(?:[0-9]{1,7}-){3}[0-9]\Z").match
_NUMBERED = re.compile(r"[A-Z]{2,4}-[0-9]{5,8}\Z").match  # an order, a ticket: states write such codes together
_NO_SEPARATORS = str.maketrans("", "", " -./")


def number(text: str) -> str:
    """Return the class of a number."""
    digits = text.translate(_NO_SEPARATORS)
    if "." in text or not digits.isdigit() or len(set(digits)) < 3 or (digits == text and is_timestamp(digits)):
        return ""
    size = len(digits)
    if _ISBN(text) and _is_isbn(digits):
        return ""
    if 13 <= size <= 19 and digits[0] in "13456" and luhn(digits):
        return "payment_card"
    checks = ALONE.get(size, ()) if digits == text else (*ALONE.get(size, ()), *ALONE_IN_GROUPS.get(size, ()))
    if any(check(digits) for check in checks):
        return "bank_account" if len(digits) == 9 and aba(digits) else "national_id"
    return ""


def _is_isbn(digits: str) -> bool:
    """Tell whether digits are a book's number, by its check digit (ISO 2108)."""
    if len(digits) == 10:
        return weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11) == 0
    return weighted(digits, (1, 3) * 6 + (1,), 10) == 0


def code(text: str) -> str:
    """Return the class of a code of letters and digits."""
    if _NUMBERED(text):
        return ""
    return codes.class_of(text.translate(_NO_SEPARATORS))


PARTS = (
    Part(("national_id", "bank_account", "payment_card"), whole=number),
    Part(("national_id", "passport", "driver_license", "vehicle"), whole=code),
)
