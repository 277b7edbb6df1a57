"""Keys that a vendor marks in the middle or at the end, and addresses of hooks, which are secrets as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.values import is_filler, is_random

# Anchor, how far before it the key may begin, and the whole of it.
_FORMS = (
    (":aa", 16, r"(?<![0-9A-Za-z])[0-9]{6,16}:AA[A-Za-z0-9_\-]{32,35}(?![A-Za-z0-9_\-])"),
    ("q~", 4, r"(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}"),
    ("jqqj99", 72, r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{20,72}JQQJ99[A-Za-z0-9+/]{10,72}={0,2}"),
    (
        ".acc_",
        48,
        r"(?<![A-Za-z0-9])(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc_[\w.+/=\-]{40,160}",
    ),
    (
        ".acc-",
        48,
        r"(?<![A-Za-z0-9])(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc-[\w.+/=\-]{40,160}",
    ),
    (".atlasv1.", 14, r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{50,80}"),
    ("-us", 32, r"(?<![0-9A-Za-z])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"),
    ("nral", 40, r"(?<![0-9A-Za-z])[0-9a-zA-Z]{36}NRAL(?![0-9A-Za-z])"),
    ("00d", 0, r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{40,256}"),
    ("hooks.slack.com/", 0, r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,128}"),
    ("/api/webhooks/", 0, r"/api/webhooks/[0-9]{8,24}/[A-Za-z0-9_\-]{32,128}"),
    ("webhook.office.com/", 0, r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/\-]{40,256}"),
)


def _reader(anchor: str, reach: int, pattern: str) -> Part:
    search = re.compile(pattern).search

    def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
        past = 0
        for at in places:
            if at < past:
                continue
            match = search(text, max(past, at - reach), at + 600) if _may(text, at, anchor) else None
            if match and match.start() <= at and not is_filler(match[0][-32:]):
                past = match.end()
                yield match.start(), match.end(), "secrets"

    return Part(("secrets",), (anchor,), read, steady=True)


def _may(text: str, at: int, anchor: str) -> bool:
    """Rule out most places by the few characters of the anchor as they are written."""
    written = text[at : at + len(anchor)]
    return written in ("NRAL", "JQQJ99", "Q~", ":AA", "00D") or written == anchor


# A bot's token is its number in base64, a time and a signature.
_BOT = re.compile(r"\.[A0a_\-]{6}\.[A0a_\-]{27}")
_BOT_HEAD = re.compile(r"[MNO][A-Za-z0-9_\-]{23,25}\Z")
_BOT_SIZES = (24, 25, 26)
_BOT_REST = re.compile(r"[A-Za-z0-9_\-]{0,11}")


def find_bots(text: str, shape: str) -> list[Span]:
    """Return every bot token."""
    found: list[Span] = []
    past = 0
    for tail in _BOT.finditer(shape):
        at = tail.start()
        for size in _BOT_SIZES:
            head = text[max(0, at - size) : at]
            if at > size and text[at - size - 1].isalnum():
                continue
            if (
                at - size >= past
                and _BOT_HEAD.match(head)
                and is_random(head, 20)
                and is_random(text[tail.end() - 27 : tail.end()], 20)
            ):
                rest = _BOT_REST.match(text, tail.end())
                past = rest.end() if rest else tail.end()
                found.append((at - size, past, "secrets"))
                break
    return found


PARTS = tuple(_reader(*form) for form in _FORMS)
