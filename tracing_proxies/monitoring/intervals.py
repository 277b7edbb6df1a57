"""Stretches of time, of which it matters how much they cover together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

Interval = tuple[int, int]
MOST: Final = 256
"""How many stay apart where intervals join."""


def join(intervals: Iterable[Interval]) -> list[Interval]:
    """Return intervals that cover the same time and do not overlap; of very many, those nearest to each other join."""
    joined: list[Interval] = []
    for start, stop in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    while len(joined) > MOST:
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(joined)]
        at = gaps.index(min(gaps))
        joined[at : at + 2] = [(joined[at][0], joined[at + 1][1])]
    return joined


def length(intervals: Iterable[Interval], start: int, stop: int) -> int:
    """Return how much of the time between two moments some intervals cover together."""
    return sum(max(0, min(end, stop) - max(begin, start)) for begin, end in join(intervals))
