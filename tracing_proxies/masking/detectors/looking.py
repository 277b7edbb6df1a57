"""What one look at a text tells: its lower case and shape, where anchors stand, and which forms may be in it."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.masking.checks import iban_length
from tracing_proxies.masking.detectors.anchors import Anchors
from tracing_proxies.masking.detectors.forms import forms_of
from tracing_proxies.masking.detectors.kinds import Look, Looked, Part
from tracing_proxies.masking.detectors.shape import TABLE, shape_of


def look_in_python(parts: Sequence[Part]) -> Look:
    """Return what looks at a text for some parts: the original of what is compiled (hot/gate.c).

    Args:
        parts: those that have anchors.
    """
    anchors = Anchors(part.anchors for part in parts)

    def look(text: str) -> Looked:
        lower = lower_evenly(text)
        shape = shape_of(text)
        return lower, shape, anchors.places(lower), forms_of(shape)

    return look


def look_compiled(parts: Sequence[Part], plain: set[str]) -> Look:
    """Return the same, compiled; it leaves out the places that a part's guard turns away, and forms likewise.

    Args:
        parts: those that have anchors.
        plain: names that tell of no secret.
    """
    literals: dict[str, list[tuple[Any, ...]]] = {}
    for number, part in enumerate(parts):
        guard = part.guard
        for anchor in part.anchors:
            spelt = guard.spelt and tuple(spelling for spelling in guard.spelt if spelling.lower() == anchor)
            literals.setdefault(anchor, []).append(
                (
                    number,
                    guard.begins,
                    guard.ends and anchor[-1].isalpha(),
                    len(anchor) <= guard.meant,
                    guard.named,
                    guard.before,
                    guard.behind,
                    guard.least,
                    guard.reach,
                    guard.sign,
                    spelt,
                )
            )
    look: Look = hot.Gate(literals, plain, lower_evenly, TABLE, _countries()).look
    return look


def _countries() -> bytes:
    """Return for each two letters whether they are a country with IBANs."""
    return bytes(bool(iban_length(first + second)) for first in ascii_uppercase for second in ascii_uppercase)


def make_look(parts: Sequence[Part], plain: set[str]) -> Look:
    """Return what looks at a text for some parts.

    Args:
        parts: those that have anchors.
        plain: names that tell of no secret.
    """
    return look_in_python(parts) if hot is None else look_compiled(parts, plain)


def lower_evenly(text: str) -> str:
    """Return a text in lower case at equal length: a character of which there would be more stays as it is."""
    lower = text.lower()
    if len(lower) != len(text):
        return "".join(low if len(low := character.lower()) == 1 else character for character in text)
    return lower
