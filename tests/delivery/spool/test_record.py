"""The format of the spool's files: what is whole is found, what is damaged costs itself alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.delivery.spool.record import HEADER, MAGIC, MAX_PAYLOAD, Record, decode, encode, scan, size_of

records = st.builds(
    Record,
    payload=st.binary(max_size=400) | st.just(MAGIC * 5) | st.just(encode(Record(b"inner", 1, 9))),
    spans=st.integers(0, 1_000_000),
    batch=st.integers(0, 2**64 - 1),
    errors=st.booleans(),
)


@given(records)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    data = encode(record)
    assert decode(data) == record
    assert len(data) == size_of(record.payload)


@given(st.lists(records, max_size=8), st.binary(max_size=40))
def test_all_records_of_a_file_are_found_before_what_was_torn_off(written: list[Record], torn: bytes) -> None:
    data = b"".join(map(encode, written))
    found = list(scan(data + torn))
    assert [f.record for f in found if f.record is not None][: len(written)] == written
    assert sum(f.end - f.start for f in found) == len(data) + len(torn)


@given(st.lists(records, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_flipped_bit_costs_one_record_and_never_changes_one(written: list[Record], chance: random.Random) -> None:
    data = bytearray(b"".join(map(encode, written)))
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    found = [f.record for f in scan(bytes(data)) if f.record is not None]
    # A record that lies within the payload of a damaged one is whole: it is found as well.
    inner = decode(encode(Record(b"inner", 1, 9)))
    assert len([record for record in written if record in found]) >= len(written) - 1
    assert all(record in written or record == inner for record in found)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    found = list(scan(data))
    assert [f.start for f in found[1:]] == [f.end for f in found[:-1]]


def test_a_file_of_nothing_but_beginnings_is_given_up_in_time() -> None:
    beginning = HEADER.pack(MAGIC, 0, 200_000, 1, 1, 0)
    found = list(scan(beginning * 20_000))
    assert [f.record for f in found] == [None]


@pytest.mark.parametrize("record", [Record(b"", 2_000_000, 1), Record(b"", 1, 2**64), Record(b"", -1, 1)])
def test_what_does_not_fit_the_format_is_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="at most"):
        encode(record)
    with pytest.raises(ValueError, match="at most"):
        encode(Record(bytes(MAX_PAYLOAD + 1), 1, 1))
