"""Check digits and prefixes as their standards print them, each place and each bound by itself."""

from __future__ import annotations

import pytest

from tracing_proxies.masking import mask_text
from tracing_proxies.masking.checks import card_brand_fits, is_date, vin

# 49 CFR 565.15: the weight of each of the 17 places, and the value of each letter.
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
LETTERS = {
    1: "AJ",
    2: "BKS",
    3: "CLT",
    4: "DMU",
    5: "ENV",
    6: "FW",
    7: "GPX",
    8: "HY",
    9: "RZ",
}


def checked(characters: list[str], remainder: int) -> str:
    characters[8] = "0123456789X"[remainder % 11]
    return "".join(characters)


@pytest.mark.parametrize("place", [place for place in range(17) if place != 8])
def test_each_place_of_a_vehicle_number_has_its_weight(place: int) -> None:
    characters = ["0"] * 17
    characters[place] = "1"
    assert [vin(checked(list(characters), digit)) for digit in range(11)] == [
        digit == WEIGHTS[place] for digit in range(11)
    ]


@pytest.mark.parametrize(("value", "letter"), [(value, one) for value, each in LETTERS.items() for one in each])
def test_each_letter_of_a_vehicle_number_has_its_value(value: int, letter: str) -> None:
    characters = ["0"] * 17
    characters[16] = letter  # of weight 2
    assert vin(checked(characters, 2 * value))


@pytest.mark.parametrize("written", ["0" * 16, "0" * 18, "I" + "0" * 16, "O" + "0" * 16, "Q" + "0" * 16])
def test_another_length_or_letter_is_no_vehicle_number(written: str) -> None:
    assert not vin(written)


@pytest.mark.parametrize(
    ("first", "last", "sizes"),
    [
        ("4", "4", {13, 16, 19}),
        ("51", "55", {16}),
        ("2221", "2720", {16}),
        ("34", "34", {15}),
        ("37", "37", {15}),
        ("2131", "2131", {15}),
        ("1800", "1800", {15}),
        ("300", "305", {14, 15, 16, 17, 18, 19}),
        ("36", "36", {14, 15, 16, 17, 18, 19}),
        ("38", "39", {14, 15, 16, 17, 18, 19}),
        ("3528", "3589", {16, 17, 18, 19}),
        ("62", "62", {16, 17, 18, 19}),
        ("65", "65", {16, 17, 18, 19}),
        ("81", "81", {16, 17, 18, 19}),
        ("6011", "6011", {16, 17, 18, 19}),
        ("644", "649", {16, 17, 18, 19}),
        ("60", "60", {16}),
        ("82", "82", {16}),
        ("2200", "2204", {16}),
    ],
)
def test_a_network_has_its_prefixes_and_lengths(first: str, last: str, sizes: set[int]) -> None:
    for prefix in {first, last} - {"60"}:
        assert {size for size in range(12, 20) if card_brand_fits(prefix.ljust(size, "0"))} == sizes, prefix


@pytest.mark.parametrize("prefix", ["50", "56", "2220", "2721", "33", "2130", "2132", "1799", "1801", "306", "3060"])
def test_beside_a_networks_prefixes_there_is_none(prefix: str) -> None:
    assert not any(card_brand_fits(prefix.ljust(size, "9")) for size in range(12, 20))


@pytest.mark.parametrize("prefix", ["40", "2199", "2205", "6439", "61", "63", "66", "80", "83", "31", "32"])
def test_a_number_beside_those_of_sixteen_digits_is_of_no_network(prefix: str) -> None:
    assert card_brand_fits(prefix.ljust(16, "9")) == (prefix[0] == "4")


def test_a_date_has_a_month_and_a_day_of_it() -> None:
    assert [month for month in range(14) if is_date("01", str(month), "1")] == list(range(1, 13))
    longest = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    for month, days in enumerate(longest, 1):
        assert [day for day in range(33) if is_date("01", str(month), str(day))] == list(range(1, days + 1))
    assert is_date("04", "2", "29")


@pytest.mark.parametrize(
    ("number", "is_issued"),
    [
        ("123-45-6789", True),
        ("123-40-6789", True),
        ("123-00-6789", False),
        ("123-45-0000", False),
        ("000-45-6789", False),
        ("666-45-6789", False),
        ("667-45-6789", True),
        ("900-45-6789", False),
        ("899-45-6789", True),
    ],
)
def test_a_social_security_number_is_one_that_is_issued(number: str, is_issued: bool) -> None:
    assert mask_text(f"ssn {number}") == ("ssn [ssn]" if is_issued else f"ssn {number}")


def test_a_card_of_twelve_digits_is_one_where_the_text_says_card() -> None:
    assert mask_text("maestro card 501800000017") == "maestro card [card]"
    assert mask_text("maestro card 501800000018") == "maestro card 501800000018"
    assert mask_text("order 501800000017") == "order 501800000017"


@pytest.mark.parametrize("value", ["xxxxxx", "'your password'", "********", "..."])
def test_what_stands_for_a_password_is_none(value: str) -> None:
    assert mask_text(f"password={value}") == f"password={value}"
