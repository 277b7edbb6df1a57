"""User names and passwords inside URLs and connection strings: ``scheme://user:password@host``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.values import is_placeholder

_USERINFO = Late(r"([^\s/:\"'<>`\[\]]{0,128}):([^\s/@\"'<>`]{1,256})@(?=[\w\[])")
_REACH = 386


def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield the user name and password of every URL that carries both."""
    for at in places:
        userinfo = _USERINFO.match(text, at + 3)
        if userinfo and not is_placeholder(userinfo[2]):
            yield userinfo.start(1), userinfo.end(2), "url_credentials"


PARTS = (Part(("url_credentials",), ("://",), read, steady=True, guard=Guard(sign="@", reach=_REACH)),)
