"""US social security numbers: three, two and four digits from the ranges that are issued."""

from __future__ import annotations

from collections.abc import Sequence

from tracing_proxies.masking.detectors.digits import Run, words_before
from tracing_proxies.masking.detectors.kinds import Part, Span

_CONTEXT = frozenset("ssn ssns social security taxpayer itin".split())
_SEPARATORS = frozenset(("-", " ", ".", "\u2010", "\u2011", "\u2013"))


def judge(run: Run, text: str, lower: str) -> Sequence[Span]:
    """Return the run if it is a social security number."""
    if len(run.digits) != 9 or run.glued or not _is_issued(run.digits):
        return ()
    if run.shape == (3, 2, 4):
        first, second, third = run.groups
        separator = text[first[1] : second[0]]
        if separator in _SEPARATORS and separator == text[second[1] : third[0]]:
            return ((first[0], run.end, "us_ssn"),)
    elif run.shape == (9,) and not _CONTEXT.isdisjoint(words_before(lower, run.start)):
        return ((run.groups[0][0], run.end, "us_ssn"),)
    return ()


def _is_issued(digits: str) -> bool:
    return not (digits[:3] in ("000", "666") or digits[0] == "9" or digits[3:5] == "00" or digits[5:] == "0000")


PARTS = (Part(("us_ssn",), judge=judge, sizes=frozenset((9,))),)
