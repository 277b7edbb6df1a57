"""Spans that travel together through memory, and how small batches become one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import attrs

from tracing_proxies.recording.observation import Observation

BATCH_SPANS = 512


@attrs.define(eq=False, repr=False)
class Batch:
    """Spans that travel together.

    Args:
        first: how many spans were offered to the lane before these.
        size: bytes in memory, estimated.
        since: when they were offered, seconds of the monotonic clock.
        tried: whether the sink has seen them: such a batch is offered again as it is, so that the bytes are the same.
    """

    spans: Sequence[Observation]
    first: int
    size: int
    since: float
    tried: bool = False


def merge(batch: Batch, followers: deque[Batch]) -> Batch:
    """Return a batch with as many of those behind it as fit into one; they are taken away."""
    if not followers or len(batch.spans) + len(followers[0].spans) > BATCH_SPANS:
        return batch
    spans, size = list(batch.spans), batch.size
    while followers and not followers[0].tried and len(spans) + len(followers[0].spans) <= BATCH_SPANS:
        more = followers.popleft()
        spans += more.spans
        size += more.size
    return Batch(spans, batch.first, size, batch.since)
