"""Quantities carry units, and wrong names get their nearest right one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.units import UnitError, parse_bytes, parse_duration, parse_share


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_bytes, "8KiB", 8192),
        (parse_bytes, "1.5MB", 1_500_000),
        (parse_duration, "5ms", 5_000_000),
        (parse_duration, "7d", 7 * 86_400 * 10**9),
        (parse_share, "2%", 0.02),
        (parse_share, "100%", 1.0),
    ],
)
def test_a_quantity_is_read_in_its_base_unit(parse, text: str, value: float) -> None:  # type: ignore[no-untyped-def]
    assert parse(text) == value


@pytest.mark.parametrize("parse", [parse_bytes, parse_duration, parse_share])
@pytest.mark.parametrize("text", ["5", "", "-5ms", "5 lightyears", "ms", "1e3s", "200%%", "9" * 40 + "s"])
def test_what_is_no_quantity_is_refused(parse, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnitError):
        parse(text)


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(UnitError, match="more than 100%"):
        parse_share("101%")


@given(st.integers(0, 10**12), st.sampled_from(["B", "KiB", "MB"]))
def test_sizes_scale_exactly(number: int, unit: str) -> None:
    assert parse_bytes(f"{number}{unit}") == number * {"B": 1, "KiB": 1024, "MB": 10**6}[unit]


def test_the_nearest_name_is_found_or_none_is_given() -> None:
    assert nearest("chrage", ["charge", "refund"]) == "charge"
    assert nearest("Name", ["name", "match"]) == "name"
    assert nearest("zzz", ["charge"]) is None
    assert nearest("x" * 200, ["x" * 200]) is None
