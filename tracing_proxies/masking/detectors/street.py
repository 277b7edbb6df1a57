"""Streets with a house number, in the forms of a dozen languages; towns and names beside them need another engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tracing_proxies.masking.detectors.kinds import Begins, Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late

_NAME = r"[A-ZÀ-ÖØ-Þ][\w'’.\-]{0,30}"
_PARTICLE = r"(?:de|la|le|les|des|du|da|do|dos|das|del|della|dei|di|d'|l'|von|der|den|van|of|the|und|i|św\.)"
_NUMBER = r"[0-9]{1,5}[A-Za-z]?(?:[\-/][0-9]{1,5}[A-Za-z]?)?"
_FLAT = r"(?:,? (?:apt|apartment|suite|ste|unit|flat|floor|room|piso|m)\.? ?#?[A-Za-z0-9\-]{1,6}(?![A-Za-z0-9]))?"

# Number, names, kind of street.
_ENGLISH_KINDS = (
    "street|avenue|road|boulevard|lane|drive|court|place|square|terrace|highway|parkway|crescent|close|circle|trail|way"
    "|plaza|st|ave|rd|blvd|ln|dr|ct|hwy|pkwy"
)
_FREQUENT = ("st", "way", "close", "dr", "place")  # as parts of other words, or for other things
_BEFORE_KIND = Late(rf"(?<![\w.,#$€£\-]){_NUMBER},? (?:[NSEW]{{1,2}}\.? )?(?:{_NAME} ){{1,4}}\Z")
_AFTER_KIND = Late(rf"(?:{_ENGLISH_KINDS})\.?(?![A-Za-z0-9]){_FLAT}", re.IGNORECASE)
_REACH = 72
_LONGEST_NAME = 256

# Names that end in the kind of street, number behind.
_JOINED_KINDS = (
    *(
        "straße",
        "strasse",
        "str.",
        "gasse",
        "platz",
        "allee",
        "damm",
        "ufer",
        "gatan",
        "vägen",
        "gata",
        "veien",
        "vegen",
    ),
    *("gade", "vej", "straat", "laan", "plein", "katu", "tie ", "weg "),
)
_JOINED_HEAD = Late(r"(?<![\w.])[A-ZÄÖÜÅØÆ][\wäöüßåøæ\-]{2,40}(?: [A-ZÄÖÜÅØÆ][\w\-]{2,30})?[ \-]?\Z")
_JOINED_NUMBER = Late(rf",? ?{_NUMBER}(?![\w.:%]|[,.][0-9])")

# Kind of street, names, number behind or before.
_LEADING_KINDS = (
    *("rue ", "avenue ", "boulevard ", "via ", "viale ", "piazza ", "corso ", "calle ", "avenida ", "paseo ", "plaza "),
    *("rua ", "travessa ", "praça ", "ul. ", "ulica ", "al. ", "aleja ", "ulice ", "ulitsa ", "c/ ", "av. ", "strada "),
)
_LEADING = Late(rf"\S{{1,10}} (?:{_PARTICLE}[ ']?){{0,3}}{_NAME}(?: (?:{_PARTICLE}[ ']?){{0,2}}{_NAME}){{0,3}}")
_NUMBER_BEFORE = Late(rf"(?<![\w.,\-]){_NUMBER}(?: ?(?:bis|ter))?,? \Z")
_NUMBER_BEHIND = Late(rf",? (?:nº ?|n° ?|nr\.? ?|no\.? ?|č\. ?)?{_NUMBER}(?![\w.:%]|[,.][0-9]){_FLAT}", re.IGNORECASE)


def read_english(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield ``221B Baker Street, Flat 2``."""
    past = 0
    for at in places:
        kind = _AFTER_KIND.match(text, at + 1)
        if kind is None or at < past:
            continue
        floor = max(past, at - _REACH)
        head = _BEFORE_KIND.search(text[floor : at + 1])
        if head:
            past = kind.end()
            yield floor + head.start(), past, "street_address"


def read_joined(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield ``Hauptstraße 12a``."""
    past = 0
    for at in places:
        end = _word_end(lower, at)
        number = _JOINED_NUMBER.match(text, end) if at >= past else None
        if number is None:
            continue
        floor = max(past, at - _REACH)
        head = _JOINED_HEAD.search(text[floor:at])
        if head:
            past = number.end()
            yield floor + head.start(), past, "street_address"


def read_leading(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield ``12, rue de la Paix`` and ``Calle Mayor 5``."""
    past = 0
    for at in places:
        if at < past or text[at - 1 : at].isalnum():
            continue
        name = _LEADING.match(text, at)
        if name is None:
            continue
        floor = max(past, at - 12)
        before = _NUMBER_BEFORE.search(text[floor:at])
        behind = _NUMBER_BEHIND.match(text, name.end())
        if before or behind:
            past = behind.end() if behind else name.end()
            yield floor + before.start() if before else at, past, "street_address"


def _word_end(lower: str, at: int) -> int:
    kind = next(kind for kind in _JOINED_KINDS if lower.startswith(kind, at))
    return at + len(kind.rstrip())


def _part(anchors: tuple[str, ...], read: Callable[[str, str, Sequence[int]], Iterator[Span]], guard: Guard) -> Part:
    return Part(("street_address",), anchors, read, steady=True, guard=guard)


PARTS = (
    _part(
        (
            *(f" {kind}" for kind in _ENGLISH_KINDS.split("|") if kind not in _FREQUENT),
            *(f" {kind}{mark}" for kind in ("st", "dr", "place", "way", "close") for mark in (".", ",", "\n")),
        ),
        read_english,
        Guard(before=_REACH),
    ),
    _part(_JOINED_KINDS, read_joined, Guard(behind=3)),
    _part(_LEADING_KINDS, read_leading, Guard(begins=Begins.APART, before=12, behind=_LONGEST_NAME)),
)
