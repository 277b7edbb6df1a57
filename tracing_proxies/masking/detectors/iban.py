"""IBANs: country, length and remainder all have to fit."""

from __future__ import annotations

from collections.abc import Sequence

from tracing_proxies.masking.checks import iban_length, mod97
from tracing_proxies.masking.detectors.digits import Run
from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.late import Late

_HEADS = ("A00", "a00")  # the second letter of the country and the check digits
_STAND_APART = Late(r"(?<![A-Za-z0-9])|(?<=\\[nrt])")
_GOES_ON = Late(r"[ \u00a0\-]?[A-Za-z0-9]{4}")
_SEPARATORS = " -\u00a0\n"
_MISREAD = str.maketrans("OolI", "0011")  # as programs read scanned paper
_POLISH = ((26,), (2, 4, 4, 4, 4, 4, 4))


def search(text: str, shape: str) -> list[Span]:
    """Return every IBAN, written together or in groups."""
    found: list[Span] = []
    for head in _HEADS:
        start = shape.find(head)
        while start >= 0:
            start -= 1
            length = iban_length(text[start : start + 2].upper()) if start >= 0 else 0
            if (
                length
                and _STAND_APART.match(text, start)
                and _GOES_ON.match(text, start + 4)
                and not _continues_a_code(text, start)
            ):
                end = _end_of(text, start, length)
                if end:
                    found.append((start, end, "iban"))
            start = shape.find(head, start + 4)
    return found


def judge(run: Run, text: str, lower: str) -> Sequence[Span]:
    """Return the run if it is a Polish account number, which is written without its country at home."""
    if len(run.digits) == 26 and run.shape in _POLISH and not run.glued and mod97("PL" + run.digits):
        return ((run.groups[0][0], run.end, "iban"),)
    return ()


def _end_of(text: str, start: int, length: int) -> int:
    """Return where an IBAN of that many characters ends, 0 if there is none."""
    taken: list[str] = []
    at = start
    while at < len(text) and len(taken) < length:
        character = text[at]
        if character.isascii() and character.isalnum():
            taken.append(character)
        elif character not in _SEPARATORS or text[at - 1] in _SEPARATORS:
            return 0
        at += 1
    if len(taken) < length or (at < len(text) and text[at].isalnum()):
        return 0
    written = "".join(taken)
    if not _is_grouped(text[start:at]):
        return 0
    return at if mod97(written.upper()) or _is_misread(written) else 0


def _is_misread(written: str) -> bool:
    digits = written[4:].translate(_MISREAD)
    return digits != written[4:] and digits.isdigit() and mod97(written[:4].upper() + digits)


def _continues_a_code(text: str, start: int) -> bool:
    return start >= 2 and text[start - 1] == "-" and text[start - 2].isalnum()


def _is_grouped(written: str) -> bool:
    """Tell whether hyphens stand after every fourth character, if there are any: one UUID in some 97 has the check
    digits of an IBAN somewhere, but never its groups."""
    *groups, last = written.split("-")
    return len(last) <= 4 and all(len(group) == 4 for group in groups) if groups else True


PARTS = (Part(("iban",), judge=judge, sizes=frozenset((26,))),)
