"""Ids that only the words before them give away: ``passport number is …``, ``Führerschein-Nr. …``, ``"taxId": "…"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tracing_proxies.masking.detectors import schemes
from tracing_proxies.masking.detectors.kinds import Begins, Guard, Part, Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.schemes import Check
from tracing_proxies.masking.detectors.words import AFTER

# Words that name one scheme: what fails its check is a sample, or some other number.
_CHECKS: Final[dict[str, tuple[int, Check]]] = {
    "pesel": (11, schemes.pesel),
    "nip": (10, schemes.nip),
    "regon": (9, schemes.regon),
    "cpf": (11, schemes.cpf),
    "cnpj": (14, schemes.cnpj),
    "tckn": (11, schemes.tckn),
    "egn": (10, schemes.bulgarian),
    "cnp": (13, schemes.romanian),
    "jmbg": (13, schemes.yugoslav),
    "amka": (11, schemes.amka),
    "abn": (11, schemes.abn),
    "tfn": (9, schemes.tfn),
    "aadhaar": (12, schemes.aadhaar),
    "aadhar": (12, schemes.aadhaar),
    "npi": (10, schemes.npi),
    "brn": (10, schemes.korean_business),
    "nhs": (10, schemes.nhs),
    "african id": (13, schemes.south_african),
    "rsa id": (13, schemes.south_african),
    "sa id": (13, schemes.south_african),
}
# Short words are words of other languages too (sin, pan, fin): they count in capitals, or with `number` or a sign.
_SHORT = 4
_FILLER = (
    "numbers?|no|nr|num|numer|numeru|nummer|número|numero|numéro|id|ids|is|are|was|card|code|the|my|your|his|her|of|for"
    "|identifier|identification|kod|pojazdu|osobisty|osobistego|seria|i|und|y|et|and|value|field|ist|lautet|es|est|jest"
    "|konta|rachunku|bankowego|bank|licence|license|plate|registration|record|insurance|security|account|tax|holder"
    "|file|n[°º]|numbered|issued|valid|new|old|current|unique|personal|provider|customer|номер"
)
_GAP = Late(
    rf"(?:[\s:=#.,'\"()\[\]\-–\\*_>|/&]{{0,6}}(?:{_FILLER})(?![^\W\d_]))"
    r"{0,4}[\s:=#.,'\"()\[\]\-–\\*_>|]{0,6}",
    re.IGNORECASE,
)
_SAYS_NUMBER = Late(r"[ _\-]?(?:n[ro°º]|num|[#:=])|['\"]\s?[:=]|,", re.IGNORECASE)
_PIECE = Late(r"[A-Za-z0-9]{1,24}(?![A-Za-z0-9_])")
_JOINTS = " -./"
_NO_JOINTS = str.maketrans("", "", _JOINTS)
_MOST_PIECES = 7
_MOST = 24
_REACH = 160  # what fills the gap, and all of a code
_DATE = Late(
    r"(?:19|20)[0-9]{2}[\-/.][01]?[0-9][\-/.][0-3]?[0-9](?![0-9])|[0-3]?[0-9][\-/.][01]?[0-9][\-/.](?:19|20)?[0-9]{2}(?![0-9])"
)


def _reader(name: str, words: tuple[str, ...]) -> Part:
    known = Late("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
    least_digits, least = (1, 5) if name == "vehicle" else (4, 6)

    def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
        past = -1
        for at in places:
            if at < past or not begins_word(text, at):
                continue
            word = known.match(lower, at)
            if word is None:
                continue
            after = word.end()
            check = _CHECKS.get(word[0])
            if after - at <= _SHORT and not _is_meant(text, at, after):
                continue
            gap = _GAP.match(text, after)
            begin = gap.end() if gap else after
            if begin == after:
                continue
            end = code_end(text, begin, least, least_digits, lettered=name == "vehicle")
            if end and not (check and _fails(check, text[begin:end])):
                past = end
                yield begin, end, name

    guard = Guard(begins=Begins.WORD, meant=_SHORT, behind=_REACH)
    return Part((name,), words, read, steady=True, guard=guard)


def begins_word(text: str, at: int) -> bool:
    """Tell whether a word begins at a place, also within `homePhone` and behind an escape as in JSON."""
    before = text[at - 1 : at]
    return (
        not before.isalnum()
        or (text[at].isupper() and before.islower())
        or (before in "nrt" and text[at - 2 : at - 1] == "\\")
    )


def _is_meant(text: str, start: int, end: int) -> bool:
    if text[end : end + 1].isalpha() and not (text[end].isupper() and text[end - 1].islower()):
        return False
    return text[start:end].isupper() or bool(_SAYS_NUMBER.match(text, end))


def code_end(text: str, start: int, least: int, least_digits: int, *, lettered: bool) -> int:
    """Return where a code that begins at a place ends; 0 if none does.

    Args:
        text: the text.
        start: the place.
        least: the least number of letters and digits.
        least_digits: how many of them have to be digits.
        lettered: whether groups behind the first may have letters only.
    """
    at, end, size, digits = start, 0, 0, 0
    for pieces in range(_MOST):
        if pieces >= _MOST_PIECES and size > pieces:
            break  # only digits that stand one by one may be more
        piece = _PIECE.match(text, at)
        if piece is None:
            break
        written = piece[0]
        count = sum(map(str.isdigit, written))
        if not count and not (written.isupper() and len(written) <= (4 if lettered or not end else 1)):
            break
        if size + len(written) > _MOST:
            break
        size += len(written)
        digits += count
        end = piece.end()
        joint = text[end : end + 1]
        if joint not in _JOINTS or (joint == "/" and count < len(written)):
            break
        at = end + 1
    if size < least or digits < least_digits or _DATE.match(text, start):
        return 0
    return end


def _fails(scheme: tuple[int, Check], written: str) -> bool:
    """Tell whether digits fail the check of the scheme that the words before them name; other writing is none."""
    digits = written.translate(_NO_JOINTS)
    size, check = scheme
    return digits.isdigit() and not (len(digits) == size and check(digits))


_IDS: Final = ("passport", "driver_license", "vehicle", "bank_account", "national_id")
PARTS = tuple(_reader(name, AFTER[name]) for name in _IDS)
