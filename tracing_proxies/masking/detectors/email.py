"""E-mail addresses: from each ``@`` outwards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.late import Late

_DOMAIN = Late(r"(?:[^\W_](?:[\w\-]{0,62})\.){1,8}(?:[^\W\d_]{2,24}|xn--[a-z0-9\-]{2,59})(?![\w])", re.IGNORECASE)
_BRACKETED = Late(r"\[(?:[0-9]{1,3}\.){3}[0-9]{1,3}\]")
_WRITTEN = re.compile(r"[\w.%+\-'&#=~]*").match
_LONGEST_LOCAL = 64
_USERINFO_REACH = 160


def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield every e-mail address."""
    past = 0
    for at in places:
        if at < past or not text[at + 1 : at + 2].strip("@.-, \n"):
            continue
        start = _local_start(text, at, past)
        if start < at:
            domain = _DOMAIN.match(text, at + 1) or _BRACKETED.match(text, at + 1)
            if domain and not _is_userinfo(text, start) and text[start:at] != "git":
                yield start, domain.end(), "email"
                past = domain.end()
        past = max(past, at + 1)


def _local_start(text: str, at: int, floor: int) -> int:
    written = _WRITTEN(text[max(floor, at - _LONGEST_LOCAL) : at][::-1])
    start = at - written.end() if written else at
    if start > 0 and text[start - 1] == "\\" and text[start : start + 1] in ("n", "r", "t"):
        start += 1  # an escape, as in JSON
    while start < at and text[start] in ".'-=&#":
        start += 1
    # In `to=ann@example.com` the address begins after the sign: `=` is legal in it and almost never meant.
    sign = max(text.rfind("=", start, at), text.rfind("&", start, at), text.rfind("'", start, at))
    return sign + 1 if sign >= 0 and sign + 1 < at else start


def _is_userinfo(text: str, start: int) -> bool:
    scheme = text.rfind("://", max(0, start - _USERINFO_REACH), start)
    return scheme >= 0 and not any(character in "/?#" or character.isspace() for character in text[scheme + 3 : start])


PARTS = (Part(("email",), ("@",), read, steady=True),)
