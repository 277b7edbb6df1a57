"""Detectors that users write, and how the scanner combines all of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.masking import markers, mask_text
from tracing_proxies.masking.detectors import DETECTORS
from tracing_proxies.masking.detectors.custom import compile_detector
from tracing_proxies.masking.scan import Scanner


def test_a_pattern_finds_what_it_matches_or_what_its_group_value_does() -> None:
    assert compile_detector("badge", r"E[0-9]{6}").find("é E123456, E654321") == [(2, 9), (11, 18)]
    assert compile_detector("badge", r"badge (?P<value>[0-9]+)").find("badge 17") == [(6, 8)]
    assert compile_detector("badge", r"(?i)\be[0-9]+\b").find("E1 xE2") == [(0, 2)]


def test_places_are_counted_in_characters_also_beside_lone_surrogates() -> None:
    assert compile_detector("badge", "B[0-9]").find("😀\ud800 B1") == [(3, 5)]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "the pattern is empty"),
        ("a(b", r"missing \)"),
        ("[b", r"missing \]"),
        ("(?=x)y", r"lookaround.*'\(\?=' at column 1"),
        (r"(a)\1", r"back-references.* at column 4"),
        ("(a{1000}){1000}", "1,000 at most"),
        ("a**", "two repeats follow one another.* at column 2"),
        ("x*", "matches the empty text"),
        ("a" * 3_000, "3,000 characters; 2,000 are the most"),
        ("\\", "trailing"),
    ],
)
def test_what_cannot_be_compiled_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compile_detector("own", pattern)


@pytest.mark.parametrize("name", ["", "Email", "a b", "1a", "a" * 41, "ä"])
def test_a_detectors_name_is_plain(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 40 lower-case letters"):
        compile_detector(name, "x")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*[bc]", "(.*a){20}", "((a?){30}){30}b", ".{0,900}x"])
def test_a_pattern_that_would_take_years_elsewhere_answers(pattern: str) -> None:
    assert compile_detector("own", pattern).find("a" * 5_000 + "!") is not None


def test_a_pattern_that_reads_on_for_every_match_is_stopped() -> None:
    with pytest.raises(TimeoutError, match="the detector own took too long"):
        compile_detector("own", "a.*x|a").find("a" * 200_000)


def test_own_detectors_stand_beside_the_shipped_ones() -> None:
    scanner = Scanner([*DETECTORS.values(), compile_detector("badge", "E[0-9]{6}")])
    text = "E123456 wrote to ann@example.com"
    assert scanner.find(text) == [(0, 7, "badge"), (17, 32, "email")]
    assert scanner.mask(text) == "[badge] wrote to [email]"
    assert scanner.mask(scanner.mask(text)) == scanner.mask(text)


def test_of_two_that_claim_a_place_the_shipped_one_names_it() -> None:
    scanner = Scanner([compile_detector("everything", r"\S+@\S+"), *DETECTORS.values()])
    assert scanner.find("(ann@example.com)") == [(0, 17, "email")]


def test_a_scanner_finds_only_the_classes_it_is_given() -> None:
    scanner = Scanner([DETECTORS["email"]])
    assert (
        scanner.mask("ann@example.com or +14155550132, ssn 123-45-6789") == "[email] or +14155550132, ssn 123-45-6789"
    )
    assert DETECTORS["phone"].find("ann@example.com or +14155550132") == [(19, 31)]


def test_the_caller_says_what_stands_for_a_value() -> None:
    scanner = Scanner(DETECTORS.values(), replace=lambda name, value: f"<{name}:{len(value)}>")
    assert scanner.mask("write ann@example.com") == "write <email:15>"


def test_what_is_allowed_stays() -> None:
    scanner = Scanner(DETECTORS.values(), frozenset(("ann@example.com",)))
    assert scanner.find("ann@example.com, bob@example.com") == [(17, 32, "email")]


def test_every_class_has_a_marker() -> None:
    assert set(DETECTORS) == set(markers.BY_CLASS)


PIECES = st.lists(
    st.sampled_from(
        [
            *("passport ", "PESEL: ", "44051401458", "AB1234567", "12345678Z", "born on ", "1980-05-12", "website: "),
            *("https://a.example/x", "lat: 48.8566", " ", ", ", "\n", "-", ".", "221B Baker Street", "Hauptstraße 12"),
            *("rue de la Paix", "12", "SW1A 1AA", "529.982.247-25", "pass: Abc123", "ghp_" + "a1B2" * 9, "key-", "::"),
            *(
                "00:1A:2B:3C:4D:5E",
                "1.2.3.4",
                "a@b.example",
                "[national id]",
                "[passport]",
                "phone ",
                "5551234567",
                "_",
            ),
            *(
                "4111 1111 1111 1111",
                "DE89370400440532013000",
                "order ",
                "a1" * 16,
                "=",
                '"',
                "'",
                "VIN ",
                "/",
                "[",
                "]",
            ),
        ]
    ),
    max_size=20,
).map("".join)


@given(PIECES)
def test_masking_twice_changes_nothing(text: str) -> None:
    once = mask_text(text)
    assert mask_text(once) == once


@given(PIECES)
def test_finds_are_in_order_and_apart(text: str) -> None:
    spans = Scanner(DETECTORS.values()).find(text)
    assert all(0 <= start < end <= len(text) for start, end, _ in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
