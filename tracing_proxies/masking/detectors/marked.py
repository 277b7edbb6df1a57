"""Keys that a vendor marks in the middle or at the end, and addresses of hooks, which are secrets as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_letters

from tracing_proxies.masking.detectors.kinds import Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.values import is_filler, is_random

_DIGITS = "0123456789"
_ALNUM = f"{_DIGITS}{ascii_letters}"
# Anchor, how many characters stand before it (at most so many, where an alphabet says of what), and the whole key.
_FORMS = (
    (":AA", 16, _DIGITS, r"[0-9]{6,16}:AA[A-Za-z0-9_\-]{32,35}(?![A-Za-z0-9_\-])"),
    ("Q~", 4, "", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}"),
    ("JQQJ99", 72, f"{_ALNUM}+/", r"[A-Za-z0-9+/]{20,72}JQQJ99[A-Za-z0-9+/]{10,72}={0,2}"),
    (
        ".acc_",
        40,
        f"{_ALNUM}_.",
        r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc_[\w.+/=\-]{40,160}",
    ),
    (
        ".acc-",
        40,
        f"{_ALNUM}_.",
        r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc-[\w.+/=\-]{40,160}",
    ),
    (".atlasv1.", 14, "", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{50,80}"),
    ("-us", 32, "", r"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])"),
    ("NRAL", 36, "", r"[0-9a-zA-Z]{36}NRAL(?![0-9A-Za-z])"),
    ("00D", 0, "", r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{40,256}"),
    ("hooks.slack.com/", 0, "", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,128}"),
    ("/api/webhooks/", 0, "", r"/api/webhooks/[0-9]{8,24}/[A-Za-z0-9_\-]{32,128}"),
    ("webhook.office.com/", 0, "", r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/\-]{40,256}"),
)


def _reader(anchor: str, before: int, alphabet: str, pattern: str) -> Part:
    form = Late(pattern)
    allowed = frozenset(alphabet)

    def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
        past = 0
        for at in places:
            if at < past or not text.startswith(anchor, at):
                continue
            start = at if allowed else at - before
            while allowed and start > past and at - start < before and text[start - 1] in allowed:
                start -= 1
            if start < past or (before and text[start - 1 : start].isalnum()):
                continue
            match = form.match(text, start)
            if match and not is_filler(match[0][-32:]):
                past = match.end()
                yield start, past, "secrets"

    return Part(("secrets",), (anchor.lower(),), read, steady=True, guard=Guard(spelt=(anchor,)))


# A bot's token is its number in base64, a time and a signature.
_BOT = Late(r"\.[A0a_\-]{6}\.[A0a_\-]{27}")
_BOT_HEAD = Late(r"[MNO][A-Za-z0-9_\-]{23,25}\Z")
_BOT_SIZES = (24, 25, 26)
_BOT_REST = Late(r"[A-Za-z0-9_\-]{0,11}")


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
