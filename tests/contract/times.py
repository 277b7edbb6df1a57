"""Times as the API writes them."""

from __future__ import annotations

import datetime


def nanoseconds(text: str) -> int:
    """Read an ISO time; ValueError where it is none."""
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return int(moment.timestamp() * 1_000_000) * 1000


def iso_time(moment: int) -> str:
    """Write nanoseconds since the epoch."""
    time = datetime.datetime.fromtimestamp(moment / 1e9, datetime.timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
