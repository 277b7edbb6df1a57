"""JSON web tokens: ``eyJ`` is the base64 of ``{"``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late

_PARTS = Late(r"[A-Za-z0-9_\-=]*(?:\.[A-Za-z0-9_\-=+/]*){0,4}")
_SHORTEST = 20


def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield every token of two to five parts that begins as a JSON object does in base64."""
    past = 0
    for at in places:
        if at < past or text[at : at + 3] != "eyJ":
            continue
        parts = _PARTS.match(text, at)
        end = parts.end() if parts else at + 3
        token = text[at:end].rstrip(".")
        # The head of a token is looked for from the end of this one: each character is read once.
        if len(token) >= _SHORTEST and token.find(".", 3, 2048) > 8 and not (at and text[at - 1].isalnum()):
            yield at, at + len(token), "secrets"
        past = end


PARTS = (Part(("secrets",), ("eyj",), read, steady=True, guard=Guard(spelt=("eyJ",))),)
