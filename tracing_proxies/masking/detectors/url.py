"""User names and passwords inside URLs and connection strings: ``scheme://user:password@host``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracing_proxies.masking import markers
from tracing_proxies.masking.detectors.kinds import Detector, Found
from tracing_proxies.masking.detectors.values import is_placeholder

_USERINFO = re.compile(r"([^\s/@:\"'<>`\[\]]{0,128}):([^\s/@\"'<>`]{1,256})@(?=[\w\[])")


def find(text: str, lower: str) -> Iterator[Found]:
    """Yield the user name and password of every URL that carries both."""
    at = text.find("://")
    while at >= 0:
        userinfo = _USERINFO.match(text, at + 3)
        if userinfo and not is_placeholder(userinfo[2]):
            yield userinfo.start(1), userinfo.end(2), markers.CREDENTIALS
        at = text.find("://", at + 3)


DETECTORS = (Detector("url_credentials", ("://",), find),)
