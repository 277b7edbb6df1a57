"""What a destination must be able to do, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from tracing_proxies.recording.observation import Observation


@attrs.frozen
class Outcome:
    """What became of a batch; delivered, dropped and remaining together are the batch.

    Args:
        delivered: spans that the destination has accepted.
        dropped: spans that it will never accept, by reason.
        remaining: spans to be offered again, in order; the pipeline offers the same sequence again, so that a sink that
            encodes deterministically resends identical bytes.
        retry_after: seconds that the destination asked to be left alone, None to leave it to the pipeline's backoff.
        reachable: False when the destination does not answer or does not let us in, so that waiting for it is vain.
        reason: why something remains, for people; holds no data and no secrets.
    """

    delivered: int = 0
    dropped: Mapping[str, int] = attrs.field(factory=dict)
    remaining: Sequence[Observation] = ()
    retry_after: float | None = None
    reachable: bool = True
    reason: str = ""


@attrs.frozen
class Health:
    """Whether a destination works, and why not; holds no secrets."""

    ok: bool = True
    reason: str = ""


class Sink(Protocol):
    """A destination of observations.

    ``write`` and ``close`` are called by one thread at a time. A sink that is used in a forked child opens its
    connection anew there. Two things are optional: ``linger``, the seconds that spans may be collected before they are
    written (0.0 where absent), and ``health()``.
    """

    name: str

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Try once to deliver a batch; trouble with the destination is answered, not raised."""

    def close(self) -> None:
        """Release what is open; a later ``write`` opens it again."""


def linger_of(sink: Sink) -> float:
    """Return how many seconds spans may be collected for a sink."""
    return float(getattr(sink, "linger", 0.0))


def health_of(sink: Sink) -> Health:
    """Return a sink's own view of its health."""
    probe = getattr(sink, "health", None)
    answer = probe() if callable(probe) else None
    return answer if isinstance(answer, Health) else Health()
