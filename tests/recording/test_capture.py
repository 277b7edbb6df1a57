"""Snapshots are bounded, plain, and never run the application's code."""

from __future__ import annotations

import dataclasses
import enum
import json
import uuid
import weakref
from collections import namedtuple
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.copying import Limits

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(plain)
def test_a_snapshot_of_plain_data_is_json(value: Any) -> None:
    json.dumps(snapshot(value))


@given(plain)
def test_small_json_data_comes_back_equal(value: Any) -> None:
    text = json.dumps(value)
    data = json.loads(text)
    copied = snapshot(data, Limits(max_bytes=10**6, max_items=10**4, max_depth=50))
    assert copied == data or any(abs(n) >= 2**63 for n in _integers(data))


def _integers(data: Any) -> list[int]:
    if isinstance(data, dict):
        return [n for item in data.values() for n in _integers(item)]
    if isinstance(data, list):
        return [n for item in data for n in _integers(item)]
    return [data] if isinstance(data, int) else []


class Hostile:
    """Raises from everything that a careless recorder would call."""

    def _raise(self, *args: Any) -> Any:
        raise KeyboardInterrupt("the application's code was called")

    __repr__ = __str__ = __len__ = __bool__ = __iter__ = __hash__ = __getattr__ = __eq__ = _raise  # type: ignore

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        return self._raise()


def test_an_unknown_object_is_its_type_name_and_none_of_its_code_runs() -> None:
    assert snapshot(Hostile()) == f"<{__name__}.Hostile>"
    assert snapshot({"a": [Hostile()]}) == {"a": [f"<{__name__}.Hostile>"]}


def test_an_iterator_is_not_consumed() -> None:
    numbers = iter([1, 2, 3])
    assert snapshot(numbers) == "<list_iterator>"
    assert list(numbers) == [1, 2, 3]


@dataclasses.dataclass
class Order:
    number: str
    secret: str = dataclasses.field(repr=False, default="hidden")


@attrs.define
class Slotted:
    number: int
    token: str = attrs.field(repr=False, default="hidden")


class Model(BaseModel):
    name: str
    key: SecretStr


class Size(enum.Enum):
    SMALL = "s"


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Order("o-1"), {"number": "o-1"}),
        (Slotted(3), {"number": 3}),
        (Model(name="a", key=SecretStr("sk-live")), {"name": "a", "key": "<pydantic.types.SecretStr>"}),
        (Size.SMALL, "s"),
        (Point(1, 2), {"x": 1, "y": 2}),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\x01", "<bytes of 2 bytes>"),
        (bytes(1_000), "<bytes of 1,000 bytes>"),
        (bytearray(12_345_067), "<bytearray of 12,345,067 bytes>"),
        ({1: "a", "1": "b"}, {"1": "a", "1'": "b"}),
        (2**64, "0x10000000000000000"),
    ],
)
def test_known_kinds_are_read_by_their_fields(value: Any, expected: Any) -> None:
    assert snapshot(value) == expected


def test_a_cycle_is_marked() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    assert snapshot(ring) == [1, "<cycle>"]


def test_width_depth_and_text_are_bounded() -> None:
    limits = Limits(max_bytes=10, max_items=2, max_depth=2)
    assert snapshot([1, 2, 3, 4], limits) == [1, 2, "<2 more>"]
    assert snapshot([[["deep"]]], limits) == [["<depth>"]]
    assert snapshot("x" * 15, limits) == "xxxxxxxxxx<5 more characters>"
    assert snapshot(["x" * 8, "y" * 8], limits) == ["xxxxxxxx", "yy<6 more characters>"]


def test_a_snapshot_keeps_no_reference_to_the_object() -> None:
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    copied = snapshot({"thing": thing})
    del thing
    assert gone() is None
    assert copied == {"thing": f"<{__name__}.{Thing.__qualname__}>"}


def test_later_changes_of_the_value_do_not_reach_the_snapshot() -> None:
    value = {"items": [1]}
    copied = snapshot(value)
    value["items"].append(2)
    assert copied == {"items": [1]}
