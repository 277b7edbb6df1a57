"""What is compiled of the look at a text tells what its original tells, but for what is looked at in vain."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies.compiled import hot
from tracing_proxies.masking import scan
from tracing_proxies.masking.detectors import DETECTORS, assignment, digits
from tracing_proxies.masking.detectors.digits import Run, find_runs
from tracing_proxies.masking.detectors.kinds import Guard
from tracing_proxies.masking.detectors.looking import look_compiled, look_in_python, lower_evenly
from tracing_proxies.masking.detectors.parts import PARTS
from tracing_proxies.masking.detectors.shape import shape_of
from tracing_proxies.masking.detectors.tokens import long_words
from tracing_proxies.masking.scan import Scanner

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

READING = [part for part in PARTS if part.read is not None]
ANCHORS = sorted({anchor for part in READING for anchor in part.anchors})
SPELLINGS = sorted({spelling for part in READING for spelling in part.guard.spelt or ()})
VALUES = [
    *("1", "12", "4", "1234567", "415 555 0199", "078-05-1120", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"),
    *("AB12", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3", "Xy9-", "AB 12 34 56 C", "44051401458", "1985-02-17"),
    *("52.5200, 13.4050", "10.1.2.3", "::1", "ann@example.com", "u:p4ss1@h", "Hunter2!", "value", "is", "for x is"),
    *("2026-01-02T03:04:05.678", "12:30:45", "79.00", "1.2.3", "0.25.", "fe80::1:2", "2001:db8:0:1:2:3:4:5", "a:b"),
    *("00:1A:2b:3C:4d:5E", "00-1A-2b-3C-4d-5E", "001A.2b3C.4d5E", "00-1A-2b", "001A.2b3C", "MTk4NjIyNDgzNDcxOTI1MjQ4"),
    *(".Cl2FMQ", ".ZnCjm1XVW7vRze4b7Cq4se7kKWs", "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"),
]
BETWEEN = [
    *(
        " ",
        "  ",
        "\n",
        "\t",
        ": ",
        "=",
        '="',
        "'",
        '"',
        "-",
        "_",
        "/",
        "|",
        ",",
        ". ",
        "(",
        ")",
        "#",
        "+",
        "%3D",
        "\\n",
    ),
    *("\\", "n", "r", "é", "ü", "K", "İ", "ß", "手机", "°", "‐", "[", "]", "[phone]", "٣", "\ud800", "\u00a0", "€"),
]
PIECES = st.sampled_from(ANCHORS) | st.sampled_from(SPELLINGS) | st.sampled_from(VALUES) | st.sampled_from(BETWEEN)
TEXTS = st.lists(PIECES | PIECES.map(str.upper) | PIECES.map(str.title) | st.text(max_size=6), max_size=14).map("".join)
NUMBERS = st.lists(
    st.sampled_from(
        [*"0123456789", *" ().-/", *"+(,:", "123", "4567", "1.5", "a", "Z", "_", "é", "€", "$", "\\n", "ab-"]
    ),
    max_size=24,
).map("".join)
ORIGINAL = look_in_python(READING)


def scanner_that_looks(look: object) -> Scanner:
    """Return the default scanner with another look, and with nothing compiled that finds."""
    scanner = Scanner(DETECTORS.values())
    scanner.is_plain = False
    scanner._arranged = (look, *scan._arrange(scanner._names)[1:])  # type: ignore[assignment]
    return scanner


@settings(max_examples=examples(300))
@given(TEXTS | NUMBERS)
@example("key" * 40 + "password " * 8 + "a" * 60 + "=x1")
@example("İSTANBUL passport: AB1234567")
def test_lower_case_shape_and_places_are_those_of_the_original(text: str) -> None:
    original = ORIGINAL(text)
    assert original is not None
    looked = look_compiled(READING, set())(text)
    lower, shape, places, forms = looked or (*original[:2], {}, 0)
    assert (lower, shape) == original[:2] == (lower_evenly(text), shape_of(text))
    assert forms & original[3] == forms
    for number, found in places.items():
        every = iter(original[2][number])
        assert all(place in every for place in found), "the same places in the same order"
        if READING[number].guard == Guard():
            assert found == original[2][number]


@settings(max_examples=examples(600))
@given(TEXTS | NUMBERS, st.sampled_from(["", "phone: ", "tax id: ", "latitude: "]))
def test_what_is_left_out_would_have_been_looked_at_in_vain(text: str, label: str) -> None:
    original = scanner_that_looks(ORIGINAL)
    compiled = Scanner(DETECTORS.values())
    for _ in range(2):  # by then, names that tell of nothing are known
        assert compiled.find(text, label) == original.find(text, label)
        assert compiled.mask(text, label) == original.mask(text, label)


@settings(max_examples=examples(400))
@given(NUMBERS | TEXTS)
def test_runs_of_digits_are_those_of_the_original(text: str) -> None:
    shape = shape_of(text)
    assert hot.runs(text, shape, Run) == find_runs(text, shape)


@given(TEXTS, st.integers(0, 60), st.integers(0, 80))
def test_words_are_those_of_the_original(text: str, start: int, end: int) -> None:
    assert hot.words(text, start, end) == digits._WORD.findall(text, start, end)


@given(TEXTS, st.integers(1, 30))
def test_long_words_are_those_of_the_original(text: str, least: int) -> None:
    shape = shape_of(text)
    assert hot.long_words(shape, least) == long_words(shape, least)


def test_whether_a_part_had_anything_to_look_at_depends_on_no_guard_where_masking_would_be_repeated_for_it() -> None:
    assert [part.names for part in READING if not part.steady and part.guard != Guard()] == []


def test_names_that_tell_of_nothing_are_bounded() -> None:
    scanner = Scanner(DETECTORS.values())
    for number in range(9_000):
        scanner.mask(f"keynote{number} = 5")
    assert 0 < len(assignment.PLAIN_NAMES) <= 4_096


def test_a_gate_is_made_of_literals_with_guards_alone() -> None:
    plain: set[str] = set()
    table, countries = bytes(256), bytes(26 * 26)
    guard = (0, 0, False, False, False, 0, 0, 0, 0, "", None)
    assert hot.Gate({"ab": [guard]}, plain, str.lower, table, countries).look("xab") == ("xab", "\0\0\0", {0: [1]}, 0)
    for wrong in (
        ({"": [guard]}, plain, str.lower, table, countries),
        ({"a": guard}, plain, str.lower, table, countries),
        ({"a": [guard[:5]]}, plain, str.lower, table, countries),
        ({"a": [(*guard[:10], ("ab",))]}, plain, str.lower, table, countries),
        ({"a": [(*guard[:10], ("é",))]}, plain, str.lower, table, countries),
        ({"a" * 40_000: [guard]}, plain, str.lower, table, countries),
        ({"a": [guard]}, [], str.lower, table, countries),
        ({"a": [guard]}, plain, str.lower, b"short", countries),
        ({"a": [guard]}, plain, str.lower, table, b""),
    ):
        with pytest.raises((TypeError, ValueError)):
            hot.Gate(*wrong)
    with pytest.raises(TypeError):
        hot.Gate({"a": [guard]}, plain, str.lower, table, countries).look(b"a")
    with pytest.raises(ValueError):
        hot.Gate({"a": [guard]}, plain, lambda text: text * 2, table, countries).look("Σ")
    for call in (
        lambda: hot.runs("1", "00", Run),
        lambda: hot.runs("1", "0", int),
        lambda: hot.words("a", 1),
        lambda: hot.long_words(1, 1),
    ):
        with pytest.raises(TypeError):
            call()
