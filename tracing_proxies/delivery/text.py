"""Turns any text or JSON-like value into text that UTF-8 and JSON can carry; nothing here raises."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

_MAX_DEPTH = 64
_MAX_DIGITS = 4000  # Python refuses to print longer integers


def clean(text: str) -> str:
    r"""Return ``text`` with every lone surrogate written out as ``\udXXX``.

    Inside JSON text that is the JSON escape of the same code unit, so nothing is lost there.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def to_bytes(text: str) -> bytes:
    """Return ``text`` in UTF-8, repaired as ``clean`` does."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def to_json(value: Any) -> str:
    """Return ``value`` as JSON text.

    What JSON cannot hold is replaced: NaN and the infinities inside containers by null, integers over 64 bits stay
    digits, lone surrogates become escapes, unknown objects their type's name, nesting over 64 levels an ellipsis.
    """
    try:
        return orjson.dumps(value).decode()
    except (TypeError, ValueError, RecursionError):  # orjson's JSONEncodeError is a TypeError
        return json.dumps(_plain(value, _MAX_DEPTH), ensure_ascii=False, separators=(",", ":"))


def to_attribute(value: Any) -> str:
    """Return a metadata value as Langfuse wants it: strings raw, everything else as JSON text."""
    if type(value) is str:
        return value
    if type(value) is float and not math.isfinite(value):
        return repr(value)
    return to_json(value)


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return clean(value)
    if kind is int:
        return value if value.bit_length() < 3 * _MAX_DIGITS else f"<int of {value.bit_length()} bits>"
    if kind is float:
        return value if math.isfinite(value) else None
    if value is None or kind is bool:
        return value
    if depth <= 0:
        return "…"
    if kind is dict:
        return {to_key(key): _plain(item, depth - 1) for key, item in list(value.items())}
    if kind in (list, tuple):
        return [_plain(item, depth - 1) for item in list(value)]
    return f"<{kind.__name__}>"


def to_key(key: Any) -> str:
    """Return a mapping's key as text without calling the application's code."""
    if type(key) is str:
        return clean(key)
    if key is None or type(key) in (bool, float):
        return str(key)
    return str(_plain(key, 0))
