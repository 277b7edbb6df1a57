"""Sends what a local store holds to a destination, batch after batch, and waits for it where it asks to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import attrs

from tracing_proxies.delivery.backoff import Backoff
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.recording.observation import Observation


@attrs.define(eq=False, repr=False)
class Pushed:
    """What became of the spans.

    Args:
        delivered: spans that the destination has taken.
        dropped: spans that it will never take, by reason.
        stopped: why the rest was not sent, "" where all was.
    """

    delivered: int = 0
    dropped: Counter[str] = attrs.field(factory=Counter)
    stopped: str = ""


def push(
    batches: Iterable[Sequence[Observation]],
    sink: Sink,
    *,
    patience: float,
    progress: Callable[[Pushed], None] = lambda pushed: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Send batches in order.

    Args:
        patience: seconds that the destination may fail without taking anything before the rest is given up.
        progress: called after each attempt.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.

    Returns:
        The counts. Ids and start times are those of the store, so what is sent again replaces what was sent before.
    """
    pushed = Pushed()
    backoff = Backoff(clock)
    for batch in batches:
        waiting = batch
        silent_since: float | None = None
        while waiting:
            outcome = sink.write(waiting)
            pushed.delivered += outcome.delivered
            pushed.dropped.update(outcome.dropped)
            moved = len(outcome.remaining) < len(waiting)
            waiting = outcome.remaining
            progress(pushed)
            if not waiting:
                backoff.succeed()
                break
            now = clock()
            silent_since = now if moved or silent_since is None else silent_since
            own_pause = backoff.fail()
            pause = own_pause if outcome.retry_after is None else outcome.retry_after
            if now + pause - silent_since > patience:
                pushed.stopped = outcome.reason or "the destination asked to be tried again later"
                return pushed
            sleep(pause)
    return pushed
