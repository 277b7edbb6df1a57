"""A value that stands beside its name is masked as if it stood under it."""

from __future__ import annotations

from typing import Any

import pytest

from tracing_proxies.masking import Masker
from tracing_proxies.masking.explaining import explain
from tracing_proxies.registry.masking import MaskingSettings


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"name": "DB_PASSWORD", "value": "hunter2abc"}, {"name": "DB_PASSWORD", "value": "[hidden]"}),
        ({"value": ["a", 1], "key": "apiKey"}, {"value": "[hidden]", "key": "apiKey"}),
        ({"Key": "Secret", "Value": 1234}, {"Key": "Secret", "Value": "[hidden]"}),
        ({"name": "password", "value": None}, {"name": "password", "value": None}),
        ({"name": "colour", "value": "red"}, {"name": "colour", "value": "red"}),
        ({"name": 3, "value": "red"}, {"name": 3, "value": "red"}),
        ({"name": "password", "kind": "red"}, {"name": "password", "kind": "red"}),
    ],
)
def test_a_name_says_what_its_value_is(masker: Masker, entry: dict[Any, Any], expected: dict[Any, Any]) -> None:
    for _ in range(2):
        assert masker.value([entry]) == [expected]
        assert masker.value([expected]) == [expected]


def test_a_text_that_is_known_to_be_harmless_elsewhere_is_masked_beside_such_a_name() -> None:
    masker = Masker()
    assert masker.value([{"name": "colour", "value": "red"}] * 2) == [{"name": "colour", "value": "red"}] * 2
    assert masker.value({"name": "password", "value": "red"}) == {"name": "password", "value": "[hidden]"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"hide": ("diagnosis",)}, {"name": "diagnosis", "value": "[hidden]"}),
        ({"remove": ("diagnosis",)}, {"name": "diagnosis"}),
        ({"shape": ("diagnosis",)}, {"name": "diagnosis", "value": "[hidden: 9 characters]"}),
        ({"shape": ("diagnosis",), "hide": ("value",)}, {"name": "diagnosis", "value": "[hidden]"}),
        ({"hide": ("diagnosis",), "allow": ("diagnosis",)}, {"name": "diagnosis", "value": "influenza"}),
    ],
)
def test_a_registrys_lists_hold_for_it_and_the_stricter_of_two_names_wins(
    words: dict[str, Any], expected: dict[str, str]
) -> None:
    masker = Masker(MaskingSettings(**words))
    assert masker.value({"name": "diagnosis", "value": "influenza"}) == expected


def test_it_is_explained_by_its_name() -> None:
    masked, [place] = explain(Masker(), '{"env": [{"name": "DB_PASSWORD", "value": "hunter2abc"}]}')
    assert masked == '{"env":[{"name":"DB_PASSWORD","value":"[hidden]"}]}'
    assert (place.place, place.why) == ("env[0].value", "the key 'DB_PASSWORD' is one of the usual names")
