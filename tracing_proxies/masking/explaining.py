"""Says of a text or a structure what would be masked in it, where, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from tracing_proxies.masking import markers
from tracing_proxies.masking.engine import Masker
from tracing_proxies.masking.keys import fold_path
from tracing_proxies.masking.pairs import VALUES, named
from tracing_proxies.masking.strategies import Strategy

MAX_JSON = 64 * 1024


@attrs.frozen
class Masked:
    """One place that is masked.

    Args:
        place: a column of the text, counted from 1, or the keys that lead there.
        by: what hides it: a detector's name, a key, the policy.
        why: the same in words.
        strategy: what becomes of the value.
        value: what stood there.
        instead: what stands there now.
    """

    place: str
    by: str
    why: str
    strategy: Strategy
    value: str
    instead: str


def explain(masker: Masker, text: str) -> tuple[str, list[Masked]]:
    """Mask a text as the value of a span would be, and say what was masked.

    Args:
        text: one line, or a document of JSON.

    Returns:
        The masked text, and its places in order.
    """
    masked = masker.value(text)
    if type(masked) is not str:
        return markers.FAILED, [Masked("", "masking", "masking failed", Strategy.HIDE, text, markers.FAILED)]
    return masked, list(_texts(masker, text, masked, "", "", ""))


def _values(masker: Masker, value: Any, masked: Any, place: str, folded: str, key: str) -> Iterator[Masked]:
    """Yield what differs, by walking through both in step."""
    if isinstance(value, dict) and isinstance(masked, dict):
        yield from _entries(masker, value, masked, place, folded)
    elif isinstance(value, list) and isinstance(masked, list):
        for at, (item, now) in enumerate(zip(value, masked, strict=False)):
            yield from _values(masker, item, now, f"{place}[{at}]", folded, key)
    elif isinstance(value, str) and isinstance(masked, str):
        yield from _texts(masker, value, masked, place, folded, key)
    elif value != masked:
        yield from _whole(masker, json.dumps(value), str(masked), place, key)


def _entries(
    masker: Masker, value: dict[str, Any], masked: dict[str, Any], place: str, folded: str
) -> Iterator[Masked]:
    left = iter(masked.items())
    for key, item in value.items():
        path = f"{folded}.{fold_path(key)}"
        strategy, by = masker.rules.strategy(key, path), key
        if key in VALUES and (name := named(value, key)):
            beside = f"{folded}.{fold_path(name)}"
            if (other := masker.rules.strategy(name, beside)) > strategy:
                strategy, by, path = other, name, beside
        # A key may be personal itself: places are told by what has become of it.
        name, now = (masker.text(key), None) if strategy is Strategy.REMOVE else next(left, (markers.FAILED, None))
        inner = f"{place}.{name}" if place else name
        if strategy is Strategy.REMOVE:
            yield Masked(inner, "key", _of_key(masker, by, path), strategy, _short(item), "")
            continue
        if name != key:
            yield from _found(masker, key, name, f"key {inner}", "")
        if strategy and now != item:
            shown = now if isinstance(now, str) else json.dumps(now, ensure_ascii=False)
            yield Masked(inner, "key", _of_key(masker, by, path), strategy, _short(item), shown)
        else:
            yield from _values(masker, item, now, inner, path, key)


def _texts(masker: Masker, text: str, masked: str, place: str, folded: str, key: str) -> Iterator[Masked]:
    if text == masked:
        return
    if text[:1] in ("{", "[", '"') and len(text) <= MAX_JSON:
        try:
            yield from _values(masker, json.loads(text), json.loads(masked), place, folded, key)
            return
        except (ValueError, RecursionError):
            pass
    yield from _found(masker, text, masked, place, key)


def _found(masker: Masker, text: str, masked: str, place: str, key: str) -> Iterator[Masked]:
    notes = masker.notes(text, key)
    if not notes:
        yield from _whole(masker, text, masked, place, key)
    for note in notes:
        at = f"{place}, column {note.start + 1}" if place else f"column {note.start + 1}"
        by_key = masker.rules.listed(note.detector, f".{note.detector}")
        why = "the registry names the key before it" if by_key else f"the detector {note.detector} has found it"
        yield Masked(
            at, "key" if by_key else note.detector, why, note.strategy, text[note.start : note.end], note.instead
        )


def _whole(masker: Masker, value: str, masked: str, place: str, key: str) -> Iterator[Masked]:
    if masker.rules.shows and masked == markers.HIDDEN:
        yield Masked(place, "policy", "the policy is strict, and nothing shows it", Strategy.HIDE, value, masked)
        return
    notes = masker.notes(value, key)
    by = notes[0].detector if notes else "masking"
    why = f"the detector {by} has found it" if notes else "it is beyond the limits of size or depth"
    yield Masked(place, by, why, Strategy.HIDE, value, masked)


def _of_key(masker: Masker, key: str, path: str) -> str:
    listed = masker.rules.keys.find(key, path) or masker.rules.tighter.find(key, path)
    name = masker.text(key)
    return f"the registry names the key {name!r}" if listed else f"the key {name!r} is one of the usual names"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
