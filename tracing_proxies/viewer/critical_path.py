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

    From the end of a span one goes back to the child that ended last, from that one's start to the child that had ended
    last by then, and so on; what none of these covers is the span's own. The figures add up to the duration of the span
    at the top, the longest one where there are several.

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
    stack = [(top, spans[top].start, spans[top].end)]
    while stack:
        position, begin, end = stack.pop()
        own, moment = 0, end
        for child in sorted(below[position], key=lambda child: spans[child].end, reverse=True):
            span = spans[child]
            # What outlives its parent counts until the parent's end; beside another sibling nobody waited for it.
            if span.start >= moment or span.end <= begin or moment < min(span.end, end):
                continue
            ended, begun = min(moment, span.end), max(begin, span.start)
            own += moment - ended
            stack.append((child, begun, ended))
            moment = begun
        found[position] = own + moment - begin
    return found
