"""Texts that are nothing but an id: with no words around them, form and check digits have to be enough."""

from __future__ import annotations

from tracing_proxies.masking.checks import luhn
from tracing_proxies.masking.detectors import codes
from tracing_proxies.masking.detectors.kinds import Part
from tracing_proxies.masking.detectors.national import is_timestamp
from tracing_proxies.masking.detectors.schemes import ALONE, ALONE_IN_GROUPS, aba

_NO_SEPARATORS = str.maketrans("", "", " -./")


def number(text: str) -> str:
    """Return the class of a number."""
    digits = text.translate(_NO_SEPARATORS)
    if "." in text or not digits.isdigit() or len(set(digits)) < 3 or (digits == text and is_timestamp(digits)):
        return ""
    size = len(digits)
    if 13 <= size <= 19 and digits[0] in "13456" and luhn(digits):
        return "payment_card"
    checks = ALONE.get(size, ()) if digits == text else (*ALONE.get(size, ()), *ALONE_IN_GROUPS.get(size, ()))
    if any(check(digits) for check in checks):
        return "bank_account" if len(digits) == 9 and aba(digits) else "national_id"
    return ""


def code(text: str) -> str:
    """Return the class of a code of letters and digits."""
    return codes.class_of(text.translate(_NO_SEPARATORS))


PARTS = (
    Part(("national_id", "bank_account", "payment_card"), whole=number),
    Part(("national_id", "passport", "driver_license", "vehicle"), whole=code),
)
