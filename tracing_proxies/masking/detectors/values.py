"""What a secret looks like, and what only stands in its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from tracing_proxies.compiled import hot
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.shape import shape_of

_STAND_INS = frozenset(
    """none null nil true false undefined string str int number bool boolean bytes object any optional list dict
    required password passwd pass secret token key apikey username user test testing value changeme example
    sample foo bar baz incorrect invalid correct missing empty unknown default redacted hidden masked removed
    omitted secretstr text basic bearer digest negotiate cookie self this admin root disabled enabled yes no !ref !sub
    !getatt !join !select !importvalue""".split()
)
_OPENERS = "$<{%[*(&"
_HINTS = (
    *("your", "xxxx", "****", "....", "placeholder", "example", "redacted", "insert_", "changeme", "fake", "dummy"),
)
_REFERENCE = Late(r"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|->|::)[A-Za-z_][A-Za-z0-9_]*|\[[^\]]*\])*\(?\)?;?\Z")
_OPENING = frozenset("$<{")
_TEMPLATE = re.compile(r"\$\{[\w.\- :]{0,60}\}|\{\{[\w.\- :|]{0,60}\}\}|<[^<>]+>|\$\([^()]*\)").search
_CODE = Late(r"\.[a-z_]+\(|\(|\)|=>")
_DIGIT = re.compile(r"[0-9]").search
_MARK = re.compile(r"[^\w.\-]").search


def has_few_in_python(text: str) -> bool:
    """Tell whether a text is made of at most three characters: the original of what is compiled (hot/checks.c)."""
    return len(set(text)) < 4


has_few: Callable[[str], bool] = has_few_in_python if hot is None else hot.has_few
"""Tell whether a text is made of at most three characters."""


def holds_any_in_python(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a text holds any of some words: the original of what is compiled (hot/checks.c).

    An automaton for them would let other threads go first, and wait for its turn again: 30 us where this takes 0.4.
    """
    return any(word in text for word in words)


holds_any: Callable[[str, tuple[str, ...]], bool] = holds_any_in_python if hot is None else hot.holds_any
"""Tell whether a text holds any of some words."""


def is_placeholder(value: str) -> bool:
    """Tell whether a value is a variable, a sample or a marker in a secret's place."""
    if value[:1] in _OPENERS or (len(value) > 3 and has_few(value)):
        return True
    low = value.lower()
    if low.strip("\"'.,;:=") in _STAND_INS:
        return True
    return holds_any(low, _HINTS) or (not _OPENING.isdisjoint(value) and bool(_TEMPLATE(value)))


def is_filler(value: str) -> bool:
    """Tell whether a value only fills the place after a known prefix: ``xxxx``, ``your_key``."""
    low = value.lower()
    return has_few(low) or "your" in low or "xxxxxx" in low or "*" in low or "..." in low


def is_random_in_python(value: str, least: int = 16) -> bool:
    """Do as ``is_random``: the original of what is compiled (hot/checks.c)."""
    if len(value) < least or not value.isascii():
        return False
    shape = shape_of(value)
    digits = shape.count("0")
    letters = shape.count("A") + shape.count("a")
    changes = shape.count("Aa") + shape.count("aA")
    if not digits or not letters:
        # Digits alone are some number; letters alone count only when upper and lower case are shuffled.
        return digits == 0 and letters >= 24 and changes * 4 >= letters
    distinct = len(set(value.lower()))
    return distinct >= min(10, least // 2 + 2) and (digits >= 3 or changes * 5 >= letters)


class IsRandom(Protocol):
    """Tells whether a value is long and mixed enough to have been generated."""

    def __call__(self, value: str, least: int = 16, /) -> bool:
        """Tell it of one word.

        Args:
            value: the word.
            least: the shortest length that counts.
        """


is_random: IsRandom = is_random_in_python if hot is None else hot.is_random
"""Tell whether a value is long and mixed enough to have been generated."""


def is_chosen(value: str) -> bool:
    """Tell whether a value may be a password that a person chose: no bare word and no reference in code."""
    if len(value) < 4:
        return False
    if _DIGIT(value) or _MARK(value):
        return True
    mixed = value.lower() != value and value.upper() != value and value[1:] != value[1:].lower()
    return mixed and not _REFERENCE.match(value)


def is_code(value: str) -> bool:
    """Tell whether an unquoted value is an expression of a programming language."""
    return bool(_CODE.search(value)) or (
        ("." in value or "[" in value or "::" in value) and bool(_REFERENCE.match(value))
    )
