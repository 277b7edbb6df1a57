"""Makes an encoded span smaller, for a server that takes none of its size: its long texts keep their beginning."""

from __future__ import annotations

from typing import Final

from tracing_proxies.delivery.text import to_json
from tracing_proxies.exclusion import importing

LIMITS: Final = (65_536, 8_192, 1_024)
"""Characters that a text may keep, one limit after another."""
_JSON: Final = ("langfuse.observation.input", "langfuse.observation.output")
_STRUCTURED: Final = ("langfuse.observation.usage_details", "langfuse.observation.model.parameters")


def shorten(span: bytes, most: int) -> bytes | None:
    """Cut the texts of a span that are longer than ``most`` characters.

    Args:
        span: an OTLP ``Span`` message; its ids and times stay as they are.

    Returns:
        A smaller message, None where that makes it none.
    """
    # Not at the top: most processes never get here, and the generated classes take a tenth of a second to import.
    with importing:
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.trace.v1.trace_pb2 import Span

    message = Span()
    try:
        message.ParseFromString(span)
    except DecodeError:
        return None
    for attribute in message.attributes:
        text = attribute.value.string_value
        if len(text) > most and attribute.key not in _STRUCTURED:
            cut = f"{text[:most]}… [cut: {len(text)} characters]"
            attribute.value.string_value = to_json(cut) if attribute.key in _JSON else cut
    if len(message.status.message) > most:
        message.status.message = message.status.message[:most]
    if len(message.name) > most:
        message.name = message.name[:most]
    shorter = message.SerializeToString()
    return shorter if len(shorter) < len(span) else None
