"""Keys within texts: JSON that was cut off, the `repr` of a dict, settings, query strings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tracing_proxies.compiled import hot
from tracing_proxies.masking import markers
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.replacing import Note, TextMasker
from tracing_proxies.masking.strategies import Strategy, disguise

# A key in quotes, or a word; then what assigns, and blanks.
_KEY: Final = re.compile(r"""(?:["']([^"'\\\n]{1,64})["']|([^\W\d][\w.-]{0,63}))\s{0,4}(?:=>|[:=])\s{0,4}""")
_LONGEST_KEY: Final = 72  # with its quotes, and the blanks behind it
_SIGN: Final = re.compile("[:=]").search
_BARE_END: Final = re.compile(r"[,;&\n\r)\]}]")
_OPENING: Final = {"{": "}", "[": "]", "(": ")"}
_STRUCTURE: Final = re.compile(r"""\\.|["'{}\[\]()]""", re.DOTALL)
_QUOTED: Final = {q: re.compile(rf"[^{q}\\]*(?:\\.[^{q}\\]*)*", re.DOTALL) for q in ('"', "'")}
_NAME: Final = markers.HIDDEN[1:-1]
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"
_LOWER: Final = bytes(range(256)).lower()
_OTHERS: Final = bytes(code for code in range(256) if code not in _LETTERS + _LETTERS.upper())
_MOST_NAMES: Final = 4_096


class FragmentMasker:
    """Hides what stands behind the keys that a registry names, and has the rest masked by what it is given.

    The usual names are not looked for here: a detector knows them.

    Args:
        rules: which keys are named.
        texts: masks what is left.
        key: what pseudonyms and encryption are made with.

    Attributes:
        texts: what masks the rest.
        literals: of which the fold of every text with such a key contains one.
    """

    def __init__(self, rules: MaskingRules, texts: TextMasker, key: MaskingKey | None) -> None:
        self._rules = rules
        self.texts = texts
        self._key = key
        self.literals = tuple({_fold(literal) for literal in rules.keys.literals | rules.tighter.literals})
        self._listed: dict[str, Strategy] = {}

    def mask(self, text: str, label: str = "") -> str:
        """Return the text with everything that was found replaced; the same object if nothing was."""
        if ":" in text or "=" in text:
            pieces: list[str] = []
            past = 0
            for note in self.notes(text):
                pieces += (text[past : note.start], note.instead)
                past = note.end
            if pieces:
                text = "".join((*pieces, text[past:]))
        return self.texts.mask(text, label)

    def notes(self, text: str) -> Iterator[Note]:
        """Yield each place in a text that a key hides."""
        folded = _fold(text)
        if not any(literal in folded for literal in self.literals):
            return
        at = 0
        # A search tries every letter of a text: it begins where a key may end at the next sign that assigns.
        while sign := _SIGN(text, at):
            place, strategy = max(at, sign.start() - _LONGEST_KEY), Strategy(0)
            while not strategy and (found := _find(text, place, self._listed)):
                name, place = found
                strategy = self._listed.get(name) or self._look_up(name)
            if not strategy:
                return
            start, end = _extent(text, place)
            value = text[start:end]
            at = end
            if not value.strip() or markers.is_marker(value.strip()) or value in ("null", "None"):
                continue
            # A key that loses its value is no JSON any more, and what follows would be taken for it.
            how = Strategy.HIDE if strategy is Strategy.REMOVE else strategy
            yield Note(start, end, name, strategy, disguise(how, _NAME, value, self._key))

    def _look_up(self, name: str) -> Strategy:
        if len(self._listed) >= _MOST_NAMES:
            self._listed.clear()
        strategy = self._listed[name] = self._rules.listed(name, f".{name}")
        return strategy


def find_key(text: str, place: int, listed: Mapping[str, Strategy]) -> tuple[str, int] | None:
    """Find the next key in a text that is not known to hide nothing: the original of what is compiled.

    Args:
        place: from which on to look.
        listed: what is known of names.

    Returns:
        Its name, and where its value begins; None if there is none.
    """
    for found in _KEY.finditer(text, place):
        name = found[1] or found[2]
        if name not in listed or listed[name]:
            return name, found.end()
    return None


_find: Callable[[str, int, Mapping[str, Strategy]], tuple[str, int] | None] = find_key if hot is None else hot.find_key


def _fold(text: str) -> bytes:
    """Return the letters and digits of ASCII in a text as names are folded, without all else.

    What a folded name contains, the fold of every text with such a key contains: a look at 1 kB takes 1 us, where the
    search for keys takes 30.
    """
    if not text.isascii():
        text = text.casefold()
    return text.encode("ascii", "ignore").translate(_LOWER, _OTHERS)


def _extent(text: str, at: int) -> tuple[int, int]:
    """Return start and end of the value that begins in a text: to its closing quote or bracket, else to a separator.

    What was cut off ends with the text.
    """
    first = text[at : at + 1]
    if first in ('"', "'"):
        found = _QUOTED[first].match(text, at + 1)
        return at + 1, found.end() if found else len(text)
    if first in _OPENING:
        return at, _closing(text, at)
    end = _BARE_END.search(text, at)
    return at, end.start() if end else len(text)


def _closing(text: str, at: int) -> int:
    """Return where the bracket that opens here is closed."""
    depth = 0
    quote = ""
    for found in _STRUCTURE.finditer(text, at):
        sign = found[0]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in ('"', "'"):
            quote = sign
        elif sign in _OPENING:
            depth += 1
        elif len(sign) == 1:
            depth -= 1
            if depth <= 0:
                return found.end()
    return len(text)
