"""Bounds what undecided traces hold: in time, in spans and in bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tracing_proxies.compiled import hot
from tracing_proxies.recording.held import Held
from tracing_proxies.recording.span import Span

LONGEST = 30 * 10**9
"""A trace that is under way for longer, in nanoseconds, is decided early; what comes later follows."""
MOST_SPANS = 2_000
"""So is one that holds more spans."""
MOST_BYTES = 32 * 2**20
"""What all undecided traces may hold together: above it payloads go first, then whole traces, the lowest R first."""
Copied = hot.Copied if hot is not None else None
_SPAN_BYTES = 1_200
_MOST_NODES = 5_000


def is_long(held: Held, now: int) -> bool:
    """Tell whether a trace is to be decided although it has not ended."""
    return now - held.begun > LONGEST or len(held) > MOST_SPANS


def weigh(held: Held) -> int:
    """Return about how many bytes a trace holds; each span is looked at once."""
    spans = held.waiting()
    known, size = held.weighed
    if known > len(spans):
        known = size = 0
    size += sum(_SPAN_BYTES + _weigh_payload(span) for span in spans[known:])
    held.weighed = (len(spans), size)
    return size


def relieve(undecided: Iterable[Held], most: int = MOST_BYTES) -> list[Held]:
    """Make room where undecided traces hold too much.

    Payloads are taken from the traces of the lowest R first; where that is not enough, whole traces are named, the
    lowest R first. All that remain then stand for those: they learn the T that has been raised.

    Returns:
        The traces that are to be dropped.
    """
    waiting = sorted(undecided, key=lambda held: held.random)
    total = sum(map(weigh, waiting))
    for held in waiting:
        if total <= most:
            return []
        if not held.critical and held.trace.payload:
            total -= held.weighed[1]
            held.drop_payloads()
            held.weighed = (0, 0)
            total += weigh(held)
    dropped = []
    for held in waiting:
        if total <= most:
            break
        if not held.critical:
            total -= held.weighed[1]
            dropped.append(held)
    if dropped:
        least = dropped[-1].random + 1
        for held in waiting[len(dropped) :]:
            held.least = max(held.least, least)
    return dropped


def _weigh_payload(span: Span) -> int:
    size, nodes = 0, _MOST_NODES
    waiting: list[Any] = [span.arguments, span.keywords, span.kept_input, span.kept_output, span.kept_metadata]
    while waiting and nodes:
        nodes -= 1
        value = waiting.pop()
        kind = type(value)
        if kind is str:
            size += 50 + len(value)
        elif kind is dict:
            size += 100 + 16 * len(value)
            waiting.extend(value)
            waiting.extend(value.values())
        elif kind is list or kind is tuple:
            size += 60 + 8 * len(value)
            waiting.extend(value)
        elif kind is Copied:
            size += value.weight
        elif value is not None:
            size += 32
    return size
