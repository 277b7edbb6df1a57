"""Long words of letters and digits: keys without a mark of their own, and addresses of wallets."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from tracing_proxies.compiled import hot
from tracing_proxies.masking.detectors.kinds import Span

_JOINED = bytes(ord("x") if chr(code) in "Aa0" else code for code in range(256))
SHORTEST = 26
_WORD = re.compile(rb"x+")
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _bitcoin(word: str) -> bool:
    """Base58 with a check of four bytes."""
    number = 0
    for character in word:
        digit = _BASE58.find(character)
        if digit < 0:
            return False
        number = number * 58 + digit
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def _matches(pattern: str) -> Callable[[str], bool]:
    match = re.compile(pattern + r"\Z").match
    return lambda word: match(word) is not None


# First characters of a word, class, test.
_FORMS: Final[dict[str, tuple[tuple[str, Callable[[str], bool]], ...]]] = {
    **dict.fromkeys("13", (("crypto_wallet", _bitcoin),)),
    "AC": (("secrets", _matches("AC[0-9a-f]{32}")),),
    "SK": (("secrets", _matches("SK[0-9a-f]{32}")),),
    "0x": (("crypto_wallet", _matches("0x[0-9a-fA-F]{40}")),),
    "bc": (("crypto_wallet", _matches("bc1[02-9ac-hj-np-z]{25,62}")),),
    **{f"S{second}": (("secrets", _matches("S[A-Z][A-Z2-7]{56}")),) for second in "ACNOUX"},
}
_HEX_TAIL = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9A-Za-z\-])")


def search(text: str, shape: str) -> list[Span]:
    """Return every long word that one of the forms fits."""
    found: list[Span] = []
    for at, end in _long_words(shape, SHORTEST):
        forms = _FORMS.get(text[at : at + 2]) or _FORMS.get(text[at])
        if end - at == 32 and (tail := _HEX_TAIL.match(text, end)):
            found.append((at, tail.end(), "secrets"))
        elif forms and end - at <= 80 and (not at or shape[at - 1] not in "_-+"):
            for name, test in forms:
                if test(text[at:end]):
                    found.append((at, end, name))
                    break
    return found


def long_words(shape: str, least: int) -> list[tuple[int, int]]:
    """Return start and end of each run of so many letters and digits: the original of what is compiled (hot/runs.c).

    Args:
        shape: of a text.
        least: characters.
    """
    found: list[tuple[int, int]] = []
    joined = shape.encode("ascii").translate(_JOINED)
    long = b"x" * least
    at = joined.find(long)
    while at >= 0:
        word = _WORD.match(joined, at)
        end = word.end() if word else at + least
        found.append((at, end))
        at = joined.find(long, end)
    return found


_long_words: Callable[[str, int], list[tuple[int, int]]] = long_words if hot is None else hot.long_words
