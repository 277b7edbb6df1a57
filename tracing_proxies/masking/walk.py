"""The walk through one value: keys first, then texts, with bounds on depth and size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

from tracing_proxies import failures
from tracing_proxies.masking import hits, markers
from tracing_proxies.masking.checks import is_card_number
from tracing_proxies.masking.detectors.words import tells
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.keys import fold_path, split_name
from tracing_proxies.masking.known import MOST_LOOKED_AT, Known
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.repeats import SHORTEST
from tracing_proxies.masking.replacing import Replacer, TextMasker
from tracing_proxies.masking.strategies import Strategy, disguise, label_of, shape_of
from tracing_proxies.registry.fields import MISSING, is_subtype, model_fields, read_field

MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_JSON = 64 * 1024
_DEEPEST_LEARNT = 16

_JSON_STARTS = frozenset('{["')
_JSON_IN_STRING = frozenset("{[\\")
# How a value is treated: below 0 it is hidden, and the bits of its negative tell which of the strict policies have not
# shown it yet; above _FORCED it falls under the strategy that the rest says.
_SHOW = 0
_EXEMPT = 1
_FORCED = 10
_GONE: Any = object()
_LEFT_OUT = " more characters>"
_LONGEST_CUT = 120
_SEQUENCES = (list, tuple, set, frozenset)
_WALKED = frozenset((dict, list, tuple))


class Walk:
    """Masks one structure.

    Args:
        rules: the compiled policy.
        texts: masks the texts.
        replacer: tells what kind of value a text is.
        known: what has been learnt under these rules.
        key: what pseudonyms and encryption are made with.
    """

    __slots__ = ("_key_of_tokens", "_keys_decide", "_known", "_nodes", "_paths", "_replacer", "_rules", "_texts")

    def __init__(
        self, rules: MaskingRules, texts: TextMasker, replacer: Replacer, known: Known, key: MaskingKey | None
    ) -> None:
        self._rules = rules
        self._texts = texts
        self._replacer = replacer
        self._nodes = 0
        self._paths = rules.needs_path
        self._known = known
        self._keys_decide = rules.keys_decide
        self._key_of_tokens = key

    def mask(self, obj: Any) -> Any:
        """Return the masked copy of a value that stands under no key."""
        return self._value(obj, 0, "", "", -(2 ** len(self._rules.shows) - 1))

    def _value(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        """Mask one value, and answer for its failure.

        Args:
            obj: the value.
            depth: how many containers it lies in.
            label: its key, if that tells what the value is.
            path: its folded keys, where a pattern needs them.
            mode: below 0 hides every scalar, _SHOW applies the detectors, _EXEMPT copies, above _FORCED disguises.
        """
        self._nodes += 1
        if self._nodes > MAX_NODES:
            return markers.TOO_LARGE
        try:
            kind = type(obj)
            if kind is str:
                if mode != _SHOW:
                    return self._text(obj, depth, label, path, mode)
                if obj in self._known.texts.get(label, ()):
                    return obj
                if self._keys_decide and depth <= _DEEPEST_LEARNT:
                    return self._text_again(obj, depth, label)
                # Here what is in JSON text may depend on the keys that it lies below, or is too deep to be read.
                masked = self._text(obj, depth, label, path, mode)
                if masked is obj and obj[:1] not in _JSON_STARTS:
                    self._known.learn_text(obj, label)
                return masked
            if obj is None or kind is bool:
                return obj
            if kind is int or kind is float:
                return self._number(obj, label, mode)
            if depth >= MAX_DEPTH:
                return markers.TOO_DEEP
            if (
                depth
                and mode == _SHOW
                and self._keys_decide
                and kind in _WALKED
                and (left := self._known.leaves(obj, MOST_LOOKED_AT, label)) >= 0
            ):
                self._nodes += MOST_LOOKED_AT - left
                return obj
            if isinstance(obj, dict):
                return self._mapping(obj, depth, path, mode)
            if kind is list or kind is tuple or (isinstance(obj, _SEQUENCES) and model_fields(kind) is None):
                return self._sequence(obj, depth, label, path, mode)
            return self._other(obj, depth, label, path, mode)
        except Exception as exc:
            failures.contain("masking", exc)
            return markers.FAILED

    def _text_again(self, text: str, depth: int, label: str) -> str:
        """Mask a text that nothing but itself and its label decide on, and learn what becomes of it."""
        repeats, mark, before = self._known.repeats, b"", hits.counted
        if len(text) >= SHORTEST:
            mark = repeats.mark(text, label)
            recalled = repeats.recall(mark)
            if recalled is not None:
                return recalled
            before = hits.counted.copy()
        masked = self._text(text, depth, label, "", _SHOW)
        if masked is text:
            self._known.learn_text(text, label)
        elif mark and self._nodes < MAX_NODES:
            repeats.learn(mark, masked, before)
        return masked

    def _mapping(self, obj: dict[Any, Any], depth: int, path: str, mode: int) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        keys = self._known.keys if self._keys_decide and mode == _SHOW else None
        texts = self._known.texts
        for key, value in obj.items():
            known = None if keys is None else keys.get(key) if type(key) is str else None
            if known is not None and known[0] not in masked and self._nodes < MAX_NODES:
                new_key, strategy, label = known
                kind = type(value)
                if strategy:
                    entry = self._entry(key, value, obj, depth, "", mode)
                    if entry is not _GONE:
                        masked[new_key] = entry
                elif (
                    value is None
                    or kind is bool
                    or (kind is str and value in texts[label])
                    or ((kind is int or kind is float) and -1e6 < value < 1e6)
                ):
                    self._nodes += 1
                    masked[new_key] = value
                else:
                    masked[new_key] = self._value(value, depth + 1, label, "", mode)
                continue
            if self._nodes >= MAX_NODES:
                masked[markers.TOO_LARGE] = None
                break
            name = key if isinstance(key, str) else ""
            new_key = self._key(key, depth, mode)
            if new_key in masked:
                new_key = _free_name(str(new_key), masked)
            below = f"{path}.{fold_path(name)}" if self._paths else ""
            entry = self._entry(name, value, obj, depth, below, mode)
            if entry is not _GONE:
                masked[new_key] = entry
            if keys is not None and type(key) is str:
                self._known.learn_key(key, (self._key(key, depth, mode), self._rules.strategy(key), label_for(key)))
        return masked

    def _entry(self, name: str, value: Any, siblings: dict[Any, Any], depth: int, path: str, mode: int) -> Any:
        if name:
            rules = self._rules
            strategy = rules.strategy(name, path)
            if strategy and not ("logprob" in siblings and name == "token" and not rules.listed(name, path)):
                return self._disguised(strategy, value, depth, name, path, mode)
            if mode <= _EXEMPT:
                if rules.allow and rules.allow.holds(name, path):
                    mode = _EXEMPT
                elif mode < 0:
                    mode = self._shown(name, path, mode)
        return self._value(value, depth + 1, "" if mode == _EXEMPT else label_for(name), path, mode)

    def _disguised(self, strategy: Strategy, value: Any, depth: int, name: str, path: str, mode: int) -> Any:
        """Return what becomes of the value under a key that asks for a strategy."""
        if mode == _EXEMPT:
            strategy = self._rules.tighter.find(name, path)
            if not strategy:
                return self._value(value, depth + 1, "", path, mode)
        if mode > _FORCED:
            strategy = max(strategy, Strategy(mode - _FORCED))
        hits.counted[hits.BY_KEY] += 1
        if strategy is Strategy.REMOVE:
            return _GONE
        # What is absent stays so: a missing password tells nothing, and it explains many failures.
        if value is None:
            return None
        if strategy == Strategy.HIDE:
            return markers.HIDDEN
        if strategy == Strategy.SHAPE and isinstance(value, (dict, list, tuple, set, frozenset)):
            return shape_of(value)
        return self._value(value, depth + 1, label_for(name), path, _FORCED + strategy)

    def _shown(self, name: str, path: str, mode: int) -> int:
        """Return what holds below a key under strict policies."""
        pending = -mode
        for bit, names in enumerate(self._rules.shows):
            if pending >> bit & 1 and names.holds(name, path):
                pending &= ~(1 << bit)
        return -pending

    def _key(self, key: Any, depth: int, mode: int) -> Any:
        if mode == _EXEMPT:
            return key
        if isinstance(key, str):
            return key if key in self._rules.allow_texts else self._texts.mask(key)
        # A number or a tuple as a key is structure, which strict leaves alone; the detectors still see it.
        return self._value(key, depth + 1, "", "", _SHOW)

    def _sequence(self, obj: Iterable[Any], depth: int, label: str, path: str, mode: int) -> Any:
        items: list[Any] = []
        for item in obj:
            if self._nodes >= MAX_NODES:
                items.append(markers.TOO_LARGE)
                break
            items.append(self._value(item, depth + 1, label, path, mode))
        if isinstance(obj, list):
            return items
        if isinstance(obj, tuple):
            same = (
                type(obj) is tuple and len(items) == len(obj) and all(a is b for a, b in zip(items, obj, strict=True))
            )
            return obj if same else tuple(items)
        return frozenset(items) if isinstance(obj, frozenset) else set(items)

    def _text(self, text: str, depth: int, label: str, path: str, mode: int) -> str:
        if mode == _EXEMPT or not text or (text[0] == "[" and markers.is_marker(text)):
            return text
        if text in self._rules.allow_texts and mode < _FORCED:
            return text
        if text[0] in _JSON_STARTS and depth < MAX_DEPTH and len(text) <= MAX_JSON and _may_be_json(text):
            parsed = _parse(text)
            if parsed is not None:
                return self._json(text, parsed, depth, label, path, mode)
        if mode < 0:
            hits.counted[hits.BY_KEY] += 1
            return markers.HIDDEN
        if mode >= _FORCED:
            return self._token(text, label, mode)
        if text.endswith(_LEFT_OUT):
            text = _without_cut_word(text)
        return self._texts.mask(text, label)

    def _token(self, text: str, label: str, mode: int) -> str:
        """Return what stands for a text that its key disguises; its kind is the detector's that knows it as a whole."""
        detector = self._replacer.whole(text, label)
        kind = markers.HIDDEN[1:-1] if detector is None else label_of(detector)
        return disguise(Strategy(mode - _FORCED), kind, text, self._key_of_tokens)

    def _json(self, text: str, parsed: Any, depth: int, label: str, path: str, mode: int) -> str:
        masked = self._value(parsed, depth + 1, label, path, mode)
        if masked == parsed:
            return text
        return json.dumps(masked, ensure_ascii=False, separators=(",", ":"))

    def _number(self, number: int | float, label: str, mode: int) -> Any:
        if mode < 0:
            hits.counted[hits.BY_KEY] += 1
            return markers.HIDDEN
        if mode >= _FORCED:
            return self._token(str(number), label, mode)
        if mode == _EXEMPT or not (1e6 <= number < 1e19):
            return number
        if type(number) is float and not number.is_integer():
            return number
        digits = str(int(number))
        if is_card_number(digits):
            return digits if digits in self._rules.allow_texts else markers.CARD
        if label and type(number) is int:
            masked = self._texts.mask(digits, label)
            return number if masked is digits else masked
        return number

    def _other(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        if isinstance(obj, (bytes, bytearray)):
            raw = bytes(obj)
            try:
                text, codec = raw.decode("utf-8"), "utf-8"
            except UnicodeDecodeError:
                text, codec = raw.decode("latin-1"), "latin-1"
            masked = self._text(text, depth, label, path, mode)
            return raw if masked is text else masked.encode(codec)
        if isinstance(obj, str):
            return self._text(str.__str__(obj), depth, label, path, mode)
        if isinstance(obj, int):
            return self._number(int.__index__(obj), label, mode)
        if isinstance(obj, float):
            return self._number(float.__float__(obj), label, mode)
        if is_subtype(Enum, type(obj)):
            return self._value(read_field(obj, "value"), depth + 1, label, path, mode)
        fields = model_fields(type(obj))
        if fields is not None:
            found = {name: read_field(obj, name) for name in fields}
            return self._mapping({n: v for n, v in found.items() if v is not MISSING}, depth, path, mode)
        raise TypeError(f"cannot mask a value of type {type(obj).__name__}")


@lru_cache(maxsize=4096)
def label_for(name: str) -> str:
    """Return what stands before a text for its key, if that tells what it is: ``home phone: `` for ``homePhone``."""
    blank = markers.blank(name)
    return f"{' '.join(split_name(blank))}: " if name and tells(blank) else ""


def _without_cut_word(text: str) -> str:
    """Leave out the word before the note that capture has cut a text: it may be the half of what a detector knows."""
    end = text.rfind("<")
    start = end
    while start > max(0, end - _LONGEST_CUT) and not text[start - 1].isspace():
        start -= 1
    return text if start >= end else f"{text[:start]}…{text[end:]}"


def _free_name(name: str, taken: dict[Any, Any]) -> str:
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


def _may_be_json(text: str) -> bool:
    """Tell by its ends whether a text may be a JSON object or array, or a JSON string that holds JSON in turn."""
    if text[0] == '"':
        return text[-1] == '"' and text[1:2] in _JSON_IN_STRING
    return text.rstrip()[-1:] in ("}", "]")


def _parse(text: str) -> Any:
    """Return the JSON value of a text, None if it has none or one that a dict cannot hold (a key twice)."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key twice")
    return entries
