"""Inputs made to be slow: the work grows as the text does, counted in calls and not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tracing_proxies.masking import Masker, mask_text

PIECES = [
    "@",
    ".",
    "a@",
    "@.",
    "a@b.",
    "1",
    "1 ",
    "1.",
    "1-",
    "4111 ",
    "+1 ",
    "phone 1234567 ",
    "password=",
    "password:a1",
]
PIECES += [
    '"token": "',
    "-secret ",
    "Bearer a1",
    "eyJ.",
    "eyJa1 ",
    "://a:b1@c",
    "://",
    "ab:",
    "::",
    "ab-",
    "DE89 ",
    "sk-",
    "key",
]
PIECES += ["-----BEGIN RSA PRIVATE KEY-----", "-u ", "[email]", "(", "İ1@", '="', "_-", "\\n", "{", "["]


def calls_of(function: Callable[[str], Any], text: str) -> int:
    """Count the calls, in Python and in C, that a function makes."""
    count = 0

    def note(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    function(text)  # what is loaded or compiled at its first use is no work of the text's
    sys.setprofile(note)
    try:
        function(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("piece", PIECES)
def test_four_times_the_text_is_at_most_some_four_times_the_work(piece: str) -> None:
    small, large = (piece * (size // len(piece)) for size in (2_000, 8_000))
    assert calls_of(mask_text, large) <= 6 * calls_of(mask_text, small) + 500


@pytest.mark.parametrize("piece", PIECES)
def test_a_repeated_piece_is_masked_stably(piece: str) -> None:
    once = mask_text(piece * 300)
    assert mask_text(once) == once


def test_a_million_digits_cost_a_handful_of_calls() -> None:
    assert calls_of(mask_text, "1" * 1_000_000) < 1_000
    assert mask_text("1" * 1_000_000) == "1" * 1_000_000


def test_a_huge_integer_survives(masker: Masker) -> None:
    assert masker.value(10**5000) == 10**5000
    assert masker.value("[" + "9" * 5000 + "]") == "[" + "9" * 5000 + "]"


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_thousands_of_nested_brackets_in_a_json_text_are_masked_as_text(masker: Masker, bracket: str) -> None:
    closing = "]" if bracket == "[" else "}"
    text = bracket * 5_000 + '"ann@example.com"' + closing * 5_000
    assert "ann@example.com" not in masker.value(text)


def test_json_within_json_within_json_is_bounded(masker: Masker) -> None:
    import json

    text = '{"password": "opensesame"}'
    for _ in range(8):
        text = json.dumps({"inner": text})
    assert "opensesame" not in masker.value(text)
