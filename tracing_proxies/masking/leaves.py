"""What becomes of the texts and numbers of one structure."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from tracing_proxies.masking import hits, markers
from tracing_proxies.masking.checks import is_card_number
from tracing_proxies.masking.detectors.words import locates, tells
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.keys import split_name
from tracing_proxies.masking.known import Known
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.repeats import SHORTEST
from tracing_proxies.masking.replacing import Replacer, TextMasker
from tracing_proxies.masking.strategies import Strategy, disguise, label_of

MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
MAX_JSON: Final = 64 * 1024

# How a value is treated: below 0 it is hidden, and the bits of its negative tell which of the strict policies have not
# shown it yet; above FORCED it falls under the strategy that the rest says.
SHOW: Final = 0
EXEMPT: Final = 1
FORCED: Final = 10
JSON_STARTS: Final = frozenset('{["')
_JSON_IN_STRING = frozenset("{[\\")
_LEFT_OUT = " more characters>"
_LONGEST_CUT = 120


class Leaves(ABC):
    """Masks texts and numbers; a text that is JSON is a structure in turn.

    Args:
        rules: the compiled policy.
        texts: masks the texts.
        replacer: tells what kind of value a text is.
        known: what has been learnt under these rules.
        key: what pseudonyms and encryption are made with.
        again: what does as ``_text_again`` for most texts in the compiled part, None where there is nothing.
    """

    __slots__ = (
        *("_again", "_key_of_tokens", "_keys_decide", "_known", "_nodes", "_paths", "_replacer", "_rules", "_texts"),
    )

    def __init__(
        self,
        rules: MaskingRules,
        texts: TextMasker,
        replacer: Replacer,
        known: Known,
        key: MaskingKey | None,
        again: Any = None,
    ) -> None:
        self._rules = rules
        self._texts = texts
        self._replacer = replacer
        self._nodes = 0
        self._paths = rules.needs_path
        self._known = known
        self._keys_decide = rules.keys_decide
        self._key_of_tokens = key
        self._again = again

    @abstractmethod
    def _value(self, obj: Any, depth: int, label: str, path: str, mode: int) -> Any:
        """Mask any value."""

    @abstractmethod
    def _value_by_keys(self, obj: Any, depth: int, label: str) -> Any:
        """Mask one value where nothing but keys decide."""

    def _text_again(self, text: str, depth: int, label: str) -> str:
        """Mask a text that nothing but itself and its label decide on, and learn what becomes of it."""
        repeats, mark = self._known.repeats, b""
        before: Mapping[str, int] = hits.counted
        if len(text) >= SHORTEST:
            mark = repeats.mark(text, label)
            recalled = repeats.recall(mark)
            if recalled is not None:
                return recalled
            before = dict(hits.counted)  # a counter's own copy takes eight times as long
        masked = self._text(text, depth, label, "", SHOW)
        if masked is text:
            self._known.learn_text(text, label)
        elif mark and self._nodes < MAX_NODES:
            repeats.learn(mark, masked, before)
        return masked

    def _text(self, text: str, depth: int, label: str, path: str, mode: int) -> str:
        if mode == EXEMPT or not text or (text[0] == "[" and markers.is_marker(text)):
            return text
        if text in self._rules.allow_texts and mode < FORCED:
            return text
        if text[0] in JSON_STARTS and depth < MAX_DEPTH and len(text) <= MAX_JSON and _may_be_json(text):
            parsed = _parse(text)
            if parsed is not None:
                return self._json(text, parsed, depth, label, path, mode)
        if mode < 0:
            hits.counted[hits.BY_KEY] += 1
            return markers.HIDDEN
        if mode >= FORCED:
            return self._token(text, label, mode)
        if text.endswith(_LEFT_OUT):
            text = _without_cut_word(text)
        return self._texts.mask(text, label)

    def _token(self, text: str, label: str, mode: int) -> str:
        """Return what stands for a text that its key disguises; its kind is the detector's that knows it as a whole."""
        detector = self._replacer.whole(text, label)
        kind = markers.HIDDEN[1:-1] if detector is None else label_of(detector)
        return disguise(Strategy(mode - FORCED), kind, text, self._key_of_tokens)

    def _json(self, text: str, parsed: Any, depth: int, label: str, path: str, mode: int) -> str:
        if mode == SHOW and self._keys_decide:
            masked = self._value_by_keys(parsed, depth + 1, label)
        else:
            masked = self._value(parsed, depth + 1, label, path, mode)
        if masked == parsed:
            return text
        return json.dumps(masked, ensure_ascii=False, separators=(",", ":"))

    def _number(self, number: int | float, label: str, mode: int) -> Any:
        if mode < 0:
            hits.counted[hits.BY_KEY] += 1
            return markers.HIDDEN
        if mode >= FORCED:
            return self._token(str(number), label, mode)
        if label and type(number) is float and mode == SHOW and locates(label):
            written = repr(number)
            masked = self._texts.mask(written, label)
            return number if masked is written else masked
        if mode == EXEMPT or not (1e6 <= number < 1e19):
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


def _may_be_json(text: str) -> bool:
    """Tell by its ends whether a text may be a JSON object or array, or a JSON string that holds JSON in turn."""
    if text[0] == '"':
        return text[-1] == '"' and text[1:2] in _JSON_IN_STRING
    return text.rstrip()[-1:] in ("}", "]")


def _parse(text: str) -> Any:
    """Return the JSON value of a text, None if it has none or one that a dict cannot hold (a key twice)."""
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key twice")
    return entries


_decode: Final = json.JSONDecoder(object_pairs_hook=_unique).decode  # `json.loads` makes a decoder each time: 3 us
