"""The filters of capture paths: ``| len | hash | type | first(3) | round(2) | startswith("…") | endswith("…")``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import attrs

from tracing_proxies.registry.fields import MISSING, type_name
from tracing_proxies.registry.path_values import DEEPEST, MOST_ITEMS, is_a, length, plain

_LONGEST_HASHED = 1_000_000


@attrs.frozen(eq=False, repr=False)
class Filter:
    """One filter: what it does to a value, and the exact type of its argument.

    Args:
        apply: takes the value and the argument, or the value alone where `argument` is None.
        doc: what comes of it.
        argument: `int` or `str`, or None for a filter without one.
        default: the argument where none is written; None if one must be.
    """

    apply: Callable[..., Any]
    doc: str
    argument: type | None = None
    default: Any = None


def _type(value: Any) -> str:
    return type_name(type(value))


def _first(value: Any, count: int) -> Any:
    if is_a(value, str):
        return str.__str__(value)[:count]
    for kind in (list, tuple):
        if is_a(value, kind):
            return list(islice(kind.__iter__(value), min(count, MOST_ITEMS)))
    return MISSING


def _round(value: Any, digits: int) -> Any:
    number = plain(value)
    return round(number, digits) if type(number) in (int, float, Decimal) else MISSING


def _startswith(value: Any, prefix: str) -> bool:
    text = plain(value)
    return type(text) is str and text.startswith(prefix)


def _endswith(value: Any, suffix: str) -> bool:
    text = plain(value)
    return type(text) is str and text.endswith(suffix)


def _hash(value: Any) -> Any:
    canonical: list[str] = []
    if not _write(value, canonical, 0):
        return MISSING
    text = "".join(canonical).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text[:_LONGEST_HASHED], key=_key(), digest_size=8).hexdigest()


@lru_cache(maxsize=1)
def _key() -> bytes:
    """Return the key of `hash`; without TRACING_PROXIES_HASH_KEY a random one, so that no table can invert it."""
    given = os.environ.get("TRACING_PROXIES_HASH_KEY", "")
    return hashlib.blake2b(given.encode("utf-8", "surrogateescape")).digest() if given else os.urandom(32)


def _write(value: Any, out: list[str], depth: int) -> bool:
    """Write builtin data in one fixed form; False if a foreign object or too much of it stands in the way."""
    scalar = plain(value)
    if scalar is not MISSING:
        out.append(f"{type(scalar).__name__}:{scalar!s};")
        return True
    if depth >= DEEPEST or len(out) > MOST_ITEMS * 10 or (length(value) or 0) > MOST_ITEMS:
        return False
    if is_a(value, dict):
        out.append("{")
        pairs = list(dict.items(value))
        whole = all(_write(k, out, depth + 1) and _write(v, out, depth + 1) for k, v in pairs)
        out.append("}")
        return whole
    for kind in (list, tuple):
        if is_a(value, kind):
            out.append("[")
            whole = all(_write(item, out, depth + 1) for item in kind.__iter__(value))
            out.append("]")
            return whole
    return False


FILTERS: Final = {
    "len": Filter(length, "the length of a text or collection"),
    "hash": Filter(_hash, "16 letters that are the same for the same value, and tell nothing of it"),
    "type": Filter(_type, "the name of the value's type"),
    "first": Filter(_first, "the first so many items or characters", int),
    "round": Filter(_round, "the number with so many decimals", int, 0),
    "startswith": Filter(_startswith, "whether a text starts like this", str),
    "endswith": Filter(_endswith, "whether a text ends like this", str),
}
