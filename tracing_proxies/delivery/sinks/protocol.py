"""What a destination must be able to do, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs

from tracing_proxies.recording.observation import Observation


@attrs.frozen(repr=False)
class Outcome:
    """What became of a batch; delivered, dropped and remaining together are the batch.

    Args:
        delivered: spans that the destination has accepted.
        dropped: spans that it will never accept, by reason.
        remaining: spans to be offered again, in order; the pipeline offers the same sequence again, so that a sink that
            encodes deterministically resends identical bytes.
        retry_after: seconds that the destination is to be left alone, though nothing may remain of this batch; None to
            leave it to the pipeline's backoff.
        reachable: False when the destination does not answer or does not let us in, so that waiting for it is vain.
        reason: why something remains, for people; holds no data and no secrets.
    """

    delivered: int = 0
    dropped: Mapping[str, int] = attrs.field(factory=dict)
    remaining: Sequence[Observation] = ()
    retry_after: float | None = None
    reachable: bool = True
    reason: str = ""


@attrs.frozen(eq=False, repr=False)
class Parcel:
    """A request as it is sent and stored.

    Args:
        payload: the compressed body.
        spans: how many are in it.
        errors: whether one of them is an error.
    """

    payload: bytes
    spans: int
    errors: bool = False


@attrs.frozen(eq=False, repr=False)
class Shipped:
    """What became of a parcel; delivered, dropped and the spans of ``rest`` together are its spans.

    Args:
        rest: what is to be sent again; the very same parcel where the destination has taken nothing of it.
        refused: whether the destination will never take the parcel as a whole, and it was not taken apart.
        retry_after, reachable, reason: as in ``Outcome``.
    """

    delivered: int = 0
    dropped: Mapping[str, int] = attrs.field(factory=dict)
    rest: Sequence[Parcel] = ()
    refused: bool = False
    retry_after: float | None = None
    reachable: bool = True
    reason: str = ""


@attrs.frozen(eq=False, repr=False)
class Storage:
    """Where a sink's parcels are kept until they are delivered.

    Args:
        folder: for this destination alone.
        durable: whether each parcel is to be on the medium before it counts as kept.
        max_size: bytes.
        max_age: nanoseconds.
    """

    folder: Path
    durable: bool = False
    max_size: int = 512 * 2**20
    max_age: int = 24 * 3600 * 10**9


@attrs.frozen(eq=False)
class Health:
    """Whether a destination works, and why not; holds no secrets."""

    ok: bool = True
    reason: str = ""


@runtime_checkable
class Shipper(Protocol):
    """A sink whose requests can be kept on disk: what it sends does not depend on when.

    Two things are optional: ``most_spans``, how many spans there may be in one exchange, and ``ordered``, whether what
    was packed first must arrive first.
    """

    storage: Storage | None

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        """Make parcels of a batch; returns them, and how many spans cannot be encoded, by reason."""

    def ship(self, parcel: Parcel, *, whole: bool) -> Shipped:
        """Try once to deliver a parcel.

        Args:
            whole: leave a parcel that is refused as it is; False takes it apart to find the span that is to blame.
        """


class Sink(Protocol):
    """A destination of observations.

    ``write`` and ``close`` are called by one thread at a time. A sink that is used in a forked child opens its
    connection anew there. Five things are optional: ``linger``, the seconds that spans may be collected before they are
    written (0.0 where absent), ``health()``, ``details()``, what else there is to say of it in plain values,
    ``hasten(seconds)``, for how long an exchange may last from now on (None: as long as it does otherwise), and
    ``tend()``, which is called while there is nothing to write and returns after how many seconds it wants to be called
    again, None for never.
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


def details_of(sink: Sink) -> Mapping[str, Any]:
    """Return what a sink has to say of itself beside its health."""
    tell = getattr(sink, "details", None)
    answer = tell() if callable(tell) else None
    return answer if isinstance(answer, Mapping) else {}


def hasten(sink: Sink, patience: float | None) -> None:
    """Tell a sink for how many seconds an exchange may last, if it can be told; None for its own deadlines."""
    tell = getattr(sink, "hasten", None)
    if callable(tell):
        tell(patience)
