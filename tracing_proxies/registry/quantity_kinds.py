"""What a key may take: a number with its unit, or a word that stands beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from tracing_proxies.registry.alerting import Limit, parse_limit
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.model import SampleRate
from tracing_proxies.registry.nodes import Node, describe
from tracing_proxies.registry.scalar_kinds import scalar
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.units import UnitError, parse_bytes, parse_duration, parse_rate, parse_share

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

T = TypeVar("T")

_SAMPLES: Final = "always, never, a share such as 10% or a rate such as 5/min"
_BUDGETS: Final = "a share of one core such as 1%, or unlimited"
_SMALLEST_BUDGET: Final = 0.0001
_SHORTEST_INTERVAL: Final = 100 * 10**6


def read_bytes(reader: Reader, node: Node, key: Key) -> int:
    return _quantity(node, parse_bytes, "a size such as 8KiB")


def read_duration(reader: Reader, node: Node, key: Key) -> int:
    return _quantity(node, parse_duration, "a duration such as 5ms")


def read_interval(reader: Reader, node: Node, key: Key) -> int:
    """Read a duration in nanoseconds; 0 stands for off."""
    text = scalar(node, "a duration such as 2s, or off").text
    if text == "off":
        return 0
    if text.isalpha():
        raise Refusal("TP208", f"expected a duration such as 2s, or off, found {text!r}", node.place, "off")
    interval = _quantity(node, parse_duration, "a duration such as 2s, or off")
    if interval < _SHORTEST_INTERVAL:
        raise Refusal("TP207", f"{key.name!r} is off, or at least 100ms, not {describe(node)}", node.place, "off")
    return interval


def read_share(reader: Reader, node: Node, key: Key) -> float:
    return _quantity(node, parse_share, "a share such as 50%")


def read_sample(reader: Reader, node: Node, key: Key) -> SampleRate:
    text = scalar(node, _SAMPLES).text
    if text in ("always", "never"):
        return SampleRate(1.0 if text == "always" else 0.0)
    if text.isalpha():
        message = f"expected {_SAMPLES}, found {text[:60]!r}"
        raise Refusal("TP208", message, node.place, nearest(text, ("always", "never")))
    if "/" in text:
        many, period = _quantity(node, parse_rate, _SAMPLES)
        return SampleRate(1.0, many, period)
    return SampleRate(_quantity(node, parse_share, _SAMPLES))


def read_budget(reader: Reader, node: Node, key: Key) -> float:
    """Read a share of one core; infinite stands for unlimited."""
    text = scalar(node, _BUDGETS).text
    if text == "unlimited":
        return math.inf
    if text.isalpha():
        raise Refusal("TP208", f"expected {_BUDGETS}, found {text[:60]!r}", node.place, nearest(text, ("unlimited",)))
    share = _quantity(node, parse_share, _BUDGETS)
    if share < _SMALLEST_BUDGET:
        message = f"{key.name!r} is at least 0.01%, not {text[:40]!r}; `tracing-proxies off` ends tracing"
        raise Refusal("TP207", message, node.place)
    return share


def read_rate(reader: Reader, node: Node, key: Key) -> float:
    """Read a rate, as a number per second."""
    many, period = _quantity(node, parse_rate, "a rate such as 1/min")
    return many * 1e9 / period


def read_limit(reader: Reader, node: Node, key: Key) -> Limit:
    return _quantity(node, parse_limit, "a limit such as 2s, 5%, 30/min or 10")


def _quantity(node: Node, parse: Callable[[str], T], expected: str) -> T:
    """Return what a scalar's text is parsed to.

    Raises:
        Refusal: if it is no scalar, or the text is not what it should be.
    """
    try:
        return parse(scalar(node, expected).text)
    except UnitError as error:
        raise Refusal("TP207", error.message, node.place, error.suggestion) from None
