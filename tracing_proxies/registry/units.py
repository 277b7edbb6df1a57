"""Quantities with units: byte sizes, durations, shares and rates, as they are written in a registry."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from tracing_proxies.registry.suggest import nearest

_QUANTITY: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-zµ%]*)")

_RATE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*/\s*([A-Za-zµ]+)")

BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}


class UnitError(ValueError):
    """Says why a text is not the quantity that is due.

    Args:
        message: what was found and what was expected.
        suggestion: the quantity with the nearest right unit.
    """

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


def parse_bytes(text: str) -> int:
    """Read a size such as ``8KiB`` or ``1.5MB``.

    Returns:
        The size in bytes, rounded down.

    Raises:
        UnitError: if the text is not a number with a unit of size.
    """
    return _scaled(text, BYTES, "a size such as 8KiB or 1GiB")


def parse_duration(text: str) -> int:
    """Read a duration such as ``5ms``, ``2s`` or ``7d``.

    Returns:
        The duration in nanoseconds, rounded down.

    Raises:
        UnitError: if the text is not a number with a unit of time.
    """
    return _scaled(text, NANOSECONDS, "a duration such as 5ms, 2s or 7d")


def parse_share(text: str) -> float:
    """Read a share such as ``2%``.

    Returns:
        The share between 0.0 and 1.0.

    Raises:
        UnitError: if the text is not a percentage between 0% and 100%.
    """
    share = _scaled_exact(text, {"%": 1}, "a share such as 2%") / 100
    if share > 1:
        raise UnitError(f"{text!r} is more than 100%")
    return float(share)


def parse_rate(text: str) -> tuple[float, int]:
    """Read a rate such as ``5/min``.

    Returns:
        How many, and in how many nanoseconds.

    Raises:
        UnitError: if the text is not a number above zero, a slash and a unit of time.
    """
    shown = text[:40]
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise UnitError(f"expected a rate such as 5/min, found {shown!r}")
    number, unit = found.groups()
    if unit not in NANOSECONDS:
        right = nearest(unit, NANOSECONDS)
        message = f"expected a rate such as 5/min, found {shown!r}; the units are {', '.join(NANOSECONDS)}"
        raise UnitError(message, right and f"{number}/{right}")
    if not float(number):
        raise UnitError(f"{shown!r} is none at all; write never")
    return float(number), NANOSECONDS[unit]


def _scaled(text: str, units: dict[str, int], expected: str) -> int:
    return int(_scaled_exact(text, units, expected))


def _scaled_exact(text: str, units: dict[str, int], expected: str) -> Decimal:
    found = _QUANTITY.fullmatch(text.strip())
    shown = text if len(text) <= 40 else text[:40] + "…"
    if found is None:
        raise UnitError(f"expected {expected}, found {shown!r}")
    number, unit = found.groups()
    if not unit:
        raise UnitError(f"expected {expected}, found {shown!r} without a unit")
    if unit not in units:
        right = nearest(unit, units)
        message = f"expected {expected}, found {shown!r}; the units are {', '.join(units)}"
        raise UnitError(message, right and number + right)
    return Decimal(number) * units[unit]
