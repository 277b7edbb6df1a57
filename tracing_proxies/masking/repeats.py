"""Texts in which something was masked, known again by a keyed hash: nothing of what they held is kept.

What an agent was told is told to its model again with every turn, an address in it as well. A hash takes 1 us and 1 ns
a character, the search for what is to be masked twenty times as long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from hashlib import blake2b

from tracing_proxies.compiled import hot
from tracing_proxies.masking import hits, markers

SHORTEST = 48
"""What is shorter, such as an id, is searched nearly as quickly as it is hashed: 2 us against 1."""
_MOST = 1_024
_MOST_CHARACTERS = 4_000_000


class Repeats:
    """Remembers what has become of texts, under one set of rules.

    Attributes:
        key: what marks are made with.
        known: for each mark the masked text, and what was hidden in it how often.
    """

    __slots__ = ("_characters", "key", "known")

    def __init__(self) -> None:
        self.key = os.urandom(32)
        self.known: dict[bytes, tuple[str, tuple[tuple[str, int], ...]]] = {}
        self._characters = 0

    def mark(self, text: str, label: str) -> bytes:
        """Return what a text is known by, where it stands under a label."""
        return _mark(self.key, text, label)

    def recall(self, mark: bytes) -> str | None:
        """Return what a text became, and count anew what was hidden in it; None if it is not known."""
        known = self.known.get(mark)
        if known is None:
            return None
        for name, many in known[1]:
            hits.counted[name] += many
        return known[0]

    def learn(self, mark: bytes, masked: str, before: Mapping[str, int]) -> None:
        """Remember what a text has become.

        Args:
            before: what had been hidden until then, by what it was.
        """
        # What lies too deep in one place may not do so in another.
        if len(masked) > _MOST_CHARACTERS // 16 or markers.FAILED in masked or markers.TOO_DEEP in masked:
            return
        if len(self.known) >= _MOST or self._characters > _MOST_CHARACTERS:
            self.known.clear()
            self._characters = 0
        found = tuple((name, more) for name, many in hits.counted.items() if (more := many - before.get(name, 0)) > 0)
        self.known[mark] = masked, found
        self._characters += len(masked)


def mark_in_python(key: bytes, text: str, label: str) -> bytes:
    """Return a keyed hash of 128 bits, under which nobody who chooses texts can make two of them meet.

    What is compiled takes another one (hot/marks.c), which is as safe for that and takes a fifth of the time.
    """
    found = blake2b(label.encode("utf-8", "surrogatepass"), key=key, digest_size=16)
    found.update(b"\0")
    found.update(text.encode("utf-8", "surrogatepass"))
    return found.digest()


_mark: Callable[[bytes, str, str], bytes] = mark_in_python if hot is None else hot.mark
