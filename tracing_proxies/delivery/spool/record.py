"""One request in a spool's file: a header, a checksum over both, and the payload.

Format, little-endian, 28 bytes before the payload::

    magic      4 bytes   "TPS1"
    flags      u8        bit 0: a span in it is an error
    reserved   3 bytes   zero
    length     u32       of the payload
    spans      u32       how many the payload holds
    batch      u64       an id, the same each time the request is sent
    crc        u32       CRC-32 of the 24 bytes before it and of the payload

A reader that meets anything else looks for the next magic: what is damaged costs itself and nothing else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import attrs

MAGIC = b"TPS1"
HEADER = struct.Struct("<4sB3xIIQI")
MAX_PAYLOAD = 32 * 2**20
MAX_SPANS = 1_000_000
_HAS_ERRORS = 1
_CRC = struct.Struct("<I")


@attrs.frozen(repr=False)
class Record:
    """One request.

    Args:
        payload: the request's body as it is sent.
        spans: how many spans are in it.
        batch: its id.
        errors: whether one of the spans is an error.
    """

    payload: bytes
    spans: int
    batch: int
    errors: bool = False


@attrs.frozen(eq=False, repr=False)
class Found:
    """What lies between two offsets of a file: a record, or damage where ``record`` is None."""

    start: int
    end: int
    record: Record | None


def encode(record: Record) -> bytes:
    """Return the bytes of a record.

    Raises:
        ValueError: the payload is larger than 32 MiB, or a number does not fit.
    """
    if len(record.payload) > MAX_PAYLOAD or not 0 <= record.spans <= MAX_SPANS or not 0 <= record.batch < 2**64:
        raise ValueError("a record holds at most 32 MiB and a million spans")
    flags = _HAS_ERRORS if record.errors else 0
    head = HEADER.pack(MAGIC, flags, len(record.payload), record.spans, record.batch, 0)[: -_CRC.size]
    return b"".join((head, _CRC.pack(zlib.crc32(record.payload, zlib.crc32(head))), record.payload))


def decode(data: bytes, at: int = 0) -> Record | None:
    """Return the record that begins at an offset, None if there is no whole and undamaged one."""
    if len(data) - at < HEADER.size:
        return None
    magic, flags, length, spans, batch, crc = HEADER.unpack_from(data, at)
    begin = at + HEADER.size
    if magic != MAGIC or length > MAX_PAYLOAD or spans > MAX_SPANS or len(data) - begin < length:
        return None
    payload = data[begin : begin + length]
    if zlib.crc32(payload, zlib.crc32(data[at : begin - _CRC.size])) != crc:
        return None
    return Record(payload, spans, batch, bool(flags & _HAS_ERRORS))


def size_of(payload: bytes) -> int:
    """Return how many bytes the record of a payload takes."""
    return HEADER.size + len(payload)


def scan(data: bytes, start: int = 0) -> Iterator[Found]:
    """Yield the records of a file's bytes in order, and each stretch of damage between them.

    Args:
        data: the file.
        start: where to begin; need not be the beginning of a record.
    """
    at = start
    patience = 4 * len(data) + 2 * MAX_PAYLOAD  # in bytes; a file made of magics would cost the square of its size
    while at < len(data):
        record = decode(data, at)
        if record is not None:
            end = at + size_of(record.payload)
            yield Found(at, end, record)
            at = end
            continue
        # Damaged: the next place that holds a whole record. A magic within a payload is no such place unless a checksum
        # agrees: a payload is compressed, and cannot be made to hold a record by what an application traces.
        found = at
        while True:
            found = data.find(MAGIC, found + 1)
            if found < 0 or patience < 0:
                end = len(data)
                break
            if decode(data, found) is not None:
                end = found
                break
            patience -= _claimed(data, found)
        yield Found(at, end, None)
        at = end


def _claimed(data: bytes, at: int) -> int:
    """Return how many bytes a checksum was computed over in vain."""
    if len(data) - at < HEADER.size:
        return HEADER.size
    length: int = HEADER.unpack_from(data, at)[2]
    return HEADER.size + (length if length <= min(MAX_PAYLOAD, len(data) - at) else 0)
