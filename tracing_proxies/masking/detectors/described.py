"""Dates of birth, websites and coordinates: plain values that the words before them make personal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tracing_proxies.masking.detectors.keyed import begins_word
from tracing_proxies.masking.detectors.kinds import Begins, Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.words import AFTER

_GAP = Late(
    r"(?:[\s:=,'\"()\[\]\-\\*_>|]{0,6}(?:on|is|was|are|at|am|the|de|in|value|dnia|ist|es|est|is:|:)(?![^\W\d_])){0,3}"
    r"[\s:=,'\"()\[\]\\*_>|]{0,6}",
    re.IGNORECASE,
)
_DATE = Late(
    r"(?:19|20)[0-9]{2}(?:[\-/.][01]?[0-9][\-/.][0-3]?[0-9]|年[01]?[0-9]月[0-3]?[0-9]日|[01][0-9][0-3][0-9])(?![0-9])"
    r"|[0-3]?[0-9][\-/. ]{1,2}[01]?[0-9][\-/. ]{1,2}(?:19|20)?[0-9]{2}(?![0-9])"
    r"|[01]?[0-9]/[0-3]?[0-9]/(?:19|20)?[0-9]{2}(?![0-9])"
    r"|[0-3]?[0-9](?:st|nd|rd|th|\.|º)?[ \-](?:of |de )?[^\W\d_]{3,12}\.?,?[ \-](?:de )?(?:19|20)[0-9]{2}(?![0-9])"
    r"|[^\W\d_]{3,12}\.? [0-3]?[0-9](?:st|nd|rd|th)?,? (?:19|20)[0-9]{2}(?![0-9])",
    re.IGNORECASE,
)
_SITE = Late(
    r"(?:https?://|www\.)[^\s\"'<>()\[\]{},]{4,200}|[a-z0-9\-]{2,63}(?:\.[a-z0-9\-]{2,63}){1,3}", re.IGNORECASE
)
# Three decimals are some hundred metres.
_NUMBER = r"[+\-]?[0-9]{1,3}\.[0-9]{3,15}(?![0-9.])"
_COORDINATE = Late(rf"{_NUMBER}(?:°? ?[NSEW])?(?:[,; ]{{1,3}}{_NUMBER}(?:°? ?[NSEW](?![a-z]))?)?")
_DEGREES = Late(
    r"[+\-]?[0-9]{1,3}(?:\.[0-9]{1,10})?° ?"
    r"(?:[0-9]{1,2}(?:\.[0-9]{1,6})?['′’] ?(?:[0-9]{1,2}(?:\.[0-9]{1,6})?[\"″”] ?)?)?[NSEW](?![A-Za-z])"
)
_REACH = 5
_DIGIT_REACH = 64  # what fills the gap, and the name of a month


def _reader(name: str, words: tuple[str, ...], value: Late, reach: int = 0) -> Part:
    known = Late("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
        past = 0
        for at in places:
            if at < past or not begins_word(text, at):
                continue
            word = known.match(lower, at)
            if word is None or (text[word.end() : word.end() + 1].isalpha() and word[0][-1].isalpha()):
                continue
            gap = _GAP.match(text, word.end())
            begin = gap.end() if gap else word.end()
            match = value.match(text, begin) if begin > word.end() or not word[0][-1].isalpha() else None
            if match:
                past = match.end()
                while text[past - 1] in ".,;":
                    past -= 1
                yield match.start(), past, name

    return Part((name,), words, read, steady=True, guard=Guard(begins=Begins.WORD, ends=True, behind=reach))


def read_degrees(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
    """Yield every angle with a hemisphere: ``48° 51′ 24″ N``."""
    past = 0
    for at in places:
        start = at
        while start > past and at - start < _REACH + 10 and text[start - 1] in "0123456789.+-":
            start -= 1
        match = _DEGREES.match(text, start)
        if match:
            past = match.end()
            yield start, past, "coordinates"


PARTS = (
    _reader("birth_date", AFTER["birth_date"], _DATE, _DIGIT_REACH),
    _reader("website", AFTER["website"], _SITE),
    _reader("coordinates", AFTER["coordinates"], _COORDINATE, _DIGIT_REACH),
    Part(("coordinates",), ("°",), read_degrees, steady=True),
)
