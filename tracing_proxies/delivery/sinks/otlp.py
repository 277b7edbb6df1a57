"""Delivers over OTLP/HTTP: to an OpenTelemetry Collector, or to whatever else speaks the protocol."""

from __future__ import annotations

import ssl
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from tracing_proxies.delivery.encoder import (
    encode_request,
    encode_resource,
    encode_scope,
    encode_span,
    framed_size,
    split_request,
)
from tracing_proxies.delivery.reply import REFUSED_PAUSE, Reply, Verdict
from tracing_proxies.delivery.sinks.protocol import Health, Outcome, Parcel, Shipped, Storage
from tracing_proxies.delivery.transport import Transport, compress
from tracing_proxies.failures import contain
from tracing_proxies.recording.observation import Observation

TRACES_PATH = "/v1/traces"
MAX_BATCH_BYTES = 4_000_000
MAX_BATCH_SPANS = 512
_ENVELOPE_BYTES = 512
_POISON_LIMIT = 16
_MOST_UNPACKED = 64 * 2**20


@attrs.frozen
class _Part:
    """The spans of one request, each with what it was made of."""

    resource: bytes
    scope: bytes
    spans: list[tuple[Any, bytes]]

    @property
    def request(self) -> bytes:
        return compress(encode_request([span for _, span in self.spans], self.resource, self.scope))

    def halves(self) -> tuple[_Part, _Part]:
        middle = len(self.spans) // 2
        return attrs.evolve(self, spans=self.spans[:middle]), attrs.evolve(self, spans=self.spans[middle:])


class OtlpSink:
    """Sends batches, isolates what the server refuses, and hands back what has to wait.

    Args:
        url: the server's address, such as ``http://127.0.0.1:4318``.
        headers: what is sent with each request beside the protocol's own; their values appear in no text.
        renew: reads them again when the server refuses them; None where there are none any more.
        path: of the endpoint, from the root of the address.
        name: the sink's name in accounts and status.
        linger: seconds that spans may be collected for one request.
        max_batch_bytes: a request's size before compression.
        max_batch_spans: a request's spans.
        connect_timeout: seconds.
        read_timeout: seconds for a whole exchange.
        scope_version: version of the instrumentation scope.
        storage: where requests are kept that the server does not take; None keeps them in memory.
        tls: verification settings, for a private certificate authority.

    Raises:
        ValueError: the address is not one of http or https, or a header cannot be sent.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        renew: Callable[[], Mapping[str, str] | None] | None = None,
        path: str = TRACES_PATH,
        name: str = "otlp",
        linger: float = 1.0,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        max_batch_spans: int = MAX_BATCH_SPANS,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        scope_version: str = "",
        storage: Storage | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self.linger = linger
        self.storage = storage
        self._path = path
        self._renew = renew
        self._max_bytes = max_batch_bytes - _ENVELOPE_BYTES
        self._max_spans = max_batch_spans
        self._scope = encode_scope(scope_version)
        self._health = Health()
        self._transport = Transport(url, headers, connect_timeout=connect_timeout, read_timeout=read_timeout, tls=tls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.origin})"

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
        parts = list(self._parts(batch, dropped))
        delivered, rest, reply = self._deliver(parts, dropped)
        if reply is None:
            return Outcome(delivered=delivered, dropped=dict(dropped))
        return Outcome(
            delivered=delivered,
            dropped=dict(dropped),
            remaining=[observation for part in rest for observation, _ in part.spans],
            **self._postponed(reply),
        )

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        """Make requests of a batch, as they are sent."""
        dropped: Counter[str] = Counter()
        parcels = [
            Parcel(part.request, len(part.spans), any(o.level == "ERROR" for o, _ in part.spans))
            for part in self._parts(batch, dropped)
        ]
        return parcels, dropped

    def ship(self, parcel: Parcel, *, whole: bool) -> Shipped:
        """Send a request that was packed earlier, perhaps by another process."""
        reply = self._post(parcel.payload)
        if reply.verdict is Verdict.DELIVERED:
            self._health = Health()
            refused = min(reply.rejected, parcel.spans)
            return Shipped(delivered=parcel.spans - refused, dropped={"rejected": refused} if refused else {})
        if reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
            return Shipped(rest=(parcel,), **self._postponed(reply))
        if whole:
            return Shipped(rest=(parcel,), refused=True, reason=reply.reason)
        try:
            request = zlib.decompressobj(31).decompress(parcel.payload, _MOST_UNPACKED)
            resource, scope, spans = split_request(request)
        except (ValueError, zlib.error):
            return Shipped(dropped={"rejected": parcel.spans}, reason=reply.reason)
        part = _Part(resource, scope, [(None, span) for span in spans])
        dropped: Counter[str] = Counter()
        if len(spans) != parcel.spans or len(spans) < 2:
            dropped["too_large" if reply.verdict is Verdict.TOO_LARGE else "rejected"] = parcel.spans
            return Shipped(dropped=dropped, reason=reply.reason)
        delivered, rest, trouble = self._deliver(list(part.halves()), dropped)
        if trouble is None:
            return Shipped(delivered=delivered, dropped=dict(dropped))
        parcels = [Parcel(part.request, len(part.spans), parcel.errors) for part in rest]
        return Shipped(delivered=delivered, dropped=dict(dropped), rest=parcels, **self._postponed(trouble))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _deliver(self, parts: list[_Part], dropped: Counter[str]) -> tuple[int, list[_Part], Reply | None]:
        """Send parts one by one, and halve what the server refuses until the span that it cannot take stands alone.

        Returns:
            How many spans it has taken, the parts that have to wait, and the reply for which they do.
        """
        delivered = refused_alone = 0
        waiting = list(reversed(parts))
        while waiting:
            part = waiting.pop()
            reply = self._post(part.request)
            if reply.verdict is Verdict.DELIVERED:
                refused = min(reply.rejected, len(part.spans))
                delivered += len(part.spans) - refused
                if refused:
                    dropped["rejected"] += refused
            elif reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
                return delivered, [part, *reversed(waiting)], reply
            elif len(part.spans) > 1:
                waiting += reversed(part.halves())
            elif reply.verdict is Verdict.TOO_LARGE:
                dropped["too_large"] += 1
            else:
                dropped["rejected"] += 1
                refused_alone += 1
                if refused_alone >= _POISON_LIMIT and not delivered and waiting:
                    # Not one poisoned span but a server that takes none of ours: do not ask it a thousand times.
                    trouble = Reply(Verdict.UNAUTHORISED, f"{reply.reason} for every span", REFUSED_PAUSE)
                    return delivered, list(reversed(waiting)), trouble
        self._health = Health()
        return delivered, [], None

    def _post(self, payload: bytes) -> Reply:
        """Send a request, and once more if the server refuses credentials that have been exchanged meanwhile."""
        reply = self._transport.post(self._path, payload)
        if reply.verdict is Verdict.UNAUTHORISED and self._renew is not None:
            try:
                headers = self._renew()
            except Exception as exc:  # a file that is being replaced at this moment, a keyring that is locked
                contain("credentials", exc)
                return reply
            if headers is not None and self._transport.authenticate(headers):
                return self._transport.post(self._path, payload)
        return reply

    def _postponed(self, reply: Reply) -> dict[str, Any]:
        reason = reply.reason
        if reply.verdict is Verdict.UNAUTHORISED:
            reason = f"{reason} from {self._transport.origin}{self._path}: check the address and the keys"
        self._health = Health(ok=False, reason=reason)
        return {
            "retry_after": reply.retry_after,
            "reachable": reply.reachable and reply.verdict is not Verdict.UNAUTHORISED,
            "reason": reason,
        }

    def _parts(self, batch: Sequence[Observation], dropped: Counter[str]) -> Iterator[_Part]:
        spans: list[tuple[Any, bytes]] = []
        service = ""
        size = 0
        for observation in batch:
            try:
                span = encode_span(observation)
            except ValueError:
                dropped["encode"] += 1
                continue
            length = framed_size(span)
            if spans and (
                size + length > self._max_bytes or len(spans) >= self._max_spans or observation.service_name != service
            ):
                yield _Part(encode_resource(service), self._scope, spans)
                spans, size = [], 0
            service = observation.service_name
            spans.append((observation, span))
            size += length
        if spans:
            yield _Part(encode_resource(service), self._scope, spans)
