"""Finds what a trace's duration is made of: at every moment, the span that the end had to wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """When something ran, in nanoseconds, and the position of what it ran for; -1 at the top."""

    start: int
    end: int
    parent: int


def critical_path(spans: Sequence[Interval]) -> dict[int, int]:
    """Return the positions of the spans on the critical path, each with the nanoseconds that it was on it itself.

    From the end of a span one goes back to the child that ended last before, from that one's start to the next, and so
    on; what no child covers is the span's own. The figures add up to the duration of the span at the top, the longest
    one where there are several.

    Args:
        spans: each after its parent.
    """
    if not spans:
        return {}
    below: dict[int, list[int]] = defaultdict(list)
    for position, span in enumerate(spans):
        below[span.parent].append(position)
    top = max(below[-1], key=lambda position: spans[position].end - spans[position].start)
    found: dict[int, int] = {}
    stack = [(top, spans[top].end)]
    while stack:
        position, end = stack.pop()
        span, own = spans[position], 0
        moment = min(end, span.end)
        for child in sorted(below[position], key=lambda child: spans[child].end, reverse=True):
            if spans[child].start >= moment or spans[child].end <= span.start:
                continue
            ended = min(moment, spans[child].end)
            own += moment - ended
            stack.append((child, ended))
            moment = max(span.start, spans[child].start)
        found[position] = own + max(0, moment - span.start)
    return found
