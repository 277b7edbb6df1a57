"""What masking leaves alone is written as JSON straight from its copy, as the dicts and lists made of it would be."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.weaving.support import woven
from tracing_proxies.compiled import hot
from tracing_proxies.delivery.prepare import Preparer, ServiceNames, _leave_all
from tracing_proxies.delivery.text import to_json
from tracing_proxies.masking import Masker, hits
from tracing_proxies.masking.known import MOST_LOOKED_AT, look_through
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.masking import NOTHING, MaskingSettings
from tracing_proxies.registry.model import CaptureSettings

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

SERVICE = ServiceNames("shop", "prod", "r1", None)
WHOLE = {"capture": CaptureSettings(max_bytes=10**9, max_items=5_000, max_depth=60)}
letters = st.characters() | st.sampled_from('"\\/\n\t\r\b\f\x00\x1f\x7f\x80\xff\ud800\udfff\uffff\U0001f600żł')
texts: Any = st.text(letters, max_size=40) | st.text("ab\\\"'é\n", max_size=20)
edges = [0, -1, 10**6 - 1, 10**6, -(10**6), 10**12 - 1, 10**12, 2**31, -(2**63), -(2**63) - 1, 2**63, 2**64, -(10**30)]
points = [0.0, -0.0, 1e-4, 9.999e-5, 1e-5, 1e16, -1e16, 9999999999999998.0, 1e15, -123456789012345.6, 5e-324, 0.1 + 0.2]
numbers: Any = (
    st.sampled_from(edges + points)
    | st.integers()
    | st.floats()
    | st.floats(-1e12, 1e12)
    | st.decimals(-1_000_000, 1_000_000, places=4).map(float)
)
leaves: Any = texts | numbers | st.none() | st.booleans()
values: Any = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


def hand_on(given: Any, other: Any = None) -> Any:
    return given


def record(value: Any, other: Any = None, **settings: Any) -> Span:
    """Record a call that is given a value, and answers it."""
    with woven((f"{__name__}:hand_on", WHOLE | settings)) as spans:
        hand_on(value, other)
    return spans[0]


def names_and_texts(value: Any) -> Iterator[tuple[bool, str]]:
    """Yield all names and texts in a value, and which of both they are."""
    if type(value) is str:
        yield False, value
    elif type(value) is dict:
        for name, item in value.items():
            yield True, name
            yield from names_and_texts(item)
    elif type(value) is list:
        for item in value:
            yield from names_and_texts(item)


@contextmanager
def watched(preparer: Preparer) -> Iterator[dict[str, int]]:
    """Count how often a value was masked, and how often one was written by way of dicts and lists."""
    count = {"masked": 0, "dumped": 0}
    closely: Callable[[Any], Any] = preparer._closely

    def mask(value: Any) -> Any:
        count["masked"] += 1
        return closely(value)

    def dumps(value: Any) -> bytes:
        count["dumped"] += 1
        return orjson.dumps(value)

    lent: dict[str, Any] = {"Observation": Observation, "NOTHING": NOTHING, "to_json": to_json}
    preparer._closely = mask
    hot.bind_prepare({**lent, "dumps": dumps})
    try:
        yield count
    finally:
        hot.bind_prepare({**lent, "dumps": orjson.dumps})


def finish(span: Span, preparer: Preparer) -> Observation:
    """Finish a span, of which all but its input and output is known."""
    preparer._clean_names |= {span.name, span.trace.name}
    span.prepared = None
    finished = preparer(span)
    assert finished is not None
    return finished


def knowing(*known: Any, labelled: str = "") -> Preparer:
    """Return a preparer that knows the names and texts of some values, under one label if any."""
    preparer = Preparer(Masker(), SERVICE)
    assert preparer._known is not None
    labels, by_label, *_ = preparer._known
    by_label.setdefault(labelled, set())
    for is_name, text in names_and_texts([*known, {"given": None, "other": None}]):
        if is_name:
            labels[text] = labelled
        else:
            by_label[labelled].add(text)
            by_label[""].add(text)
    return preparer


class Noting:
    """Stands for a walk, and notes that something was masked."""

    _nodes = 0

    def __init__(self, noted: list[Any]) -> None:
        self._noted = noted

    def _value(self, leaf: Any, depth: int, label: str, path: str, mode: int) -> Any:
        self._noted.append(leaf)
        self._nodes += 1
        return "masked"


def note_masked(preparer: Preparer) -> list[Any]:
    """Note what a preparer masks from now on, by whichever way."""
    noted: list[Any] = []
    assert preparer._known is not None
    preparer._closely = lambda value: noted.append(value) or "masked"  # type: ignore[func-returns-value]
    preparer._known = (*preparer._known[:2], lambda: Noting(noted), None)  # type: ignore[assignment,return-value]
    return noted


@settings(max_examples=500)
@given(values, values, st.sampled_from(["", "phone: "]))
def test_any_value_is_judged_and_written_as_the_dicts_and_lists_made_of_it(value: Any, other: Any, label: str) -> None:
    check_as_judged(value, other, label)


def check_as_judged(value: Any, other: Any, label: str) -> None:
    """Compare what is written of a call's input and output with what dicts and lists would tell and be written as."""
    for part, rest in (("input", "output"), ("output", "input")):
        span, preparer = record(value, other), knowing(value, other, labelled=label)
        noted = note_masked(preparer)
        setattr(span, rest, None)
        written = getattr(finish(span, preparer), part)
        read = getattr(span, part)
        assert preparer._known is not None
        is_left = look_through(*preparer._known[:2], read, MOST_LOOKED_AT) >= 0
        assert is_left == (not noted)
        if is_left:
            assert written == (None if read is None else to_json(read))
        else:
            assert "masked" in written


@settings(max_examples=300)
@given(st.lists(leaves, max_size=40), st.integers(0, 20), st.integers(0, 60), st.sampled_from([{}, []]), st.booleans())
def test_how_much_and_how_deep_is_looked_is_the_same(
    items: Any, depth: int, times: int, inner: Any, is_named: bool
) -> None:
    value: Any = [*items * times, inner]
    for _ in range(depth):
        value = {"within": value} if is_named else [value]
    check_as_judged(value, items, "")


SURE: Any = [
    {"order": {"lines": [{"sku": "P1", "price": 12.5, "count": 3, "new": True, "note": None}] * 3, "total": 37.5}},
    {"say": 'a "quote"\\ and\n\ttabs \x01 of some length', "żółw": "zażółć gęślą jaźń", "smile": ["\U0001f600"]},
    ["alone", 0.1, -7, 123456.789012345, 0.0001, -0.0],
    {},
    "a text by itself",
    1.5,
    True,
    {str(number): number for number in range(200)},
]


@pytest.mark.parametrize("value", SURE)
def test_what_is_known_is_written_without_dicts_and_lists(value: Any) -> None:
    span, preparer = record(value, 1), knowing(value)
    assert span.kept_output is not None
    with watched(preparer) as count:
        finished = finish(span, preparer)
    assert count == {"masked": 0, "dumped": 0}
    assert finished.output == orjson.dumps(value).decode()
    assert finished.input == orjson.dumps({"given": value, "other": 1}).decode()
    assert finished.output.isascii() == all(text.isascii() for _, text in names_and_texts(value))


UNSURE: Any = [["\ud800"], [1e-7], [float("-inf")], [-(10**25)], {"<1 more>": 1, "b": 2}, [{"a": [1e20]}]]


@pytest.mark.parametrize("value", UNSURE)
def test_what_others_may_write_otherwise_is_left_to_them(value: Any) -> None:
    span = record(value, capture=CaptureSettings(max_items=1))
    preparer = knowing(value, span.output, span.input)
    preparer._closely = lambda value: value
    finished = finish(span, preparer)
    assert finished.output == to_json(span.output)
    assert finished.input == to_json(span.input)


def test_fractions_of_all_sizes_are_written_as_orjson_writes_them() -> None:
    step = 0.7310585786300049
    shares = [step * 10.0**power * sign for power in range(-330, 309) for sign in (1, -1)]
    prices = [cents / 100 for cents in range(0, 200_000, 333)] + [mills / 8192 for mills in range(0, 9_000, 7)]
    for first in range(0, len(shares + prices), 1_000):
        some = (shares + prices)[first : first + 1_000]
        span, preparer = record(some), knowing()
        preparer._closely = lambda value: value
        assert finish(span, preparer).output == orjson.dumps(some).decode()


@pytest.mark.parametrize("size", [*range(0, 40), 2_040, 2_047, 2_048, 2_049, 100_000])
def test_texts_of_any_length_are_written_wherever_their_escapes_stand(size: int) -> None:
    for odd in ('"', "\\", "\n", "\x1f", "\x7f", "é", "€", "a"):
        for place in {0, size // 2, max(0, size - 1)}:
            text = "x" * place + odd + "y" * (size - place)
            span, preparer = record([text, text], text), knowing([text])
            finished = finish(span, preparer)
            assert finished.input == orjson.dumps({"given": [text, text], "other": text}).decode()


personal: Any = st.sampled_from(
    [
        "ana@example.com",
        "+48 600 100 200",
        "4111 1111 1111 1111",
        "write to ana@example.com",
        "key sk-abcdefghijklmnopqrst",
    ]
)
names: Any = st.sampled_from(["status", "email", "password", "phone", "name", "value", "latitude", "ana@example.com"])
mixed: Any = st.recursive(
    personal | leaves | st.sampled_from(["ok", "sold", 4111111111111111, 52.229675]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | texts, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200)
@given(mixed, mixed, st.sampled_from([{}, {"policy": "strict"}, {"hide": ("email",)}]))
def test_what_holds_personal_data_is_masked_as_the_original_masks_it(value: Any, other: Any, policy: Any) -> None:
    span = record(value, other)
    compiled, original = (Preparer(Masker(MaskingSettings(**policy)), SERVICE) for _ in range(2))
    original._finish = _leave_all
    for _ in range(3):  # the first time little is known
        span.prepared = None
        expected = original(span)
        span.prepared = None
        assert compiled(span) == expected


def shapes(names: Any) -> Any:
    """Draw shapes of values: dicts and lists with None wherever a text or a number is to stand."""
    return st.recursive(
        st.none(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    )


def fill(shape: Any, leaves: Iterator[Any]) -> Any:
    """Put texts and numbers into a shape."""
    if type(shape) is dict:
        return {name: fill(item, leaves) for name, item in shape.items()}
    return [fill(item, leaves) for item in shape] if type(shape) is list else next(leaves)


said: Any = st.sampled_from(
    [
        '{"email": "ana@example.com", "n": [1, 2]}',
        '["4111 1111 1111 1111", {"password": "x"}]',
        "[EMAIL]",
        "x" * 60 + " ana@example.com",
        1_700_000_000_000,
        4111111111111111,
        52.229675,
        1e20,
    ]
)


@settings(max_examples=300)
@given(
    shapes(names | st.text("abc", max_size=2)),
    st.lists(personal | said | leaves | st.text("abc 1@.", max_size=60), min_size=1, max_size=12),
    st.lists(personal | said | leaves | st.text("abc 1@.", max_size=60), min_size=1, max_size=12),
)
def test_new_texts_in_a_shape_that_is_known_are_masked_as_the_original_masks_them(
    shape: Any, first: list[Any], second: list[Any]
) -> None:
    compiled, original = (Preparer(Masker(), SERVICE) for _ in range(2))
    original._finish = _leave_all
    for some in (first, second, second):
        value = fill(shape, itertools.cycle(some))
        told = []
        for preparer in (original, compiled):
            span, before = record(value, some[0]), hits.counted.copy()
            told.append((preparer(span), hits.counted - before))
        assert told[0][0] is not None
        assert told[1][0] is not None
        assert (told[0][0].input, told[0][0].output, told[0][1]) == (told[1][0].input, told[1][0].output, told[1][1])


def test_a_new_text_in_a_shape_that_is_known_is_masked_without_dicts_and_lists() -> None:
    preparer = Preparer(Masker(), SERVICE)
    finish(record({"say": ["hello"], "n": 1}, 1), preparer)
    with watched(preparer) as count:
        finished = finish(record({"say": ["write to ana@example.com", "new"], "n": 2}, 1_700_000_000_000), preparer)
    assert count == {"masked": 0, "dumped": 0}
    assert finished.output == '{"say":["write to [email]","new"],"n":2}'
    assert finished.input == f'{{"given":{finished.output},"other":1700000000000}}'


def test_a_value_that_its_name_hides_is_masked_without_dicts_and_lists() -> None:
    preparer = Preparer(Masker(), SERVICE)
    finish(record({"password": 1, "say": ["hello"], "n": 1}, 1), preparer)
    for hidden in ("x", 7, {"a": [1, {"b": 2}]}, [], {}, [[]]):
        before = hits.counted["key"]
        with watched(preparer) as count:
            finished = finish(record({"password": hidden, "say": ["new", {"password": hidden}], "n": 10}, 1), preparer)
        assert count == {"masked": 0, "dumped": 0}
        assert finished.output == '{"password":"[hidden]","say":["new",{"password":"[hidden]"}],"n":10}'
        assert hits.counted["key"] == before + 4
    finished = finish(record({"say": [{"password": None}] * 40, "n": 10}, 1), preparer)
    assert finished.output == f'{{"say":[{",".join(["{}"] * 40)}],"n":10}}'.replace("{}", '{"password":null}')


def test_what_ends_the_thread_while_a_text_is_masked_passes() -> None:
    class Stop(BaseException):
        pass

    def stop() -> Any:
        raise Stop

    span, preparer = record("new"), knowing()
    assert preparer._known is not None
    preparer._known = (*preparer._known[:2], stop, None)
    with pytest.raises(Stop):
        finish(span, preparer)


def test_a_value_that_is_read_by_others_while_it_is_masked_is_masked_as_it_was() -> None:
    span, preparer = record({"say": ["ana@example.com"] * 3}), Preparer(Masker(), SERVICE)
    finish(span, preparer)
    assert preparer._known is not None
    labels, known_texts, begin, _ = preparer._known

    def begin_meanwhile() -> Any:
        span.output, span.input = "ana@example.com", None
        gc.collect()
        return begin()

    span = record({"say": ["ana@example.com", f"bob{id(span)}@example.com"]})
    preparer._known = (labels, known_texts, begin_meanwhile, None)
    finished = finish(span, preparer)
    assert finished.input == '{"given":{"say":["[email]","[email]"]},"other":null}'
    assert finished.output == '{"say":["[email]","[email]"]}'


@settings(max_examples=60)
@given(values, values)
def test_a_collector_that_runs_all_the_time_changes_nothing(value: Any, other: Any) -> None:
    span, preparer = record(value, other), knowing(value, other)
    preparer._closely = lambda masked: masked
    expected = finish(span, preparer)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        assert finish(span, preparer) == expected
    finally:
        gc.set_threshold(*threshold)


def test_no_references_are_left_behind() -> None:
    for value in [*SURE, *UNSURE]:
        span, preparer = record(value, "other"), knowing(value)
        preparer._closely = lambda value: value
        held = [span.kept_output, span.trace, preparer._known, *(text for _, text in names_and_texts(value))]
        finish(span, preparer)
        span.prepared = None
        before = [sys.getrefcount(one) for one in held]
        for _ in range(200):
            finish(span, preparer)
            span.prepared = None
        assert [sys.getrefcount(one) for one in held] == before


def test_a_span_that_is_known_makes_hardly_anything_that_the_collector_counts() -> None:
    value = SURE[0]
    spans, preparer = [record(value, "other") for _ in range(100)], knowing(value, "other")
    preparer._clean_names |= {spans[0].name, spans[0].trace.name}
    gc.collect()
    gc.disable()
    try:
        before = gc.get_count()[0]
        finished = [preparer(span) for span in spans]
        made = gc.get_count()[0] - before
    finally:
        gc.enable()
    assert len(finished) == 100
    assert made <= 310  # the observation, and its two empty dicts
