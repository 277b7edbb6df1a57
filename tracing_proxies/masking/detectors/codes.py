"""Codes of letters and digits that states give: tax numbers, identity cards, driving licences, number plates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tracing_proxies.masking.checks import is_date, vin, weighted
from tracing_proxies.masking.detectors.kinds import Span
from tracing_proxies.masking.detectors.late import Late
from tracing_proxies.masking.detectors.schemes import chinese, german_vat, rut

Form = tuple[str, Late, Callable[[str], bool]]
"""Class, pattern of the whole code, check."""

# Capitals and digits; what stands beside them says whether they are a piece of something longer.
# From the first digit of a word of capitals and digits to its end.
_TAIL = Late(r"0[A0]{4,17}(?![A0a_])")
_HEAD_REACH = 8
_BESIDE = frozenset("Aa0_.-/+=#@\\")
_AFTER = frozenset("Aa0_/+=@")
_NIF = "TRWAGMYFPDXBNJZSQVHLCKE"


def _always(code: str) -> bool:
    return True


def _nif(code: str) -> bool:
    number = code[:-1].translate(str.maketrans("XYZ", "012"))
    return code[-1] == _NIF[int(number) % 23]


def _nric(code: str) -> bool:
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2), 11)
    if code[0] == "M":
        return code[8] == "KLJNPQRTUWX"[10 - (total + 3) % 11]
    total = (total + (4 if code[0] in "TG" else 0)) % 11
    return code[8] == ("JZIHGFEDCBA" if code[0] in "ST" else "XWUTRQPNMLK")[total]


def _uen_business(code: str) -> bool:
    return code[-1] == "XMKECAWLJDB"[weighted(code[:8], (10, 4, 9, 3, 8, 2, 7, 1), 11)]


def _uen_company(code: str) -> bool:
    return code[-1] == "ZKCMDNERGWH"[weighted(code[:9], (10, 8, 6, 4, 9, 7, 5, 3, 1), 11)]


def _uen_other(code: str) -> bool:
    alphabet = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
    values = [alphabet.find(character) for character in code[:9]]
    weights = (4, 3, 5, 3, 10, 2, 2, 5, 7)
    return code[-1] == alphabet[(sum(v * w for v, w in zip(values, weights, strict=True)) - 5) % 11]


def _polish_card(code: str) -> bool:
    values = [int(character, 36) for character in code]
    return sum(v * w for v, w in zip(values, (7, 3, 1, 9, 7, 3, 1, 7, 3), strict=True)) % 10 == 0


def _icao(code: str) -> bool:
    """The check digit of machine-readable travel documents (ICAO 9303): 7, 3, 1."""
    values = [int(character, 36) for character in code[:-1]]
    return sum(v * (7, 3, 1)[i % 3] for i, v in enumerate(values)) % 10 == int(code[-1])


def _health_insured(code: str) -> bool:
    """Germany: the letter as two digits, every second digit doubled."""
    digits = f"{ord(code[0].upper()) - 64:02}{code[1:9]}"
    total = sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(digits))
    return total % 10 == int(code[9])


def _pension(code: str) -> bool:
    """Germany: area, born ddmmyy, letter of the name as two digits, the crosswise sums of a weighting."""
    if not is_date("4", code[4:6], code[2:4]):
        return False
    digits = f"{code[:8]}{ord(code[8]) - 64:02}{code[9:11]}"
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    return sum(sum(divmod(int(d) * w, 10)) for d, w in zip(digits, weights, strict=True)) % 10 == int(code[11])


def _finnish(code: str) -> bool:
    return is_date("4", code[2:4], code[:2]) and (
        code[10] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(code[:6] + code[7:10]) % 31]
    )


def _taiwanese(code: str) -> bool:
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    return (letter // 10 + letter % 10 * 9 + weighted(code[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1), 10)) % 10 == 0


def _hong_kong(code: str) -> bool:
    total = 36 * 9 + (ord(code[0]) - 55) * 8 + weighted(code[1:7], (7, 6, 5, 4, 3, 2), 1000)
    return code[7] == "0123456789A"[-total % 11]


def _fiscal(code: str) -> bool:
    """Italy: the last letter is a sum over the others by place."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    total = 0
    for place, character in enumerate(code[:15]):
        value = int(character) if character.isdigit() else ord(character) - 65
        total += value if place % 2 else odd[value]
    return chr(65 + total % 26) == code[15]


def _licence_date(code: str) -> bool:
    return is_date("4", f"{int(code[6:8]) % 50}", code[8:10])


def _form(name: str, pattern: str, check: Callable[[str], bool] = _always) -> Form:
    return name, Late(pattern + r"\Z"), check


_STATES = (
    "AN|AP|AR|AS|BR|CH|CG|DD|DL|DN|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|OR|PB|PY|RJ|SK|TN|TR|TS|UK|UP|WB"
)
_A, _N = "[AC-HJKMNP-RT-Y]", "[0-9]"
_X = "[AC-HJKMNP-RT-Y0-9]"
_MBI = f"[1-9]{_A}{_X}{_N}{_A}{_X}{_N}{_A}{_A}{_N}{_N}"

# By length. Letters, digits and check leave little room for chance: these count wherever they stand in capitals.
STRONG: Final[dict[int, tuple[Form, ...]]] = {
    8: (_form("national_id", "[0-9]{7}[A-Z]", _nif),),
    9: (
        _form("national_id", "[0-9]{8}[A-Z]", lambda code: _nif(code) or _uen_business(code)),
        _form("national_id", "[XYZ][0-9]{7}[A-Z]", _nif),
        _form("national_id", "[STFGM][0-9]{7}[A-Z]", _nric),
        _form("national_id", "[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]"),
        _form("national_id", "[A-Z]{3}[0-9]{6}", _polish_card),
    ),
    10: (
        _form("national_id", "[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]"),
        _form("national_id", "(?:19|20)[0-9]{7}[A-Z]", _uen_company),
        _form("national_id", "[RST][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z]", _uen_other),
        _form("national_id", "[A-Z][1289][0-9]{8}", _taiwanese),
        _form("vehicle", f"(?:{_STATES})[0-9]{{2}}[A-Z]{{2}}[0-9]{{4}}"),
    ),
    11: (_form("national_id", _MBI), _form("national_id", "DE[1-9][0-9]{8}", lambda code: german_vat(code[2:]))),
    12: (_form("national_id", "[0-9]{8}[A-Z][0-9]{3}", _pension),),
    15: (_form("national_id", "(?:0[1-9]|[12][0-9]|3[0-8])[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]"),),
    16: (
        _form("national_id", "[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]", _fiscal),
        _form(
            "driver_license",
            "[A-Z]{1,5}9{0,4}(?<=[A-Z9]{5})[0-9][0156][0-9](?:0[1-9]|[12][0-9]|3[01])[0-9][A-Z9]{2}[A-Z0-9]{3}",
            _licence_date,
        ),
    ),
    17: (_form("vehicle", "(?=.*[A-Z].*[A-Z])[A-HJ-NPR-Z0-9]{17}", vin),),
    18: (
        _form(
            "national_id", "[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", lambda code: is_date("4", code[6:8], code[8:10])
        ),
        _form("national_id", "[1-9][0-9]{16}X", chinese),
    ),
}

_OUTWARD = "[A-PR-UWYZ](?:[0-9][0-9A-HJKPSTUW]?|[A-HK-Y][0-9][0-9ABEHMNPRVWXY]?)"
_POSTCODE = _OUTWARD + "[0-9](?!GB|TB|PB|HZ)[ABD-HJLNP-UW-Z]{2}"

# These count where the text is nothing but the code.
ALONE: Final[dict[int, tuple[Form, ...]]] = {
    5: (_form("street_address", _POSTCODE),),
    6: (_form("street_address", _POSTCODE), _form("street_address", "GIR0AA")),
    7: (
        _form("street_address", _POSTCODE),
        _form("vehicle", "[A-Z]{2}[0-9]{2}[A-Z]{3}|[A-Z]{2}[0-9]{3}[A-Z]{2}"),
    ),
    8: (_form("national_id", "[A-Z][0-9]{6}[0-9A]", _hong_kong), _form("passport", "[A-PR-WY][1-9][0-9]{5}[1-9]")),
    9: (
        _form("national_id", "[A-Z][0-9]{7}[A-Z]"),
        _form("passport", "[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{7}[0-9]", _icao),
        _form("national_id", "[A-Z]{2}[0-9]{5}[A-Z]{2}"),
        _form("passport", "[A-Z]{2}[0-9]{7}"),
        _form("national_id", "[0-9]{7}[A-Z]{2}"),
    ),
    10: (
        _form("national_id", "[A-Z][0-9]{9}", _health_insured),
        _form("national_id", "[A-Z]{3}[0-9]{7}"),
        _form("national_id", "[LMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]", _icao),
        _form("driver_license", "[A-Z]{2}[0-9]{7}[A-Z]"),
        _form("vehicle", f"(?:{_STATES})[0-9]{{1,2}}[A-Z]{{1,3}}[0-9]{{4}}"),
    ),
    11: (
        _form(
            "driver_license",
            "[A-Z0-9][0-9]{2}[A-Z0-9]{6}[0-9][A-Z0-9]",
            lambda code: len(set(code)) > 5 and not code.isdigit(),
        ),
    ),
}


# Written with marks between its parts: what the shape of the part behind the first digit is, and the whole.
_MARKED = (
    ("0-A", 11, Late(r"(?:[0-9]{7,8}|[XYZ]-?[0-9]{7})-[A-Z]|[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-K")),
    ("000000A", 3, Late(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{6}[A-D]")),
    ("00 00 00 A", 4, Late(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]")),
    ("0-AA", 16, Late(r"[1-9][A-Z][A-Z0-9][0-9]-[A-Z][A-Z0-9][0-9]-[A-Z]{2}[0-9]{2}")),
    (" 0AA", 5, Late(_OUTWARD + r" [0-9](?!GB|TB|PB|HZ|TH|ST|ND|RD)[ABD-HJLNP-UW-Z]{2}")),
)
_HETU = Late(r"000000[\-+A]000[0A]")
_MBI_WHOLE = Late(_MBI + r"\Z")


def search(text: str, shape: str) -> list[Span]:
    """Return every code, with its class."""
    found: list[Span] = []
    _find_words(text, shape, found)
    _find_marked(text, shape, found)
    return found


def _find_words(text: str, shape: str, found: list[Span]) -> None:
    for tail in _TAIL.finditer(shape):
        start, end = tail.span()
        floor = max(0, start - _HEAD_REACH)
        while start > floor and shape[start - 1] == "A":
            start -= 1
        forms = STRONG.get(end - start)
        if (
            forms is None
            or (start and shape[start - 1] in _BESIDE)
            or (end < len(shape) and shape[end] in _AFTER)
            or "A" not in shape[start:end]
        ):
            continue
        code = text[start:end]
        for name, pattern, check in forms:
            if pattern.match(code) and check(code):
                found.append((start, end, name))
                break


def _find_marked(text: str, shape: str, found: list[Span]) -> None:
    for literal, before, pattern in _MARKED:
        at = shape.find(literal)
        while at >= 0:
            for start in range(max(0, at - before), at + 1):
                match = pattern.match(text, start)
                if match:
                    if _stands_apart(shape, start, match.end()) and (name := _class_of_marked(match[0])):
                        found.append((start, match.end(), name))
                    break
            at = shape.find(literal, at + len(literal))
    if "000000" in shape:
        for hetu in _HETU.finditer(shape):
            start, end = hetu.span()
            if _stands_apart(shape, start, end) and _finnish(text[start:end]):
                found.append((start, end, "national_id"))


def _stands_apart(shape: str, start: int, end: int) -> bool:
    return not ((start and shape[start - 1] in _BESIDE) or (end < len(shape) and shape[end] in _AFTER))


def _class_of_marked(code: str) -> str:
    bare = code.replace("-", "").replace(".", "").replace(" ", "")
    if code[-4] == " ":
        return "street_address"
    if code[-1] == "K" and "." in code:
        return "national_id" if rut(bare) else ""
    if len(bare) == 11:
        return "national_id" if _MBI_WHOLE.match(bare) else ""
    return "national_id" if " " in code or _nif(bare) else ""


def class_of(code: str) -> str:
    """Return the class of a text that is nothing but a code, in any case and without its separators; empty for none.

    Args:
        code: letters and digits.
    """
    code = code.upper()
    for forms in (STRONG.get(len(code), ()), ALONE.get(len(code), ())):
        for name, pattern, check in forms:
            if pattern.match(code) and check(code):
                return name
    return ""
