"""Patterns that are compiled late find what they would find at once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tracing_proxies.masking.detectors.late import Late


@pytest.mark.parametrize("name", ["match", "search", "fullmatch"])
@pytest.mark.parametrize(("text", "at"), [("ab12", 0), ("AB12", 2), ("--", 0), ("x ab1", 1)])
def test_a_match_is_that_of_the_pattern(name: str, text: str, at: int) -> None:
    late, made = Late("[a-z]*[0-9]+", re.IGNORECASE), re.compile("[a-z]*[0-9]+", re.IGNORECASE)
    for _ in range(2):
        assert repr(getattr(late, name)(text, at)) == repr(getattr(made, name)(text, at))


def test_all_matches_are_those_of_the_pattern() -> None:
    assert [found[0] for found in Late("[0-9]").finditer("a1b2")] == ["1", "2"]
    assert Late("[0-9]").findall("a1b2", 2) == ["2"]


def test_once_used_it_is_as_quick_as_the_pattern_itself() -> None:
    late = Late("a")
    late.search("b")
    assert late.match.__self__ is late.search.__self__  # type: ignore[attr-defined]
    assert isinstance(late.findall.__self__, re.Pattern)  # type: ignore[attr-defined]


def test_in_its_module_the_pattern_itself_takes_its_place() -> None:
    module: dict[str, Any] = {"Late": Late}
    exec("FIRST = AGAIN = Late('a')\nOTHER = Late('b')\ndef find(text): return FIRST.search(text)", module)
    late = module["FIRST"]
    assert [bool(module["find"](text)) for text in "ab"] == [True, False]
    assert module["FIRST"] is module["AGAIN"] is late.search.__self__
    assert type(module["OTHER"]) is Late
