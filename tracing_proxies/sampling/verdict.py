"""What becomes of one trace: recorded or only counted when it begins, kept or not when its first span has ended."""

from __future__ import annotations

from typing import NamedTuple

from tracing_proxies.sampling.keys import Key
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.rule import threshold

COUNTED, SKELETON, CAPTURED = 0, 1, 2
"""The levels of detail, all decided by one R: what a lower probability records a higher one records as well."""


class Verdict(NamedTuple):
    """What is kept of a trace.

    Args:
        whole: whether all its spans are kept.
        stub: whether at least its first span and its errors are.
        weight: how many traces its first span, and each of its errors, stands for, if it is kept.
        inner: how many its other spans stand for.
        reason: why, in one word.
    """

    whole: bool
    stub: bool
    weight: float
    inner: float
    reason: str


def decide(
    random: int,
    plan: Plan,
    key: Key,
    recorded: float,
    *,
    important: str = "",
    rare: bool = False,
    error: float = 0.0,
    survived: float = 1.0,
    fixed: bool = False,
    press: float = 1.0,
) -> Verdict:
    """Decide on a trace that was recorded, by the one rule, R >= T.

    Args:
        random: its R.
        recorded: the probability at which traces like it were recorded when it began.
        important: why it is more important than others: error, slow, or keep; "" if it is not.
        rare: whether its name had not been seen for a while.
        error: the probability at which it would have left a stub if it had not been recorded; 0.0 where that could not
            be known of it then.
        survived: the probability at which memory has not taken it meanwhile.
        fixed: whether others have been told that it is kept.
        press: what all shares are multiplied by, since more has come of a sudden than was planned for.
    """
    bound = min(recorded, survived)
    whole = bound if fixed else min(bound, press * key.share)
    if important:
        whole = max(whole, min(bound, press * plan.whole))
    if rare:
        whole = max(whole, min(bound, press * plan.rare))
    complete = fixed or random >= threshold(whole)
    verdict = Verdict(complete, complete, inverse(whole), inverse(whole), important or ("rare" if rare else "share"))
    return with_error(verdict, random, recorded, error, survived) if error > 0.0 else verdict


def with_error(verdict: Verdict, random: int, recorded: float, error: float, survived: float = 1.0) -> Verdict:
    """Let an error add to what is kept of a trace: at least its first span and its errors, as a stub would have them.

    Args:
        error: the probability at which it would have left a stub if it had not been recorded.
    """
    least = max(inverse(verdict.inner), error)
    bound = min(recorded, survived)
    stub = verdict.whole or random >= threshold(least)
    # What memory has taken leaves nothing, and what was not recorded leaves its stubs: the rest stands for the first.
    weight = inverse(least) if least <= bound else min(least, recorded) / (least * bound)
    return verdict._replace(stub=stub, weight=weight)


def inverse(number: float) -> float:
    """Return 1/x, and 0.0 for 0.0: the weight of a probability, and the reverse."""
    return 1.0 / number if number else 0.0
