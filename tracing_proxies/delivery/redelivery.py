"""Looks at what a server has refused, and sends it again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from tracing_proxies.delivery.encoder import split_request
from tracing_proxies.delivery.push import Pushed
from tracing_proxies.delivery.sinks.protocol import Parcel, Shipper
from tracing_proxies.delivery.spool.dead import DeadLetters, Letter

_MOST_UNPACKED = 64 * 2**20


def redeliver(dead: DeadLetters, shipper: Shipper) -> Pushed:
    """Send each request once; what the server takes is forgotten, what it refuses again stays.

    Args:
        dead: the folder.
        shipper: the destination whose folder it is.

    Returns:
        The counts in spans; ``stopped`` says why the rest was not tried.
    """
    pushed = Pushed()
    for letter in dead.letters():
        request = dead.read(letter)
        if not request:
            continue  # another process has sent it meanwhile
        spans = max(1, len(_spans(request)))
        shipped = shipper.ship(Parcel(request, spans), whole=True)
        if shipped.rest and not shipped.refused:
            pushed.stopped = shipped.reason or "the destination asked to be tried again later"
            break
        pushed.delivered += shipped.delivered
        if shipped.delivered:
            dead.remove(letter)
        if shipped.delivered < spans:
            pushed.dropped[letter.why] += spans - shipped.delivered
    return pushed


def read_letters(dead: DeadLetters) -> Iterator[dict[str, Any]]:
    """Yield what each request holds, in plain values, the oldest first."""
    for letter in dead.letters():
        request = dead.read(letter)
        if request:
            yield _describe(letter, request)


def _describe(letter: Letter, request: bytes) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    spans = []
    for data in _spans(request):
        try:
            span = Span.FromString(data)
        except DecodeError:
            continue
        attributes = {one.key: MessageToDict(one.value) for one in span.attributes}
        spans.append(
            {
                "trace_id": span.trace_id.hex(),
                "id": span.span_id.hex(),
                "name": span.name,
                "start_time": span.start_time_unix_nano,
                "attributes": {key: next(iter(value.values()), None) for key, value in attributes.items()},
            }
        )
    given_up = datetime.fromtimestamp(letter.time_ns / 1e9, timezone.utc).isoformat(timespec="seconds")
    return {"file": letter.name, "given_up": given_up, "why": letter.why, "bytes": len(request), "spans": spans}


def _spans(request: bytes) -> list[bytes]:
    try:
        return split_request(zlib.decompressobj(31).decompress(request, _MOST_UNPACKED))[2]
    except (ValueError, zlib.error):
        return []
