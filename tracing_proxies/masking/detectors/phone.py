"""Phone numbers: by form where the form is enough, by the words before them where it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracing_proxies.masking.detectors.digits import Run, words_before
from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.late import Late

_CONTEXT = frozenset(
    """phone phones telephone telephones tel tele telefon telefono teléfono telefone téléphone telefonu
    telefonnummer tlf mobile mobil móvil movil portable handy cell cellphone cellular fax contact
    contacts reach registered dial desk landline whatsapp sms hotline helpline komórka numer msisdn ring
    callback voicemail pager switchboard rufnummer numéro celular puhelin telefoon viber signal kontakt
    kontaktnummer erreichbar erreichen anrufen rufen ruf appelez appelle appeler joindre contacter llame llámame
    llamar llamarme chiama chiamami chiamare zadzwoń zadzwonić dzwoń dzwonić bellen ligue ligar rückruf
    handynummer handynr mobilnummer mobiltelefon telefonnummeret telefonnumret cellulare puhelinnumero
    puhelinnumeroni numeroon telefonum telefonumu cep gsm телефон телефона телефону тел мобильный моб звоните
    позвоните τηλέφωνο κινητό""".split()
)
# In scripts without spaces a word is found anywhere.
_UNSPACED = (
    "手机",
    "手機",
    "电话",
    "電話",
    "携帯",
    "联系",
    "聯絡",
    "전화",
    "휴대폰",
    "연락처",
    "โทร",
    "מספר",
    "هاتف",
    "فون",
)
_UNSPACED_BEFORE = re.compile("|".join(_UNSPACED)).search
# These mean a telephone only where no program is spoken of: agents make function calls.
_CALLS = frozenset(("call", "calls", "calling"))
_PROGRAM = frozenset("function tool tools api method rpc returned llm model agent".split())
# The word just before the digits that makes them something else.
_OTHER = frozenset(
    """id ids order orders invoice ticket sku ref reference zip postcode account case batch serial version build
    port pid isbn ean upc tracking timestamp time epoch seed offset date sha commit line bytes index size amount
    total quantity qty price usd eur rev revision created updated card ssn iban nip regon pesel vat""".split()
)
_SAID_BEHIND = Late(
    r"[ \-(]{1,2}(?:office|fax|mobile|cell|home|work|desk|direct|phone|tel|landline|whatsapp)(?![a-z])"
    r"| is (?:my|his|her|our|their) (?:[a-z]{2,9} )?(?:number|phone|cell|mobile)"
    r"| as (?:my|his|her|our|their|the|a) (?:[a-z]{2,9} )?(?:contact|phone|cell|mobile)"
)
_OWN_NUMBER = Late(
    r"(?<![a-z])(?:(?:my|his|her|their|our|your) (?:(?:new|old|work|home|other|current|personal|direct) )?"
    r"numbers? (?:is|are|was)|texts? (?:me|him|her|us|them)(?: at| on)?)[ :]+\Z"
)
_EXTENSION = Late(r"[ ,]{0,2}(?:x|ext\.?|extension)[ :]{0,2}[0-9]{1,6}(?![0-9A-Za-z])", re.IGNORECASE)
_DATE = Late(
    r"(?:(?:19|20)[0-9]{2}[-/. ](?:0?[1-9]|1[0-2])[-/. ](?:[0-2]?[0-9]|3[01])"
    r"|(?:[0-2]?[0-9]|3[01])[-/.](?:[0-2]?[0-9]|3[01])[-/.](?:19|20)[0-9]{2})(?![0-9])"
)
_BRACKETED_AREA = Late(r"(?:8 )?\(([0-9]{2,5})\)[ /\-]?[0-9]")
_YEAR = Late(r"(?:19|20)[0-9]{2}\Z")
_QUAD = Late(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")
_CALLING_CODES = frozenset(
    """1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82
    84 86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234
    235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262
    263 264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374
    375 376 377 378 379 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590
    591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689
    690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968
    970 971 972 973 974 975 976 977 979 992 993 994 995 996 998""".split()
)


def judge(run: Run, text: str, lower: str) -> Sequence[Span]:
    """Return the phone numbers in a run, each with its extension."""
    if len(run.digits) <= 15:
        if _is_phone(text, lower, run.start, run.end, run.digits, run.shape, run.glued):
            return (_reported(text, run.start, run.end),)
        return ()
    # More digits than a number has: several numbers side by side, each its own group.
    return [
        _reported(text, start, end)
        for start, end in (run.groups if max(run.shape) >= 7 else ())
        if 7 <= end - start <= 15 and _is_phone(text, lower, start, end, text[start:end], (end - start,), run.glued)
    ]


def _reported(text: str, start: int, end: int) -> Span:
    extension = _EXTENSION.match(text, end)
    return start, extension.end() if extension else end, "phone"


def _is_phone(text: str, lower: str, start: int, end: int, digits: str, shape: tuple[int, ...], glued: bool) -> bool:
    if glued and not _EXTENSION.match(text, end):
        return False
    written = text[start:end]
    if "." in written and text[start - 1 : start] == "/" and text[start - 2 : start - 1].isalpha():
        return False  # `Safari/6535.50.2` is a version
    if written[0] == "+" or written.startswith("(+"):
        return _is_international(digits)
    if len(set(digits)) < 3 or _DATE.match(written.lstrip("(")) or _QUAD.match(written):
        return False
    if digits.startswith("00") and len(digits) >= 11 and _is_international(digits[2:]):
        return len(shape) > 1 or _in_context(lower, start, end)
    if _is_american(written, digits, shape):
        return not _is_named_otherwise(lower, start)
    if _has_bracketed_area(written, digits, shape) or (written.count("/") < 2 and _has_trunk_prefix(digits, shape)):
        return not _is_named_otherwise(lower, start)
    return (shape.count(1) <= 2 or len(shape) == len(digits)) and _in_context(lower, start, end)


def _is_international(digits: str) -> bool:
    return 7 <= len(digits) <= 15 and (
        digits[:1] in _CALLING_CODES or digits[:2] in _CALLING_CODES or digits[:3] in _CALLING_CODES
    )


def _is_american(written: str, digits: str, shape: tuple[int, ...]) -> bool:
    """``(415) 555-0199``, ``415-555-0199``, ``1.415.555.0199``: an area code never begins with 0 or 1."""
    if len(digits) == 11 and digits[0] in "01" and shape[:1] == (1,):
        digits, shape = digits[1:], shape[1:]
    elif len(digits) == 13 and digits.startswith("001") and shape[:1] == (3,):
        digits, shape = digits[3:], shape[1:]
    if shape == (3, 7) and not written.startswith("("):
        return False
    return len(digits) == 10 and shape in ((3, 3, 4), (3, 7)) and digits[0] in "23456789"


def _has_trunk_prefix(digits: str, shape: tuple[int, ...]) -> bool:
    """``0378 354989``, ``(01632) 960 440``: outside America an area code begins with 0, and ids in groups seldom do."""
    return (
        digits[0] == "0"
        and digits[1] != "0"
        and 9 <= len(digits) <= 11
        and 2 <= len(shape) <= 5
        and 2 <= shape[0] <= 5
        and min(shape) >= 2
    )


def _has_bracketed_area(written: str, digits: str, shape: tuple[int, ...]) -> bool:
    """``(03350) 49258 991``, ``(11) 91234-5678``, ``8 (483) 378-87-62``: the area in brackets, the rest in groups."""
    area = _BRACKETED_AREA.match(written)
    return (
        area is not None
        and not _YEAR.match(area[1])
        and 8 <= len(digits) <= 13
        and 2 <= len(shape) <= 5
        and min(shape[1:]) >= 2
        and (area[1][0] == "0" or (len(shape) > 2 and "-" in written))
    )


def _in_context(lower: str, start: int, end: int) -> bool:
    words = words_before(lower, start)
    if _SAID_BEHIND.match(lower, end) or _OWN_NUMBER.search(lower, max(0, start - 32), start):
        return True
    if not lower.isascii() and _UNSPACED_BEFORE(lower, max(0, start - 16), start):
        return True
    if not _OTHER.isdisjoint(words[-2:]):
        return False
    return not _CONTEXT.isdisjoint(words) or (not _CALLS.isdisjoint(words) and _PROGRAM.isdisjoint(words))


def _is_named_otherwise(lower: str, start: int) -> bool:
    return not _OTHER.isdisjoint(words_before(lower, start, 16)[-1:])


PARTS = (Part(("phone",), judge=judge),)
