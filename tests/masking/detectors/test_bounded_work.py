"""Texts made of what detectors wait for: the work grows as the text does, counted in calls and not in seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tracing_proxies.masking import mask_text
from tracing_proxies.masking.detectors.parts import PARTS

# The anchors of each part; the many parts of one anchor are tried together.
READING = [part.anchors for part in PARTS if part.read is not None]
MANY = [anchors for anchors in READING if len(anchors) > 1]
SINGLE = [anchors[0] for anchors in READING if len(anchors) == 1]
GROUPS = [*MANY, *(SINGLE[at : at + 40] for at in range(0, len(SINGLE), 40))]
FORMS = [
    *(
        "A0",
        "0A",
        "12345678Z ",
        "AA00",
        "DE89",
        "0.0.",
        "1.2.3.4.",
        "0:0:",
        "ab-cd-",
        "A1B2C3D4E5",
        "44051401458 ",
        "1-",
    ),
    *("000000-0000 ", "AB 12 34 56 C ", "M1 1AA ", "1EG4-TE5-MK73", "a" * 26 + " ", "1" * 34 + " ", ".abcdef.", "(0)"),
    *("passport passport ", "passport: A1 ", "born on ", "lat: 1.0", "Street ", "1 A Street", "rue rue ", "str.1", "$"),
    *(
        "4111 1111 ",
        "+4 ",
        "00 ",
        "é1",
        "手机1",
        "\\n1",
        "ü" * 9,
        "http://a:b@c",
        "x@y.zz ",
        "password is ",
        "{{",
        "%3D",
    ),
]


def calls_of(function: Callable[[str], Any], text: str) -> int:
    """Count the calls, in Python and in C, that a function makes."""
    count = 0

    def note(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        function(text)
    finally:
        sys.setprofile(None)
    return count


def check_growth(piece: str) -> None:
    small, large = (piece * max(1, size // len(piece)) for size in (1_500, 6_000))
    mask_text(small)  # pays what is paid once
    if len(large) >= 2 * len(small):
        ratio = len(large) / len(small)
        assert calls_of(mask_text, large) <= 1.6 * ratio * calls_of(mask_text, small) + 500


@pytest.mark.parametrize("anchors", GROUPS)
@pytest.mark.parametrize("between", ["", " 1"])
def test_repeated_anchors_cost_what_their_number_does(anchors: tuple[str, ...], between: str) -> None:
    check_growth("".join(anchor + between for anchor in anchors[:60]))


@pytest.mark.parametrize("piece", FORMS)
def test_repeated_forms_cost_what_their_number_does(piece: str) -> None:
    check_growth(piece)


@pytest.mark.parametrize("piece", FORMS)
def test_repeated_forms_are_masked_stably(piece: str) -> None:
    once = mask_text(piece * 200)
    assert mask_text(once) == once


def test_json_of_five_thousand_levels_in_a_text_is_masked() -> None:
    text = '{"a":' * 5_000 + '"ann@example.com"' + "}" * 5_000
    assert "ann@example.com" not in mask_text(text)
    assert "Pa55word1" not in mask_text(json.dumps(json.dumps(json.dumps({"password": "Pa55word1"}))))


@pytest.mark.parametrize("piece", ["1", "A1", "1 ", "1-", "a1", "A", "1.", "ab:", "٣"])
def test_a_million_characters_of_one_kind_are_answered(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert len(mask_text(text)) > 0
