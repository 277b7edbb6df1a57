"""Numbers by which states know persons and businesses, wherever they stand: form and check digits are enough."""

from __future__ import annotations

from collections.abc import Sequence

from tracing_proxies.masking.detectors.digits import Run, words_before
from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.schemes import GROUPED, PLAIN
from tracing_proxies.masking.detectors.words import NAMED_OTHERWISE

_LONGEST = 18
_SHORTEST = min(PLAIN)


def judge(run: Run, text: str, lower: str) -> Sequence[Span]:
    """Return the run if it is such a number, or each of its groups that is one."""
    if run.glued or text[run.start] in "+(":
        return ()
    shape = run.shape
    if len(shape) == 1 or run.spelled:
        if len(run.digits) in PLAIN and is_number(run.digits) and not _is_named_otherwise(lower, run.start):
            return ((run.start, run.end, "national_id"),)
        return ()
    if len(run.digits) <= _LONGEST and shape in GROUPED:
        between = "".join(text[end:start] for (_, end), (start, _) in zip(run.groups, run.groups[1:], strict=False))
        if any(between == marks and check(run.digits) for marks, check in GROUPED[shape]):
            return () if _is_named_otherwise(lower, run.start) else ((run.start, run.end, "national_id"),)
    return [
        (start, end, "national_id")
        for start, end in (run.groups if max(shape) >= _SHORTEST else ())
        if end - start in PLAIN and is_number(text[start:end]) and not _is_named_otherwise(lower, start)
    ]


def is_number(digits: str) -> bool:
    """Tell whether digits written together satisfy the check of any scheme, and are no time in milliseconds."""
    return not is_timestamp(digits) and len(set(digits)) > 2 and any(check(digits) for check in PLAIN[len(digits)])


def is_timestamp(digits: str) -> bool:
    """Tell whether digits may be a time of these decades in seconds or milliseconds."""
    return (len(digits) == 13 and "10" <= digits[:2] <= "20") or (len(digits) == 10 and "14" <= digits[:2] <= "20")


def _is_named_otherwise(lower: str, start: int) -> bool:
    return not NAMED_OTHERWISE.isdisjoint(words_before(lower, start, 16)[-2:])


PARTS = (Part(("national_id",), judge=judge, sizes=frozenset(range(9, 80))),)
