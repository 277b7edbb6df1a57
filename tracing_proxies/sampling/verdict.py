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
        weight: how many traces its first span, and each of its errors, stands for.
        inner: how many its other spans stand for.
        reason: why, in one word.
    """

    whole: bool
    stub: bool
    weight: float
    inner: float
    reason: str


_NOTHING = Verdict(False, False, 0.0, 0.0, "")


def decide(random: int, plan: Plan, key: Key, recorded: float, *, important: str = "", rare: bool = False) -> Verdict:
    """Decide on a trace by the one rule, R >= T.

    Args:
        random: its R.
        recorded: the probability at which traces like it were recorded when it began.
        important: why it is more important than others: error, slow, or keep; "" if it is not.
        rare: whether its name had not been seen for a while.
    """
    share = min(recorded, key.share)
    whole = max(share, min(recorded, plan.whole)) if important or rare else share
    least = max(whole, plan.error) if important else whole
    if least <= 0.0 or random < threshold(least):
        return _NOTHING
    complete = random >= threshold(whole)
    reason = important or ("rare" if rare else "share")
    return Verdict(complete, True, 1.0 / least, 1.0 / whole if whole else 0.0, reason)
