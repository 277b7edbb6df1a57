"""What masking has learnt: keys and texts that come again and again, and are left alone each time.

Most of what is captured is made of few keys, states and names, and a conversation repeats all that was said before. A
structure of nothing but these is known to hold nothing to mask by a look at each of its parts (0.1 us a part, not 1),
and is not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.masking.detectors.words import locates
from tracing_proxies.masking.pairs import VALUES
from tracing_proxies.masking.repeats import Repeats
from tracing_proxies.masking.strategies import Strategy

KnownKey = tuple[str, Strategy, str]
"""What becomes of an entry: its masked key, the strategy that the key asks for, and what its value is labelled."""

Items = list[Any] | tuple[Any, ...]

MOST_LOOKED_AT = 2_000
_MOST_KEYS = 4_096
_MOST_TEXTS = 8_192
_MOST_CHARACTERS = 4_000_000
_LONGEST_KEY = 64
_LONGEST_TEXT = 16_384
_LARGEST_NUMBER = 1e6
_LARGEST_UNLABELLED = 1e12  # what has less than 13 digits is no card's number; a time in seconds is such a number
_DEEPEST = 16


class Known:
    """Remembers keys and texts under one set of rules; holds no text in which anything was found.

    Attributes:
        keys: what becomes of the entries under a key, where nothing but the key decides on that.
        labels: what the values under the keys are labelled that change nothing.
        hidden: the keys that hide their values whatever these are, and stay the same.
        texts: those that are left alone, by what they are labelled; most have no label.
        repeats: what has become of others.
    """

    __slots__ = ("_characters", "_count", "hidden", "keys", "labels", "repeats", "texts")

    def __init__(self) -> None:
        self.keys: dict[str, KnownKey] = {}
        self.texts: dict[str, set[str]] = {"": set()}
        self.labels: dict[str, str] = {}
        self.hidden: set[str] = set()
        self._count = self._characters = 0
        self.repeats = Repeats()

    def learn_key(self, key: str, known: KnownKey) -> None:
        """Remember what becomes of a key."""
        if key and len(key) <= _LONGEST_KEY and len(self.keys) < _MOST_KEYS:
            self.keys[key] = known
            new_key, strategy, label = known
            self.texts.setdefault(label, set())
            # Where only keys and texts are known, nobody sees a name beside its value, or that a fraction is a place.
            if new_key == key and not strategy and key not in VALUES and not locates(label):
                self.labels[key] = label
            # Beside a `logprob` a token is one of a text.
            elif new_key == key and strategy is Strategy.HIDE and key not in VALUES and key != "token":
                self.hidden.add(key)

    def learn_text(self, text: str, label: str) -> None:
        """Remember a text that was left alone under a label."""
        if len(text) > _LONGEST_TEXT or label not in self.texts:
            return
        self._count += 1
        self._characters += len(text)
        if self._count > _MOST_TEXTS or self._characters > _MOST_CHARACTERS:
            for texts in list(self.texts.values()):
                texts.clear()
            self._count, self._characters = 1, len(text)
        self.texts[label].add(text)

    def leaves(self, value: Any, left: int, label: str = "") -> int:
        """Tell whether a value holds only what is known to be left alone.

        Args:
            value: builtins.
            left: how many parts may be looked at.
            label: what it is labelled.

        Returns:
            How many of these are left; a negative number if something in it has to be masked, or looked at closely.
        """
        return _leaves(self.labels, self.texts, value, left, label)

    def leading(self, values: Items, left: int, label: str = "") -> tuple[int, int]:
        """Tell how many of the first of some values hold only what is known to be left alone.

        Args:
            values: builtins.
            left: how many parts of them may be looked at.
            label: what they are labelled.

        Returns:
            That number, and how many of the parts are left.
        """
        return _leading(self.labels, self.texts, values, left, label)


def look_through(
    labels: dict[str, str], texts: dict[str, set[str]], value: Any, left: int, label: str = "", depth: int = 0
) -> int:
    """Do as `Known.leaves` does: the original of what is compiled (hot/known.c)."""
    kind = type(value)
    if value is None or kind is bool:
        return left
    if kind is str:
        return left if value in texts.get(label, ()) else -1
    if kind is int or kind is float:
        is_left = -_LARGEST_NUMBER < value < _LARGEST_NUMBER if label else value < _LARGEST_UNLABELLED
        return left if is_left else -1
    if kind is dict:
        left -= len(value)
        if depth > _DEEPEST:
            return -1
        for key, item in value.items():
            below = labels.get(key) if type(key) is str else None
            if left < 0 or below is None:
                return -1
            left = look_through(labels, texts, item, left, below, depth + 1)
        return left
    if kind is list or kind is tuple:
        left -= len(value)
        if depth > _DEEPEST:
            return -1
        for item in reversed(value):  # what is new stands at the end of a conversation
            if left < 0:
                return -1
            left = look_through(labels, texts, item, left, label, depth + 1)
        return left
    return -1


def look_ahead(
    labels: dict[str, str], texts: dict[str, set[str]], values: Items, left: int, label: str = ""
) -> tuple[int, int]:
    """Do as `Known.leading` does: the original of what is compiled (hot/known.c)."""
    for count, value in enumerate(values):
        after = look_through(labels, texts, value, left, label)
        if after < 0:
            return count, left
        left = after
    return len(values), left


_leaves: Callable[[dict[str, str], dict[str, set[str]], Any, int, str], int] = (
    look_through if hot is None else hot.leaves
)
_leading: Callable[[dict[str, str], dict[str, set[str]], Items, int, str], tuple[int, int]] = (
    look_ahead if hot is None else hot.leading
)
