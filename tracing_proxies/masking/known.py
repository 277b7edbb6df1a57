"""What masking has learnt: keys and short texts that come again and again, and are left alone each time.

Most of what is captured is made of few keys, states and names. A structure of nothing but these is known to hold
nothing to mask by a look at each of its parts (0.1 us a part, not 1), and is not copied.
"""

from __future__ import annotations

from typing import Any

from tracing_proxies.masking.pairs import VALUES
from tracing_proxies.masking.strategies import Strategy

KnownKey = tuple[str, Strategy, str]
"""What becomes of an entry: its masked key, the strategy that the key asks for, and what its value is labelled."""

MOST_LOOKED_AT = 2_000
_MOST_KEYS = 4_096
_MOST_TEXTS = 8_192
_LONGEST = 64
_LARGEST_NUMBER = 1e6
_DEEPEST = 16


class Known:
    """Remembers keys and texts under one set of rules; holds nothing in which anything was found.

    Attributes:
        keys: what becomes of the entries under a key, where nothing but the key decides on that.
        texts: short texts that the detectors leave alone where they stand under no telling key, and that are no JSON.
    """

    __slots__ = ("_plain", "keys", "texts")

    def __init__(self) -> None:
        self.keys: dict[str, KnownKey] = {}
        self.texts: set[str] = set()
        self._plain: set[str] = set()

    def learn_key(self, key: str, known: KnownKey) -> None:
        """Remember what becomes of a key."""
        if key and len(key) <= _LONGEST and len(self.keys) < _MOST_KEYS:
            self.keys[key] = known
            new_key, strategy, label = known
            if new_key == key and not strategy and not label and key not in VALUES:
                self._plain.add(key)

    def learn_text(self, text: str) -> None:
        """Remember a text that was left alone."""
        if len(text) <= _LONGEST:
            if len(self.texts) >= _MOST_TEXTS:
                self.texts.clear()
            self.texts.add(text)

    def leaves(self, value: Any, left: int, depth: int = 0) -> int:
        """Tell whether a value holds only what is known to be left alone.

        Args:
            value: builtins.
            left: how many parts may be looked at.

        Returns:
            How many of these are left; a negative number if something in it has to be masked, or looked at closely.
        """
        kind = type(value)
        if kind is dict:
            left -= len(value)
            if left < 0 or depth > _DEEPEST:
                return -1
            plain, texts = self._plain, self.texts
            for key, item in value.items():
                if key not in plain:
                    return -1
                kind = type(item)
                if kind is str:
                    if item not in texts:
                        return -1
                elif kind is int or kind is float:
                    if not -_LARGEST_NUMBER < item < _LARGEST_NUMBER:
                        return -1
                elif item is not None and kind is not bool:
                    left = self.leaves(item, left, depth + 1)
                    if left < 0:
                        return -1
            return left
        if kind is list:
            left -= len(value)
            if left < 0 or depth > _DEEPEST:
                return -1
            for item in value:
                left = self.leaves(item, left, depth + 1)
                if left < 0:
                    return -1
            return left
        if kind is str:
            return left if value in self.texts else -1
        if kind is int or kind is float:
            return left if -_LARGEST_NUMBER < value < _LARGEST_NUMBER else -1
        return left if value is None or kind is bool else -1
