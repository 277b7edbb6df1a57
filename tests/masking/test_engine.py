"""The masker over structures: keys, nesting, JSON in text, bounds, policies, failures."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies import failures
from tracing_proxies.masking import Masker
from tracing_proxies.masking.scan import Scanner
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.copying import Limits
from tracing_proxies.registry.masking import MaskingSettings, Tightening


def masked_by(policy: str = "open", **lists: list[str]) -> Masker:
    """Make the masker of a ``masking:`` block."""
    return Masker(MaskingSettings(policy=policy, **{name: tuple(names) for name, names in lists.items()}))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(max_size=10) | st.sampled_from(["password", "phone", "note", "a@b.example"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_masked_value_stays_as_it_is_when_masked_again(value: Any) -> None:
    masker = Masker()
    once = masker.value(value)
    assert masker.value(once) == once


@given(VALUES, st.lists(st.sampled_from(["list", "tuple", "dict", "json"]), max_size=12))
def test_a_hidden_key_vanishes_at_any_depth(beside: Any, nesting: list[str]) -> None:
    value: Any = {"userPassword": "opensesame", "beside": beside}
    for kind in nesting:
        if kind == "json":
            value = json.dumps(value, default=repr)
        else:
            value = {"list": [value, 1], "tuple": (1, value), "dict": {"inner": value}}[kind]
    assert "opensesame" not in repr(Masker().value(value))


def test_the_input_is_never_changed(masker: Masker) -> None:
    value = {"password": "x", "deep": [{"mail": "ann@example.com"}]}
    masker.value(value)
    assert value == {"password": "x", "deep": [{"mail": "ann@example.com"}]}


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_sequences_and_sets_keep_their_type(masker: Masker, kind: Any) -> None:
    masked = masker.value(kind(["ann@example.com"]))
    assert masked == kind(["[email]"])
    assert type(masked) is kind


def test_bytes_are_masked_as_text_and_binary_survives(masker: Masker) -> None:
    assert masker.value(b"to ann@example.com") == b"to [email]"
    assert masker.value(b"\xff\xfe ann@example.com \x80") == b"\xff\xfe [email] \x80"
    assert masker.value(b"\xff\x00\x80") == b"\xff\x00\x80"


def test_a_number_is_masked_when_it_is_a_card_or_its_key_says_phone(masker: Masker) -> None:
    value = {"n": 4111111111111111, "m": 4111111111111112, "phone": 4155550132, "id": 4155550132, "at": 1769756098123}
    expected = {"n": "[card]", "m": 4111111111111112, "phone": "[phone]", "id": 4155550132, "at": 1769756098123}
    assert masker.value(value) == expected


def test_keys_that_are_personal_are_masked_and_none_is_lost(masker: Masker) -> None:
    assert masker.value({"ann@example.com": 1, "bob@example.com": 2}) == {"[email]": 1, "[email] 2": 2}


class Column(str, Enum):
    """Names that stand as keys and as texts."""

    USER = "user_name"
    PASSWORD = "password"
    OWNER = "ann@example.com"


@pytest.mark.parametrize(
    "settings", [MaskingSettings(), MaskingSettings(hide=("diagnosis",)), MaskingSettings(partial=("iban",))]
)
def test_a_text_of_a_class_of_its_own_is_masked_as_any_other(settings: MaskingSettings) -> None:
    masker = Masker(settings)
    for _ in range(2):  # before the detectors are loaded, and after it
        assert masker.text(Column.OWNER) == "[email]"
        assert masker.text(Column.USER) == "user_name"
        masked = masker.value({Column.USER: 1, Column.PASSWORD: "x", Column.OWNER: "ann@example.com"})
        assert masked == {"user_name": 1, "password": "[hidden]", "[email]": "[email]"}


def test_an_absent_secret_stays_absent(masker: Masker) -> None:
    assert masker.value({"password": None, "token": ""}) == {"password": None, "token": "[hidden]"}


def test_usage_and_logprobs_survive(masker: Masker) -> None:
    value = {
        "usage": {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15, "cached_tokens": 0},
        "max_tokens": 4096,
        "logprobs": [{"token": "Hello", "logprob": -0.1}],
        "next_page_token": "CAUQAA",
        "stop_token": "</s>",
    }
    assert masker.value(value) == value


def test_json_in_text_is_masked_by_its_keys_and_stays_json(masker: Masker) -> None:
    masked = masker.value('{"user": "ann", "password": "opensesame", "n": 123456789012345678901234567890}')
    assert json.loads(masked) == {"user": "ann", "password": "[hidden]", "n": 123456789012345678901234567890}


def test_json_in_text_without_a_secret_is_the_same_object(masker: Masker) -> None:
    text = '{ "user" : "ann",  "price": 1.10 }'
    assert masker.value(text) is text


def test_json_with_a_key_twice_is_masked_as_text(masker: Masker) -> None:
    assert "Opensesame1" not in masker.value('{"password": "Opensesame1", "password": null}')


@pytest.mark.parametrize("kept", ["ann@exam", "ghp_c4N4ryZ8xK2m", "4111111111"])
def test_the_word_that_capture_has_cut_is_left_out(masker: Masker, kept: str) -> None:
    cut = snapshot(f"write to {kept}ple.com and more", Limits(max_bytes=9 + len(kept)))
    assert kept in cut
    masked = masker.value({"text": cut})
    assert masked == {"text": "write to …<16 more characters>"}
    assert masker.value(masked) == masked


def test_depth_and_size_are_bounded(masker: Masker) -> None:
    deep: Any = "ann@example.com"
    for _ in range(100):
        deep = [deep]
    assert "too deep to mask" in repr(masker.value(deep))
    assert "ann@example.com" not in repr(masker.value(deep))
    wide = masker.value([0] * 150_000)
    assert len(wide) < 100_010
    assert wide[-1] == "[too large to mask]"


def test_a_value_that_contains_itself_is_masked(masker: Masker) -> None:
    loop: dict[str, Any] = {"mail": "ann@example.com"}
    loop["self"] = loop
    assert "ann@example.com" not in repr(masker.value(loop))


def test_hide_of_one_call_adds_to_the_rules_and_wins_over_allow() -> None:
    masker = masked_by(allow=["city"])
    assert masker.under(Tightening(hide=("city", "a*"))).value({"city": "Bonn", "age": 3}) == {
        "city": "[hidden]",
        "age": "[hidden]",
    }
    assert masker.value({"city": "Bonn", "age": 3}) == {"city": "Bonn", "age": 3}


def test_hide_takes_globs_paths_and_any_spelling() -> None:
    masker = masked_by(hide=["customer.address", "*_internal", "*.badge_no"])
    value = {"customer": {"address": "x", "name": "y"}, "address": "z", "noteInternal": 1, "deep": {"BadgeNo": 2}}
    assert masker.value(value) == {
        "customer": {"address": "[hidden]", "name": "y"},
        "address": "z",
        "noteInternal": "[hidden]",
        "deep": {"BadgeNo": "[hidden]"},
    }


def test_allow_exempts_exact_texts_and_keys() -> None:
    masker = masked_by(allow=["support@example.com", "pin_code", "contact"])
    value = {
        "a": "write support@example.com or ann@example.com",
        "pinCode": 110001,
        "contact": {"mail": "ann@example.com"},
    }
    assert masker.value(value) == {
        "a": "write support@example.com or [email]",
        "pinCode": 110001,
        "contact": {"mail": "ann@example.com"},
    }
    assert masker.text("support@example.com") == "support@example.com"


def test_strict_passes_only_what_is_shown() -> None:
    masker = masked_by(policy="strict", show=["status", "order.total"])
    value = {
        "status": "ok ann@example.com",
        "n": 1,
        "flag": True,
        "none": None,
        "order": {"total": 3, "who": ["ann"]},
        "b": b"x",
    }
    assert masker.value(value) == {
        "status": "ok [email]",
        "n": "[hidden]",
        "flag": True,
        "none": None,
        "order": {"total": 3, "who": ["[hidden]"]},
        "b": b"[hidden]",
    }
    assert masker.value("free text") == "[hidden]"
    assert masker.value(masker.value(value)) == masker.value(value)


def test_strict_keeps_the_structure_of_json_in_text() -> None:
    masker = masked_by(policy="strict", show=["status"])
    assert json.loads(masker.value('{"status": "ok", "who": "ann"}')) == {"status": "ok", "who": "[hidden]"}


def test_unknown_words_are_refused_with_the_nearest_right_name() -> None:
    with pytest.raises(ValueError, match="Did you mean 'email'"):
        masked_by(detect=["emial"])
    with pytest.raises(ValueError, match="Did you mean 'strict'"):
        masked_by(policy="stric")
    masked_by(detect=["email", "phone", "payment_card", "secrets"])


def test_what_cannot_be_masked_is_replaced_and_the_rest_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)
    mask = Scanner.mask

    def fail_on_one(self: Scanner, text: str, label: str = "") -> str:
        if text == "boom":
            raise RuntimeError(text)
        return mask(self, text, label)

    monkeypatch.setattr(Scanner, "mask", fail_on_one)
    before = failures.counts().get("masking", 0)
    masker = Masker()
    assert masker.value({"a": "boom", "b": "ann@example.com"}) == {"a": "[masking failed]", "b": "[email]"}
    assert masker.text("boom") == "[masking failed]"
    assert masker.value({"o": object(), "b": 1}) == {"o": "[masking failed]", "b": 1}
    assert failures.counts()["masking"] == before + 3


@attrs.frozen
class Box:
    """A model around a value."""

    held: Any


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: {"held": inner},
        lambda inner: {5: inner},
        lambda inner: [inner],
        lambda inner: (inner,),
        Box,
    ],
    ids=["dict", "dict of numbers", "list", "tuple", "model"],
)
def test_no_container_leads_deeper_than_the_bound(wrap: Any, masker: Masker) -> None:
    for levels, too_deep in ((32, False), (33, True), (60, True)):
        value: Any = "ann@example.com"
        for _ in range(levels):
            value = wrap(value)
        for _ in range(2):  # unknown, and known
            seen = repr(masker.value(value))
            assert "ann@example.com" not in seen
            assert ("too deep" in seen) is too_deep, levels
            assert ("[email]" in seen) is not too_deep


def test_coordinates_are_masked_as_numbers_too_and_amounts_are_not(masker: Masker) -> None:
    for _ in range(2):
        assert masker.value({"lat": 48.8566, "homeLongitude": 2.35221, "vat": 1234.56, "lon": 2, "price": 48.8566}) == {
            "lat": "[coordinates]",
            "homeLongitude": "[coordinates]",
            "vat": 1234.56,
            "lon": 2,
            "price": 48.8566,
        }
        assert masker.value([{"coordinates": [2.35221, 48.8566]}]) == [{"coordinates": ["[coordinates]"] * 2}]
