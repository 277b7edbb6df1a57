"""Secrets that are given a name: ``password=…``, ``"api_key": "…"``, ``MY_TOKEN := '…'``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

from tracing_proxies.masking.detectors.kinds import Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.values import is_chosen, is_code, is_placeholder, is_random
from tracing_proxies.masking.keys import Verdict, judge_name, split_name


class Sign(Enum):
    """What stands between a name and its value: a sign of assignment, something that may be one, a blank or a bar."""

    CLEAR = 1
    LOOSE = 2
    NONE = 3


# Every name that hides or is suspect holds one of these.
_ANCHORS = (
    *("pass", "pasw", "pssw", "pw", "psw", "secret", "token", "key", "auth", "cred", "cvv", "cvc", "cookie", "ssn"),
    *("sig", "pin", "jwt", "api", "sid", "salt", "nonce", "bundle_"),
)
_NAME_REST = re.compile(r"[A-Za-z0-9_\-]{0,48}").match
_BETWEEN = Late(
    r"(?:\\{0,3}[\"'`]|&quot;|%22)?[\])]?\*{0,2}(?:[ \t]{1,4}(?:string|str|String))?[ \t]{0,4}"
    r"(?:(?P<sign>:[ \t]{0,2}[A-Za-z][\w.\[\]]{0,24}[ \t]{0,2}=(?=[ \t]{0,2}[\"'`])"
    r"|[,;]?\s{0,24}(?:\\{0,3}[\"'])?(?:value|Value|val)(?:\\{0,3}[\"'])?[ \t]{0,2}[:=]"
    r"|(?:\|\||[:?.+!]{0,3})?[=:]{1,3}[>~]?\*{0,2}(?:[ \t]{1,2}!{1,2}[a-z]{1,12}(?=[ \t]))?|->|%3[dDaA]"
    r"|(?:or|\?\?|\|\|)[ \t]{1,3}(?=[\"'])|(?<![ \t])/(?=[A-Za-z0-9_\-]{20}))"
    r"|(?P<tag>>)|(?P<comma>,)|(?P<call>\()(?=[\"'])|(?P<cell>\|)"
    r"|(?P<word>(?<=[ \t])(?:for[ \t](?:[\w.\-]{1,16}[ \t]){1,4})?is(?=[ \t:])))?"
    r"\s{0,8}(?:[bruf@$]{0,2}(?P<quote>\\{0,3}[\"'`]{1,3}|&quot;|%22))?"
)
_MAY_FOLLOW = re.compile(
    r"[^\w\s]|[ \t]{1,4}(?:[^\w\s,;(]|(?:is|or|for|value)[ \t:=]|string|str|String)|\s{1,8}[\"'`]|\s{1,24}value:"
    r"|[ \t](?=\S{0,40}[0-9])\S{10}"
).match
_PLAIN = r"[^\s\"'`<>,;&\\)\]}\[{|=%]"
_BARE = Late(rf"(?:{_PLAIN}{{1,512}}|%(?!26|3[Bb]))(?:%(?!26|3[Bb]){_PLAIN}{{0,512}}){{0,64}}={{0,2}}")
_COOKIES = Late(r":[ \t]{0,2}([\w.\-]{1,64}=[^\s\"'`]{8,2048}(?: [\w.\-]{1,64}=[^\s\"'`]{0,2048}){0,32})")
_BARE_REST = Late(r"[A-Za-z0-9+/=_\-.~%]*")
_OPTION = Late(r"[ \t]{1,2}(?![\-\s])")
_LONGEST = 4096
_JUDGED = 256  # so much of a value decides
_SPACE = re.compile(r"\s").search
_ODD_PASSWORD = re.compile(r"(?i)pa?ss?w(?:o?r?s?d)s?[0-9]{0,2}\Z").search
_BUNDLER = re.compile(r"BUNDLE_[A-Z0-9_]{1,40}__[A-Z]{2,8}\Z").match
_RANDOM_BY_NATURE = frozenset(("salt", "nonce"))
_SETS = re.compile(r"(?:[Ss]et|[Ww]ith|[Uu]se|[Aa]dd)(?![a-z])").match
_PHRASE = re.compile(r"[a-z]{3,12}(?:[\-_.][a-z]{3,12}){3,7}\Z").match
_CHANGE = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])").findall
_VERSION = re.compile(r"[A-Za-z]{0,2}[0-9]{1,4}\.[0-9]").match
_PASSWORDS = frozenset(("password", "passwd", "pwd", "passphrase", "passcode", "pw", "pass"))
_PASSES = frozenset(("pass", "psw", "userpass"))
_PATH_NAMES = frozenset(("token", "tokens", "key", "apikey", "api-key", "api_key", "secret"))
_NUMBERS = frozenset(("cvv", "cvc", "pin"))
_GENERATED = frozenset(("token", "cookie", "key", "jwt"))
_ENDS_SENTENCE = ("", " ", "\n", "\t", "\r")
_NAME_REACH = 48
_MOST_NAMES = 4_096
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-"
# A look at a member of an enumeration takes 0.15 us before Python 3.12.
_CLEAR, _LOOSE, _NONE = Sign
_PLAIN_VERDICT, _SUSPECT, _HIDDEN = Verdict

PLAIN_NAMES: Final[set[str]] = set()
"""Names that hold an anchor and tell of no secret, as most do: `shopping`, `key_count`."""


def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield the value of every assignment whose name says secret and whose value looks like one."""
    past = 0
    # Values can overlap only in texts made for it. Judging is paid from a budget linear in the text; when it is spent,
    # a value that stands under a hiding name counts as secret unseen.
    budget = 4 * len(text) + _LONGEST
    for start, end in _names(text, lower, places):
        if start < past:
            continue
        verdict = _judge(text[start:end])
        if verdict is _PLAIN_VERDICT:
            _learn_plain(text[start:end])
            continue
        if lower.endswith("cookie", start, end) and (header := _COOKIES.match(text, end)):
            past = header.end()
            yield header.start(1), past, "secrets"
            continue
        value = _value_after(text, start, end, option=text[start] == "-")
        if value is None:
            continue
        first, last, quoted, sign = value
        if text[first - 1] == "/":
            if text[start - 1 : start] != "/" or lower[start:end] not in _PATH_NAMES:
                continue
            following = text.find("/", first, last)
            last = following if following >= 0 else last
        budget -= min(last - first, _JUDGED)
        if budget < 0 or _is_secret(text[first : min(last, first + _JUDGED)], text[start:end], verdict, quoted, sign):
            rest = None if quoted or last - first < _JUDGED else _BARE_REST.match(text, last)
            last = rest.end() if rest else last
            # What a secret holds needs no second look: `password=password=…` stays linear.
            past = last
            yield first, last, "secrets"


def _names(text: str, lower: str, places: Sequence[int]) -> list[tuple[int, int]]:
    """Return each identifier that holds an anchor, once, in order."""
    names: list[tuple[int, int]] = []
    past = 0
    last = -1
    for at in places:
        if at < past:
            continue
        rest = _NAME_REST(text, at)
        past = end = rest.end() if rest else at + 1
        # Most anchors are a part of some word of prose, which no sign follows.
        if end != last and (_MAY_FOLLOW(text, end) or "-" in text):
            last = end
            before = lower[max(0, at - _NAME_REACH) : at]
            names.append((at - len(before) + len(before.rstrip(_NAME_CHARACTERS)), end))
    names.sort()
    return names


def _value_after(text: str, start: int, end: int, *, option: bool) -> tuple[int, int, bool, Sign] | None:
    """Return start and end of the value behind a name, whether it is quoted, and what stands between them."""
    between = _BETWEEN.match(text, end)
    if between is None or between.end() == end or (between["call"] and not _SETS(text[start:end])):
        return None
    option = option and between["sign"] is None and bool(_OPTION.match(text, end))
    quote = between["quote"]
    sign = _CLEAR if between["sign"] is not None or option else _LOOSE
    first = between.end()
    if quote:
        last = text.find(quote, first, first + _LONGEST)
        # A quote that closes on another line, or far away, was the closing one of something else.
        if last <= first or "\n" in text[first:last]:
            return None
        return first, last, True, sign
    if sign is _LOOSE and not (between["tag"] or between["word"]):
        if between["comma"] or between["call"] or not (between["cell"] or first == end + 1):
            return None
        sign = _NONE
    bare = _BARE.match(text, first)
    if bare is None:
        return None
    last = bare.end()
    if text[last : last + 1] in _ENDS_SENTENCE:
        last = first + len(bare[0].rstrip(".:!?"))
    return (first, last, False, sign) if last > first else None


def _is_secret(value: str, name: str, verdict: Verdict, quoted: bool, sign: Sign) -> bool:
    if (quoted and _SPACE(value)) or value[0] == "[" or is_placeholder(value):
        return False
    if value.startswith(("http://", "https://", "/", "./", "arn:", "data:")):
        return False
    if not quoted and not is_random(value, 20) and is_code(value):
        return False
    last = _last_word(name)
    if sign is _NONE:
        return verdict is _HIDDEN and is_random(value, 10) and (last in _PASSWORDS or _is_mixed(value))
    loose = sign is _LOOSE
    if verdict is _SUSPECT:
        if last in _PASSES and not loose:
            return len(value) >= 6 and is_chosen(value) and not value.isdigit() and value.lower() != value.upper()
        return is_random(value, 14) and not loose
    if last in _NUMBERS:
        return value.isdigit() and 3 <= len(value) <= 8
    if last in _GENERATED:
        return is_random(value, 8) or (quoted and value.isdigit() and len(value) >= 12)
    if value.isdigit():
        return len(value) >= 4 and not loose
    if last in _PASSWORDS and not loose and _PHRASE(value) and "pass" not in value:
        return True
    return is_chosen(value) or (
        quoted and not loose and len(value) >= 6 and value.lower() != name.lower() and "_" not in value
    )


def _is_mixed(value: str) -> bool:
    """Tell whether letters and digits alternate as in nothing that a person writes."""
    return len(_CHANGE(value)) >= 4 and not _VERSION(value)


@lru_cache(maxsize=4096)
def _judge(name: str) -> Verdict:
    """Return what a name in source or prose says of its value: as a key does, and a few more."""
    verdict = judge_name(name)
    if verdict is not _HIDDEN and (_ODD_PASSWORD(name) or _BUNDLER(name)):
        return Verdict.HIDDEN
    if verdict is _PLAIN_VERDICT and not _RANDOM_BY_NATURE.isdisjoint(split_name(name)):
        return Verdict.SUSPECT
    return verdict


@lru_cache(maxsize=4096)
def _last_word(name: str) -> str:
    words = [word for word in split_name(name) if not word.isdigit()]
    return words[-1] if words else ""


def _learn_plain(name: str) -> None:
    if len(PLAIN_NAMES) >= _MOST_NAMES:
        PLAIN_NAMES.clear()
    PLAIN_NAMES.add(name)


PARTS = (Part(("secrets",), _ANCHORS, read, steady=True, guard=Guard(named=True)),)
