"""What is compiled copies exactly what its Python original copies."""

from __future__ import annotations

import datetime
import decimal
import enum
import gc
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.compiled import hot
from tracing_proxies.recording.capture import copy_flatly, look_flat, take_snapshot
from tracing_proxies.recording.copying import Limits

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")


class Colour(enum.Enum):
    RED = "red"
    DEEP = ("deep", [1, 2])


@dataclass
class Order:
    product: Any
    quantity: Any = 1
    notes: list[Any] = field(default_factory=list)


@attrs.define
class Slotted:
    inner: Any


@attrs.define(slots=False)
class Open:
    inner: Any


@attrs.define
class Below(Slotted):
    more: Any
    unset: Any = attrs.field(init=False)


@dataclass
class Defaulted:
    """Has its values in slots, in the object and in the class."""

    __slots__ = ("__dict__", "kept")
    kept: Any
    inner: Any
    missing: Any = field(init=False)


@attrs.define
class Shadowed(Slotted):
    """Has a field whose slot is hidden by what its class calls so."""

    inner = property(lambda self: "no code runs")  # type: ignore[assignment]


class Modelled(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", arbitrary_types_allowed=True)
    inner: Any
    secret: Any = pydantic.Field(default=1, repr=False)
    later: Any = None


class Wrapped(pydantic.RootModel[Any]):
    pass


Pair = namedtuple("Pair", "left right")
Twice = namedtuple("Twice", "left _1", rename=True)


class Unknown:
    pass


class Hidden(dict[str, Any]):
    """No plain dict, whatever it is like."""


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=4)
    | st.binary(max_size=4).map(bytearray)
    | st.complex_numbers()
    | st.sampled_from([b"x" * 999, b"x" * 1_000, bytearray(1_234_567)])
    | st.sampled_from([*Colour, Unknown(), datetime.date(2026, 1, 2), decimal.Decimal("1.50"), 2**63, -(2**63)])
)
KEYS = (
    st.text(max_size=8)
    | st.integers()
    | st.integers(0, 3)
    | st.sampled_from(["0", "1", "1'", "None", "True"])
    | st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.sampled_from([*Colour, Unknown(), 2**63, -(2**63), datetime.date(2026, 1, 2), (1, 2)])
)
HASHED = st.integers() | st.text(max_size=5) | st.sampled_from(list(Colour)) | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(OrderedDict)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(Hidden)
        | st.dictionaries(KEYS, inner, max_size=3).map(lambda given: defaultdict(list, given))
        | st.lists(inner, max_size=4).map(deque)
        | st.sets(HASHED, max_size=4)
        | st.frozensets(HASHED, max_size=4)
        | inner.map(Slotted)
        | st.builds(Below, inner, inner)
        | st.builds(Defaulted, inner, inner)
        | inner.map(Shadowed)
        | st.builds(Modelled, inner=inner, other=inner)
        | st.builds(Modelled.model_construct, inner=inner)
        | inner.map(Wrapped.model_construct)
        | st.builds(Twice, inner, inner)
        | inner.map(Open)
        | st.builds(Order, inner, inner, st.lists(inner, max_size=2))
        | st.builds(Pair, inner, inner)
    ),
    max_leaves=20,
)
LIMITS = st.builds(
    Limits,
    max_bytes=st.integers(0, 60) | st.just(8192),
    max_items=st.integers(1, 5) | st.just(50),
    max_depth=st.integers(1, 6),
)


def alike(left: Any, right: Any) -> bool:
    """Compare with types and the order of keys, and with NaN equal to itself."""
    return repr(left) == repr(right)


@given(VALUES, LIMITS)
def test_a_snapshot_is_the_same(value: Any, limits: Limits) -> None:
    for _ in range(2):  # the second time the types are known
        assert alike(hot.snapshot(value, limits), take_snapshot(value, limits))


@pytest.mark.parametrize("room", range(0, 80, 7))
def test_models_whose_names_do_not_fit_are_copied_here_all_the_same(room: int) -> None:
    value = [Pair(Order("a" * 20, Slotted(1)), Open(Pair(1, 2))), Below(Order("b"), {"c": Slotted(2)})]
    limits = Limits(max_bytes=room)
    expected = take_snapshot(value, limits)
    # Each container around it would be copied anew in Python: of a large model within others that takes milliseconds.
    assert alike(hot.snapshot(value, limits), expected)


@given(st.lists(VALUES, max_size=4).map(tuple), LIMITS)
def test_arguments_are_copied_flatly_in_the_same_way(values: tuple[Any, ...], limits: Limits) -> None:
    expected = copy_flatly(values, limits)
    copied = hot.flat_copy(values, limits)
    assert alike(copied, expected)
    assert (copied is values) is (expected is values)


@given(st.dictionaries(KEYS, VALUES, max_size=6), LIMITS)
def test_a_dict_is_flat_in_the_same_way(value: dict[Any, Any], limits: Limits) -> None:
    assert hot.is_flat(value, limits) is look_flat(value, limits)


def test_what_is_copied_elsewhere_shares_the_room_and_the_containers_around_it() -> None:
    limits = Limits(max_bytes=40, max_items=3, max_depth=4)
    value: dict[str, Any] = {"first": OrderedDict(a="x" * 12), "then": "y" * 12, "last": "z" * 30}
    value["first"]["around"] = [value]
    for _ in range(2):
        assert alike(hot.snapshot(value, limits), take_snapshot(value, limits))
    many = [OrderedDict(a=1)] * 200
    assert alike(hot.snapshot([many] * 50), take_snapshot([many] * 50))


def test_a_model_that_is_not_complete_yet_is_copied_by_the_fields_that_it_has_later() -> None:
    class Late(pydantic.BaseModel):
        inner: Any
        nearby: Annex | None = None

    assert not Late.__pydantic_complete__
    unready = Late.model_construct(inner=1)
    assert alike(hot.snapshot(unready), take_snapshot(unready))

    class Annex(pydantic.BaseModel):
        name: str

    Late.model_rebuild(_types_namespace={"Annex": Annex, "Any": Any})
    value = Late(inner=1, nearby=Annex(name="x"))
    for _ in range(2):
        assert hot.snapshot(value) == take_snapshot(value) == {"inner": 1, "nearby": {"name": "x"}}


def test_a_cycle_is_marked_in_the_same_way() -> None:
    within: dict[str, Any] = {"name": "x"}
    within["self"] = [within]
    assert hot.snapshot(within) == take_snapshot(within)
    order = Order("oil")
    order.notes.append(order)
    assert hot.snapshot(order) == take_snapshot(order) == hot.snapshot(order)


def test_a_snapshot_does_not_change_with_its_original() -> None:
    order = Order({"name": "oil"}, notes=[["a"]])
    take_snapshot(order)
    copied = hot.snapshot(order)
    order.product["name"], order.notes[0][0] = "salt", "b"
    assert copied == {"product": {"name": "oil"}, "quantity": 1, "notes": [["a"]]}


def test_no_code_of_the_application_runs() -> None:
    class Loud:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __hash__(self) -> int:
            raise AssertionError

        def __eq__(self, other: object) -> bool:
            raise AssertionError

    @dataclass
    class Guarded:
        inner: Any

        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    for value in (Loud(), [Loud()], {"loud": Loud()}, Guarded(Loud())):
        assert alike(hot.snapshot(value), take_snapshot(value))
        assert alike(hot.snapshot(value), take_snapshot(value))


def test_what_is_no_limit_is_refused() -> None:
    with pytest.raises(TypeError):
        hot.snapshot(1, 2)
    with pytest.raises(TypeError):
        hot.flat_copy([1], Limits())


def test_ids_are_random_and_of_their_width() -> None:
    drawn = [hot.getrandbits(64) for _ in range(2_000)] + [hot.getrandbits(128) >> 64 for _ in range(2_000)]
    assert len(set(drawn)) == len(drawn)
    for bit in range(64):
        assert 1_700 < sum(number >> bit & 1 for number in drawn) < 2_300
    with pytest.raises(ValueError):
        hot.getrandbits(63)


class Meddler:
    """Puts an object into a dict when the collector finds it."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.itself = given, self

    def __del__(self) -> None:
        self.given["meddled"] = Unknown()


@pytest.mark.parametrize("within", [False, True])
def test_no_object_is_kept_where_the_collector_changes_a_dict_while_it_is_copied(within: bool) -> None:
    given: dict[str, Any] = {str(number): "x" for number in range(40)}
    for number in range(5, 40):  # of one that is full the entries are copied before the collector may run
        del given[str(number)]
    value: Any = [given] if within else given
    before = gc.get_threshold()
    gc.collect()
    gc.disable()
    Meddler(given)
    held: list[Any] = [{} for _ in range(100)]  # no dict is at hand any more: the next one has to be made
    held += [[] for _ in range(8)]
    del held[100:]  # but lists are
    gc.set_threshold(1)
    gc.enable()
    try:
        copied = hot.snapshot(value)
    finally:
        gc.set_threshold(*before)
    assert {type(item) for item in (copied[0] if within else copied).values()} == {str}
