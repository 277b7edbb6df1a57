"""Delivers to Langfuse's OTLP endpoint, or to one that answers like it."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Iterator, Sequence

from tracing_proxies.delivery.encoder import (
    encode_request,
    encode_resource,
    encode_scope,
    encode_span,
    framed_size,
)
from tracing_proxies.delivery.reply import REFUSED_PAUSE, Reply, Verdict
from tracing_proxies.delivery.sinks.protocol import Health, Outcome
from tracing_proxies.delivery.transport import Transport
from tracing_proxies.recording.observation import Observation

TRACES_PATH = "/api/public/otel/v1/traces"
MAX_BATCH_BYTES = 4_000_000
MAX_BATCH_SPANS = 512
_ENVELOPE_BYTES = 512
_POISON_LIMIT = 16

_Encoded = tuple[Observation, bytes]


class LangfuseSink:
    """Sends batches, isolates what the server refuses, and hands back what has to wait.

    Args:
        host: the server's address, ``https://cloud.langfuse.com`` or one's own.
        public_key: the project's public key.
        secret_key: the project's secret key; appears in no text.
        name: the sink's name in accounts and status.
        linger: seconds that spans may be collected for one request.
        max_batch_bytes: a request's size before compression.
        max_batch_spans: a request's spans.
        connect_timeout: seconds.
        read_timeout: seconds for a whole exchange.
        scope_version: version of the instrumentation scope.
        tls: verification settings, for a private certificate authority.

    Raises:
        ValueError: the host is not an http or https address.
    """

    def __init__(
        self,
        host: str,
        public_key: str,
        secret_key: str,
        *,
        name: str = "langfuse",
        linger: float = 1.0,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        max_batch_spans: int = MAX_BATCH_SPANS,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        scope_version: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self.linger = linger
        self._max_bytes = max_batch_bytes - _ENVELOPE_BYTES
        self._max_spans = max_batch_spans
        self._scope = encode_scope(scope_version)
        self._health = Health()
        self._transport = Transport(
            host, public_key, secret_key, connect_timeout=connect_timeout, read_timeout=read_timeout, tls=tls
        )

    def __repr__(self) -> str:
        return f"LangfuseSink({self._transport.origin})"

    def health(self) -> Health:
        """Return whether the last exchange went well, and what was wrong with it."""
        return self._health

    def limit(self, deadline: float | None) -> None:
        """Let no exchange last longer than until ``deadline`` (seconds, monotonic); None lifts that."""
        self._transport.limit(deadline)

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Send the batch once, in as many requests as its size needs.

        The first request that has to be repeated ends the attempt; it and all after it remain.
        """
        dropped: Counter[str] = Counter()
        delivered = 0
        refused_alone = 0
        parts = list(self._requests(batch, dropped))
        parts.reverse()
        while parts:
            part = parts.pop()
            reply = self._send(part)
            if reply.verdict is Verdict.DELIVERED:
                refused = min(reply.rejected, len(part))
                delivered += len(part) - refused
                if refused:
                    dropped["rejected"] += refused
            elif reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
                return self._postpone(reply, delivered, dropped, [part, *reversed(parts)])
            elif len(part) > 1:  # halve, until the span that the server cannot take stands alone
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
            elif reply.verdict is Verdict.TOO_LARGE:
                dropped["too_large"] += 1
            else:
                dropped["rejected"] += 1
                refused_alone += 1
                if refused_alone >= _POISON_LIMIT and not delivered and parts:
                    # Not one poisoned span but a server that takes none of ours: do not ask it a thousand times.
                    reply = Reply(Verdict.UNAUTHORISED, f"{reply.reason} for every span", REFUSED_PAUSE)
                    return self._postpone(reply, delivered, dropped, list(reversed(parts)))
        self._health = Health()
        return Outcome(delivered=delivered, dropped=dict(dropped))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _send(self, part: list[_Encoded]) -> Reply:
        resource = encode_resource(part[0][0].service_name)
        return self._transport.post(TRACES_PATH, encode_request([span for _, span in part], resource, self._scope))

    def _postpone(self, reply: Reply, delivered: int, dropped: Counter[str], parts: list[list[_Encoded]]) -> Outcome:
        reason = reply.reason
        if reply.verdict is Verdict.UNAUTHORISED:
            reason = f"{reason} from {self._transport.origin}{TRACES_PATH}: check the address and the keys"
        self._health = Health(ok=False, reason=reason)
        return Outcome(
            delivered=delivered,
            dropped=dict(dropped),
            remaining=[observation for part in parts for observation, _ in part],
            retry_after=reply.retry_after,
            reachable=reply.reachable and reply.verdict is not Verdict.UNAUTHORISED,
            reason=reason,
        )

    def _requests(self, batch: Sequence[Observation], dropped: Counter[str]) -> Iterator[list[_Encoded]]:
        part: list[_Encoded] = []
        size = 0
        for observation in batch:
            try:
                span = encode_span(observation)
            except ValueError:
                dropped["encode"] += 1
                continue
            length = framed_size(span)
            if part and (
                size + length > self._max_bytes
                or len(part) >= self._max_spans
                or observation.service_name != part[0][0].service_name
            ):
                yield part
                part, size = [], 0
            part.append((observation, span))
            size += length
        if part:
            yield part
