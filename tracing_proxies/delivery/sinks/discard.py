"""A destination that encodes spans and throws them away: for measurements, and for `export: discard`."""

from __future__ import annotations

from collections.abc import Sequence

from tracing_proxies.delivery.encoder import encode_span
from tracing_proxies.delivery.sinks.protocol import Health, Outcome
from tracing_proxies.recording.observation import Observation


class DiscardSink:
    """Encodes every span, as a server's sink would, and forgets it."""

    linger = 0.0

    def __init__(self, *, name: str = "discard") -> None:
        self.name = name
        self.encoded_bytes = 0

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Encode the batch and forget it."""
        delivered = 0
        for observation in batch:
            try:
                self.encoded_bytes += len(encode_span(observation))
            except ValueError:
                continue
            delivered += 1
        refused = len(batch) - delivered
        return Outcome(delivered=delivered, dropped={"encode": refused} if refused else {})

    def health(self) -> Health:
        """Return that all is well: there is nothing that could fail."""
        return Health()

    def close(self) -> None:
        """Do nothing: nothing is open."""
