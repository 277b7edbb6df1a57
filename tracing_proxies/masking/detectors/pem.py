"""Private keys in PEM armour, whole or cut off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.late import Late

_BEGIN = Late(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
    r"|PuTTY-User-Key-File-[23]:|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
)
_BODY = Late(r"[A-Za-z0-9+/=\s\\\"',:.()\-_]*")
_ARMOUR = Late(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_LEAST_BODY = 32


def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield every private key, to its last line, or to where its base64 stops when that is missing."""
    begin = _BEGIN.search(text)
    while begin:
        following = text.find("-----BEGIN", begin.end())
        limit = following if following >= 0 else len(text)
        closing = _ARMOUR.search(text, begin.end(), limit)
        body = _BODY.match(text, begin.end(), closing.start() if closing else limit)
        end = closing.end() if closing else (body.end() if body else begin.end())
        if (
            sum(map(str.isalnum, text[begin.end() : begin.end() + 3 * _LEAST_BODY])) >= _LEAST_BODY
            and end - begin.end() > _LEAST_BODY
        ):
            yield begin.start(), end, "secrets"
        begin = _BEGIN.search(text, end)


PARTS = (Part(("secrets",), ("private key", "putty-user-key"), read, steady=True),)
