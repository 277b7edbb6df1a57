"""Values as a registry would write them: texts, truth values, counts, and quantities with their units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tracing_proxies.registry.alerting import Limit
from tracing_proxies.registry.model import SampleRate
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.template import Template

_BYTES: Final = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))
_NANOSECONDS: Final = (
    ("d", 86_400 * 10**9),
    ("h", 3_600 * 10**9),
    ("min", 60 * 10**9),
    ("s", 10**9),
    ("ms", 10**6),
    ("us", 10**3),
    ("ns", 1),
)


def write_value(value: Any, kind: str = "") -> Any:
    """Write a value of a registry in plain values.

    Args:
        value: what the registry holds.
        kind: what its key takes, by which a number of bytes is told from a count.
    """
    if kind == "bytes" and type(value) is int:
        return _quantity(value, _BYTES)
    if kind == "duration" and type(value) is int:
        return _quantity(value, _NANOSECONDS)
    if isinstance(value, SampleRate):
        return write_rate(value)
    if isinstance(value, CapturePath | Template | Limit):
        return value.text
    if isinstance(value, Mapping):
        return {name: write_value(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [write_value(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def write_rate(sample: SampleRate) -> str:
    """Write how many calls of a target are recorded."""
    if sample.many is None:
        return write_share(sample.share)
    unit = next(unit for unit, size in (*_NANOSECONDS, ("w", 7 * 86_400 * 10**9), ("", 1)) if size == sample.period)
    return f"{sample.many:.9g}/{unit}"


def write_share(share: float) -> str:
    """Write how many calls are recorded."""
    if share in (0.0, 1.0):
        return "always" if share else "never"
    return f"{share * 100:.9g}%"


def _quantity(number: int, units: Sequence[tuple[str, int]]) -> str:
    unit, size = next((unit for unit in units if number and number % unit[1] == 0), units[-1])
    return f"{number // size}{unit}"
