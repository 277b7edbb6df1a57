"""What is compiled of sums over digits, of what looks generated, and of what becomes of finds does as its original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracing_proxies.compiled import hot
from tracing_proxies.masking import checks, markers, scan
from tracing_proxies.masking.detectors import DETECTORS, values
from tracing_proxies.masking.detectors.looking import look_compiled, lower_evenly
from tracing_proxies.masking.detectors.parts import PARTS

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

DIGITS = st.text("0123456789", max_size=40)
WORDS = st.text("aAbBcCxyzXYZ0123456789-_.=+/é手", max_size=60) | st.text(max_size=20)
RANKS = {name: rank for rank, name in enumerate(DETECTORS)}
KNOWN = {name: marker for name, marker in markers.BY_CLASS.items() if name != "phone"}


@st.composite
def finds(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """Draw a text and places in it, in any order."""
    text = draw(st.text("ab é手\U0001f600", min_size=1, max_size=30))
    edge = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(edge, edge, st.sampled_from([*RANKS])), min_size=1, max_size=6))
    return text, [(min(first, second), max(first, second), name) for first, second, name in pairs]


@given(DIGITS)
def test_luhns_sum_is_that_of_the_original(digits: str) -> None:
    assert hot.luhn(digits) is checks.luhn_in_python(digits)


@given(DIGITS, st.lists(st.integers(-3, 90), max_size=20).map(tuple), st.sampled_from([10, 11, 89, 97, 1000]))
def test_weighted_sums_are_those_of_the_original(digits: str, weights: tuple[int, ...], modulus: int) -> None:
    assert hot.weighted(digits, weights, modulus) == checks.weighted_in_python(digits, weights, modulus)


@given(WORDS, st.integers(0, 24))
@example("aB" * 12, 16)
def test_what_looks_generated_is_what_the_original_takes_for_it(word: str, least: int) -> None:
    assert hot.is_random(word, least) is values.is_random_in_python(word, least)
    assert hot.is_random(word) is values.is_random_in_python(word)
    assert hot.has_few(word) is values.has_few_in_python(word)
    assert hot.holds_any(word, ("é", "aB")) is values.holds_any_in_python(word, ("é", "aB"))
    assert hot.may_hold(word) is bool(scan._WORTH(word))


@given(finds())
def test_finds_are_merged_and_replaced_as_the_original_does_it(given: tuple[str, list[tuple[int, int, str]]]) -> None:
    text, found = given
    before = list(found)
    merged = hot.merged(found, RANKS)
    assert merged == scan.merge(found, RANKS)
    assert found == before
    counted: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    replaced = hot.replaced(text, merged, KNOWN, markers.replace, counted[0])
    assert replaced == scan.replace_all(text, merged, KNOWN, markers.replace, counted[1])
    assert counted[0] == counted[1]


def test_every_character_has_the_lower_case_of_the_original() -> None:
    look = look_compiled([part for part in PARTS if part.read is not None], set())
    for first in range(0, 0x110000, 0x1000):
        text = "1@" + "".join(map(chr, range(first, first + 0x1000)))
        looked = look(text)
        assert looked is not None
        assert looked[0] == lower_evenly(text)


class Broken(Exception):
    """What a part raises here."""


def fail(*given: object) -> object:
    raise Broken


def gives(*found: object) -> Callable[..., list[object]]:
    return lambda *given: list(found)


CARD = "[email] card 4111111111111111-"


@pytest.mark.parametrize(
    ("number", "instead", "text"),
    [
        (0, fail, CARD),
        (0, lambda text: ("", "", {}), CARD),
        (0, lambda text: (text, "0" * len(text), {999: [0]}, 0), CARD),
        (1, ((fail, True),) * 400, "ann@example.com"),
        (1, ((gives((0, 999, "email")), True),) * 400, "ann@example.com"),
        (2, fail, "10.1.2.3"),
        (3, ((fail,),), CARD),
        (3, ((gives((1, 2)),),), CARD),
        (3, ((gives((0, 999, "email")),),), CARD),
        (3, ((lambda *given: 1,),), CARD),
        (4, int, CARD),
        (5, fail, "1234567"),
        (6, {}, "token=ghp_" + "a1B2" * 9),
        (7, fail, CARD),
        (8, fail, CARD),
        (9, fail, "ann@example.com 1234567"),
    ],
)
def test_what_goes_wrong_in_one_of_the_ways_to_find_is_raised(number: int, instead: object, text: str) -> None:
    ways = scan._arrange(frozenset(DETECTORS))[-1]
    hot.find(text, ways)
    with pytest.raises((Broken, TypeError, ValueError, IndexError, KeyError)):
        hot.find(text, (*ways[:number], instead, *ways[number + 1 :]))
    with pytest.raises((Broken, TypeError, ValueError, IndexError, KeyError)):
        hot.mask(text, (*ways[:number], instead, *ways[number + 1 :]), KNOWN, markers.replace, {}, 9)


def test_what_they_are_not_made_for_is_refused() -> None:
    for call in (
        lambda: hot.luhn("1a"),
        lambda: hot.luhn("٣"),
        lambda: hot.luhn(b"1"),
        lambda: hot.weighted("1", [1], 10),
        lambda: hot.weighted("1", (1,), 0),
        lambda: hot.weighted("1", ("1",), 10),
        lambda: hot.is_random(b"a"),
        lambda: hot.is_random("a", "b"),
        lambda: hot.has_few(b"a"),
        lambda: hot.may_hold(b"a"),
        lambda: hot.holds_any("a", ["a"]),
        lambda: hot.holds_any("a", (1,)),
        lambda: hot.find("a", ()),
        lambda: hot.mask(b"a", (), {}, markers.replace, {}, 1),
        lambda: hot.mask("1", (), {}, markers.replace, {}, 1),
        lambda: hot.mask("1", (), {}, markers.replace, {}, "1"),
        lambda: hot.merged((), RANKS),
        lambda: hot.merged([(0, 1)], RANKS),
        lambda: hot.merged([(0, 2, "email"), (1, 2, "nothing")], RANKS),
        lambda: hot.merged([(0, 2**70, "email")], RANKS),
        lambda: hot.replaced("abc", [(0, 4, "email")], KNOWN, markers.replace, {}),
        lambda: hot.replaced("abc", [(1, 2, "email"), (0, 1, "email")], KNOWN, markers.replace, {}),
        lambda: hot.replaced("abc", [(0, 1, "own")], KNOWN, lambda name, value: 1, {}),
        lambda: hot.replaced("abc", [(0, 1, "own")], KNOWN, lambda name, value: 1 / 0, {}),
        lambda: hot.replaced("abc", [(0, 1, "email")], KNOWN, markers.replace, {"email": "many"}),
    ):
        with pytest.raises((TypeError, ValueError, KeyError, OverflowError, ZeroDivisionError)):
            call()
