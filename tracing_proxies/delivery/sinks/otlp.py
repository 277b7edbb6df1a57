"""Delivers over OTLP/HTTP: to an OpenTelemetry Collector, or to whatever else speaks the protocol."""

from __future__ import annotations

import ssl
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tracing_proxies.delivery.encoder import encode_resource, encode_scope, encode_span, framed_size, split_request
from tracing_proxies.delivery.reply import Reply, Verdict
from tracing_proxies.delivery.request_limits import MAX_BATCH_BYTES, MAX_BATCH_SPANS
from tracing_proxies.delivery.sinks.dissecting import Dissector, Part
from tracing_proxies.delivery.sinks.protocol import Health, Outcome, Parcel, Shipped, Storage
from tracing_proxies.delivery.slices import Slices
from tracing_proxies.delivery.spool.dead import DeadLetters
from tracing_proxies.delivery.transport import OTLP, Transport
from tracing_proxies.failures import contain
from tracing_proxies.recording.observation import Observation

TRACES_PATH = "/v1/traces"
_ENVELOPE_BYTES = 512
_MAX_PACKED_BYTES = 256_000
_MOST_UNPACKED = 64 * 2**20


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
        ordered: whether what was packed first must arrive first, though a server that may be down is then tried with a
            larger request.
        media: the headers that say what a request is.

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
        ordered: bool = False,
        media: Mapping[str, str] = OTLP,
    ) -> None:
        self.ordered = ordered
        self.name = name
        self.linger = linger
        self.storage = storage
        self._path = path
        self._renew = renew
        self._max_bytes = max_batch_bytes - _ENVELOPE_BYTES
        self._max_spans = self.most_spans = max_batch_spans
        self._scope = encode_scope(scope_version)
        self._health = Health()
        self._transport = Transport(
            url, headers, connect_timeout=connect_timeout, read_timeout=read_timeout, tls=tls, media=media
        )
        self._next_transport: Transport | None = None
        self._patience: float | None = None
        self.dead = None if storage is None else DeadLetters(storage.folder)
        self._dissector = Dissector(self._post, self.dead)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.origin})"

    def health(self) -> Health:
        """Return whether the last exchange went well, and what was wrong with it."""
        return self._health

    def limit(self, deadline: float | None) -> None:
        """Let no exchange last longer than until ``deadline`` (seconds, monotonic); None lifts that."""
        self._transport.limit(deadline)

    def hasten(self, patience: float | None) -> None:
        """Let no exchange last longer than so many seconds; None lifts that."""
        self._patience = patience

    def follow(self, heir: OtlpSink) -> None:
        """Use the address and the credentials of another sink to the same destination from the next request on."""
        self._next_transport = heir._transport.twin()

    def details(self) -> Mapping[str, Any]:
        """Return the address, its clock's distance, and what became of spans that it did not take as they were."""
        found: dict[str, Any] = {"address": self._address, "shortened": self._dissector.shortened}
        found["skew"] = self._transport.skew
        return found if self.dead is None else {**found, "dead": self.dead.status()}

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Send the batch once, in as many requests as its size needs.

        The first request that has to be repeated ends the attempt; it and all after it remain.
        """
        self._begin()
        dropped: Counter[str] = Counter()
        told = self._dissector.deliver(list(self._parts(batch, dropped, self._max_bytes)), dropped)
        return Outcome(
            delivered=told.delivered,
            dropped=dict(dropped),
            remaining=[observation for part in told.rest for observation, _ in part.spans] if told.rest else (),
            **self._conclude(told.trouble),
        )

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        """Make requests of a batch, as they are sent."""
        dropped: Counter[str] = Counter()
        # Mapped, since a loop's variable would hold a part's spans while those of the next are encoded.
        # They are small, since heaps keep room for the largest; what is sent is put together from several of them.
        return list(map(_pack, self._parts(batch, dropped, min(self._max_bytes, _MAX_PACKED_BYTES)))), dropped

    def ship(self, parcel: Parcel, *, whole: bool) -> Shipped:
        """Send a request that was packed earlier, perhaps by another process."""
        self._begin()
        reply = self._post(parcel.payload)
        if reply.verdict is Verdict.DELIVERED:
            refused = min(reply.rejected, parcel.spans)
            self._health = Health()
            self._dissector.accept()
            return Shipped(delivered=parcel.spans - refused, dropped={"rejected": refused} if refused else {})
        if reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
            return Shipped(rest=(parcel,), **self._conclude(reply))
        if whole:
            return Shipped(rest=(parcel,), refused=True, reason=reply.reason)
        dropped: Counter[str] = Counter()
        part = _unpack(parcel)
        if part is None:
            self._dissector.give_up(parcel.payload, parcel.spans, reply, dropped)
            return Shipped(dropped=dropped, reason=reply.reason)
        told = self._dissector.deliver([part], dropped, known=reply)
        parcels = [Parcel(part.request, len(part.spans), parcel.errors) for part in told.rest]
        return Shipped(told.delivered, dict(dropped), parcels, **self._conclude(told.trouble))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _begin(self) -> None:
        heirs, self._next_transport = self._next_transport, None
        if heirs is not None:
            self._transport.close()
            self._transport = heirs
        self._transport.hasten(self._patience)

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

    @property
    def _address(self) -> str:
        return self._transport.address + self._path

    def _conclude(self, trouble: Reply | None) -> dict[str, Any]:
        if trouble is None:
            self._health = Health()
            return {}
        reason = trouble.reason
        if trouble.verdict is Verdict.UNAUTHORISED:
            reason = f"{reason} from {self._address}: check the address and the keys"
        elif reason.startswith("HTTP"):
            reason = f"{reason} ({self._address})"
        self._health = Health(ok=False, reason=reason)
        return {
            "retry_after": trouble.retry_after,
            "reachable": trouble.reachable and trouble.verdict is not Verdict.UNAUTHORISED,
            "reason": reason,
        }

    def _parts(self, batch: Sequence[Observation], dropped: Counter[str], most_bytes: int) -> Iterator[Part]:
        spans: list[tuple[Any, bytes]] = []
        service = ""
        size = 0
        slices = Slices()
        for observation in batch:
            slices.between()
            try:
                span = encode_span(observation)
            except ValueError:
                dropped["encode"] += 1
                continue
            length = framed_size(span)
            if spans and (
                size + length > most_bytes or len(spans) >= self._max_spans or observation.service_name != service
            ):
                yield Part(encode_resource(service), self._scope, spans)
                spans, size = [], 0
            service = observation.service_name
            spans.append((observation, span))
            size += length
        if spans:
            yield Part(encode_resource(service), self._scope, spans)


def _pack(part: Part) -> Parcel:
    return Parcel(part.request, len(part.spans), any(o.level == "ERROR" for o, _ in part.spans))


def _unpack(parcel: Parcel) -> Part | None:
    try:
        request = zlib.decompressobj(31).decompress(parcel.payload, _MOST_UNPACKED)
        resource, scope, spans = split_request(request)
    except (ValueError, zlib.error):
        return None
    return Part(resource, scope, [(None, span) for span in spans]) if len(spans) == parcel.spans else None
