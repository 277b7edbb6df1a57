"""Capture paths cut into tokens."""

from __future__ import annotations

import re
from typing import Final

import attrs

LONGEST: Final = 4_096

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<quantity>[0-9]{1,15}(?:\.[0-9]{1,9})?(?:ns|us|µs|ms|s|min|m|h|d|w)\b)
      | (?P<number>[0-9]{1,40}(?:\.[0-9]{1,40})?(?![\w.]))
      | (?P<name>[^\W\d]\w*)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|[<>.,|()\[\]*!-])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class PathError(ValueError):
    """Says what is wrong with the text of a path, a template or a condition.

    Args:
        message: what was found and what was expected.
        offset: how many characters stand before the mistake.
        suggestion: the nearest right name.
    """

    def __init__(self, message: str, offset: int = 0, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.suggestion = suggestion


@attrs.frozen(eq=False, repr=False)
class Token:
    """One token: its kind (number, name, text, sign, end), what it says, and where it starts."""

    kind: str
    text: str
    offset: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


def tokenize(text: str, *, units: bool = False) -> list[Token]:
    """Cut a text into tokens; the last one is of the kind `end`.

    Args:
        units: whether durations such as ``8s`` are tokens, of the kind `quantity`.

    Raises:
        PathError: at the first character that no token starts with.
    """
    if len(text) > LONGEST:
        raise PathError(f"an expression has at most {LONGEST:,} characters, this one has {len(text):,}")
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or (found.lastgroup == "quantity" and not units):
            raise PathError(_complaint(text, at), at)
        kind = found.lastgroup or ""
        if kind == "text":
            tokens.append(Token(kind, re.sub(r"(?s)\\(.)", _unescape, found.group()[1:-1]), at))
        elif kind != "space":
            tokens.append(Token(kind, found.group(), at))
        at = found.end()
    tokens.append(Token("end", "", at))
    return tokens


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found.group(1), found.group(1))


def _complaint(text: str, at: int) -> str:
    character = text[at]
    if character in "\"'":
        return f"the text that starts with {character} is not closed"
    if character == "=":
        return "'=' is not an operator, equality is written '=='"
    if character.isdigit():
        return f"{text[at : at + 20]!r} does not start with a number; units are not part of an expression"
    return f"{character!r} has no meaning in an expression"
