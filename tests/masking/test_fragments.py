"""Keys within texts that are no JSON, and values that come in pieces."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.masking.test_hostile import calls_of
from tracing_proxies.compiled import hot
from tracing_proxies.masking import Masker
from tracing_proxies.masking.fragments import FragmentMasker, find_key
from tracing_proxies.masking.policy import MaskingRules
from tracing_proxies.masking.scan import Scanner
from tracing_proxies.masking.strategies import Strategy
from tracing_proxies.registry.masking import NOTHING, MaskingSettings, Tightening

HIDING = Masker(MaskingSettings(hide=("diagnosis", "case.ward"), allow=("fine",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"diagnosis": "chronic flu", "n": 1, "rest": "<9 more>',
            '{"diagnosis": "[hidden]", "n": 1, "rest": "<9 more>',
        ),
        ('{"a": {"diagnosis": {"code": "J10", "x": ["}"]}, "n": 2', '{"a": {"diagnosis": [hidden], "n": 2'),
        ("{'diagnosis': 'it\\'s flu', 'n': 1}", "{'diagnosis': '[hidden]', 'n': 1}"),
        ("Case(diagnosis='flu', n=1)", "Case(diagnosis='[hidden]', n=1)"),
        ("Case(diagnosis=flu, n=1)", "Case(diagnosis=[hidden], n=1)"),
        ("https://x.example/?diagnosis=flu&n=1", "https://x.example/?diagnosis=[hidden]&n=1"),
        ("Diagnosis: chronic flu\nNext: none", "Diagnosis: [hidden]\nNext: none"),
        ('{"diagnosis": "chronic fl', '{"diagnosis": "[hidden]'),
        ("{'diagnosis': None}", "{'diagnosis': None}"),
        ("the diagnosis is open", "the diagnosis is open"),
        ("fine: yes, diagnosis: x", "fine: yes, diagnosis: [hidden]"),
    ],
)
def test_what_stands_behind_a_key_that_is_named_is_hidden(text: str, expected: str) -> None:
    assert HIDING.value(text) == expected
    assert HIDING.value(expected) == expected


def test_the_other_strategies_hold_for_them_too() -> None:
    masker = Masker(MaskingSettings(partial=("badge",), remove=("notes",), shape=("code",)))
    assert masker.text("badge=Q12346789, notes=all of it, code=abc") == (
        "badge=[hidden*6789], notes=[hidden], code=[hidden: 3 characters]"
    )
    assert Masker().under(Tightening(hide=("badge",))).text("badge=Q1") == "badge=[hidden]"
    assert Masker().text("badge=Q1") == "badge=Q1"


SIGNS: Any = (*"'\":=.-_9 \n\\{ż²٣\u2003\0中\ud800", "=>", "    ", "a" * 63, "b" * 70, "diagnosis", "n-1", '"key": ')


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
@settings(max_examples=examples(400))
@given(
    st.lists(st.sampled_from(SIGNS), max_size=14).map("".join),
    st.integers(0, 40),
    st.sets(st.sampled_from(["diagnosis", "key", "a", "n-1"])),
)
def test_what_is_compiled_finds_the_keys_that_its_original_does(text: str, place: int, plain: set[str]) -> None:
    listed = {**dict.fromkeys(plain, Strategy.NONE), "b": Strategy.HIDE}
    while True:
        found = find_key(text, place, listed)
        assert hot.find_key(text, place, listed) == found
        if found is None:
            return
        place = found[1]


@pytest.mark.parametrize(
    "piece", ["diagnosis:", "diagnosis='", 'diagnosis="\\', "diagnosis={", "a=", "'", "a.", "=>", "diagnosis=[('"]
)
def test_hostile_texts_take_time_in_proportion(piece: str) -> None:
    small, large = (piece * (size // len(piece)) for size in (2_000, 8_000))
    assert calls_of(HIDING.text, large) <= 6 * calls_of(HIDING.text, small) + 500


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(["diagnosis", ":", "=", "'", '"', "{", "}", "[", "x", " ", ",", "\\", "[hidden]", "\n"]),
        max_size=25,
    )
)
def test_masking_them_again_changes_nothing(pieces: list[str]) -> None:
    once = HIDING.text("".join(pieces))
    assert HIDING.text(once) == once


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        (["to ann@", "example", ".com now"], ["to [email]", "", " now"]),
        (["to ", "ann@example.com", " now"], ["to ", "[email]", " now"]),
        (["card 4111 1111", " 1111 1111", ""], ["card [card]", "", ""]),
        (["nothing", " here"], ["nothing", " here"]),
        (["", "a@", "b.example", "", " c@", "d.example"], ["", "[email]", "", "", " [email]", ""]),
        (["ann@example.com", "bob@example.com"], ["[email]", "[email]"]),
        (["api_key: c4N4ryZ8x", "K2mW7pQ5tR1 "], ["api_key: [secret]", " "]),
        (["password=", "opensesame9"], ["password=", "[secret]"]),
    ],
)
def test_a_value_that_comes_in_pieces_is_masked(chunks: list[str], expected: list[str]) -> None:
    masker = Masker()
    masked = masker.value(masker.chunks(chunks))
    assert masked == expected
    assert masker.value(masker.chunks(masked)) == masked


@pytest.mark.parametrize("piece", ["a@b.example ", "diagnosis: x,", "4111 ", "password=", "ann@"])
def test_many_pieces_take_time_in_proportion(piece: str) -> None:
    small, large = ([piece] * (size // len(piece)) for size in (2_000, 8_000))
    assert calls_of(HIDING.chunks, large) <= 6 * calls_of(HIDING.chunks, small) + 1_000  # type: ignore[arg-type]


def test_a_named_key_whose_value_comes_in_pieces_is_hidden() -> None:
    assert HIDING.chunks(["the diagno", "sis: chronic", " flu\nnext"]) == ["the diagno", "sis: [hidden]", "\nnext"]


@settings(max_examples=100)
@given(st.data())
def test_however_a_text_is_cut_no_piece_and_no_joint_shows_the_value(data: Any) -> None:
    text = "write to ann@example.com or call +1 415 555 0132, IBAN DE89 3704 0044 0532 0130 00."
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    masker = Masker()
    joined = "".join(masker.value(masker.chunks(chunks)))
    for value in ("ann@example.com", "415 555 0132", "DE89 3704 0044 0532 0130 00"):
        assert value not in joined


def test_a_quick_look_overlooks_no_key() -> None:
    names = ("supplier_api_key", "*_code", "customer.address", "Straße", "ключ", "*")
    spelled = st.sampled_from(
        ["supplierApiKey", "SUPPLIER-API-KEY", "supplier api key", "pin_code", "zipcode", "address", "a.address",
         "STRASSE", "ſupplier_api_\u212aey", "КЛЮЧ", "other", "Kod"]
    )  # fmt: skip
    texts = st.lists(
        st.tuples(spelled, st.sampled_from([": ", "=", "': '", " => ", " "]), st.text(max_size=6)), max_size=4
    )

    @settings(max_examples=150)
    @given(st.sampled_from(names), texts)
    def check(hidden: str, pieces: list[tuple[str, str, str]]) -> None:
        masker = FragmentMasker(MaskingRules.compile(MaskingSettings(hide=(hidden,)), NOTHING), Scanner(()), None)
        text = "{'" + ", '".join("".join(piece) for piece in pieces)
        quickly = list(masker.notes(text))
        masker.literals = (b"",)
        assert quickly == list(masker.notes(text))

    check()
