"""What becomes of a value: markers, nothing, the last four, kind and length, tokens, and what a key can read again."""

from __future__ import annotations

import enum
import json
import os
import re
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.errors import ActivationError
from tracing_proxies.finishing import make_masker
from tracing_proxies.masking import Masker, markers
from tracing_proxies.masking.detectors.custom import compile_detector
from tracing_proxies.masking.keyed import MaskingKey
from tracing_proxies.masking.strategies import Strategy, disguise
from tracing_proxies.registry.masking import STRATEGIES, MaskingSettings, Tightening
from tracing_proxies.testing import registry_from

KEY = MaskingKey(b"0123456789abcdef0123456789abcdef")
EMAIL = "ann@example.com"
CARD = "4111 1111 1111 1111"


def masker(tightening: Tightening | None = None, **words: Any) -> Masker:
    made = Masker(MaskingSettings(**words), key=KEY)
    return made.under(tightening) if tightening is not None else made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, "to [email]: [card]"),
        ({"remove": ("email",)}, "to : [card]"),
        ({"shape": ("email",)}, "to [email: 15 characters]: [card]"),
        ({"partial": ("payment_card",)}, "to [email]: [card*1111]"),
        ({"pseudonyms": ("email",)}, f"to [email:{KEY.pseudonym('email', EMAIL)}]: [card]"),
    ],
)
def test_a_detector_falls_under_the_list_that_names_it(words: dict[str, Any], expected: str) -> None:
    assert masker(**words).text(f"to {EMAIL}: {CARD}") == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"hide": ("badge",)}, {"badge": "[hidden]", "n": 1}),
        ({"remove": ("badge",)}, {"n": 1}),
        ({"shape": ("badge",)}, {"badge": "[hidden: 9 characters]", "n": 1}),
        ({"partial": ("b*ge",)}, {"badge": "[hidden*6789]", "n": 1}),
        ({"pseudonyms": ("*.badge",)}, {"badge": f"[hidden:{KEY.pseudonym('hidden', 'Q12346789')}]", "n": 1}),
    ],
)
def test_a_key_falls_under_the_list_that_names_it(words: dict[str, Any], expected: dict[str, Any]) -> None:
    value = {"badge": "Q12346789", "n": 1}
    assert masker(**words).value(value) == expected
    assert json.loads(masker(**words).value(json.dumps(value))) == expected


def test_what_lies_below_such_a_key_is_disguised_leaf_by_leaf() -> None:
    value = {"owner": {"mail": EMAIL, "id": 12345678, "password": "opensesame", "tags": ["gold-plated"], "on": True}}
    masked = masker(pseudonyms=("owner",)).value(value)["owner"]
    assert masked == {
        "mail": f"[email:{KEY.pseudonym('email', EMAIL)}]",
        "id": f"[hidden:{KEY.pseudonym('hidden', '12345678')}]",
        "password": "[hidden]",
        "tags": [f"[hidden:{KEY.pseudonym('hidden', 'gold-plated')}]"],
        "on": True,
    }
    assert masker(shape=("owner",)).value(value) == {"owner": "[hidden: 5 items]"}


def test_the_last_four_are_shown_of_eight_or_more_only() -> None:
    assert masker(partial=("code",)).value({"code": "1234567"}) == {"code": "[hidden]"}
    assert masker(partial=("code",)).value({"code": 12345678}) == {"code": "[hidden*5678]"}


def test_a_list_may_show_more_of_a_key_that_is_hidden_without_asking() -> None:
    assert masker(partial=("card_number",)).value({"card_number": CARD}) == {"card_number": "[card*1111]"}


def test_of_several_lists_the_strictest_holds() -> None:
    for at, strict in enumerate(STRATEGIES):
        for loose in STRATEGIES[:at]:
            words = {strict: ("badge",), loose: ("badge",)}
            alone = masker(**{strict: ("badge",)}).value({"badge": "Q12346789"})
            assert masker(**words).value({"badge": "Q12346789"}) == alone or strict == "encrypt"


def test_a_rule_tightens_and_cannot_loosen() -> None:
    made = masker(pseudonyms=("email", "badge"))
    assert made.under(Tightening(hide=("email",))).text(EMAIL) == "[email]"
    assert made.under(Tightening(remove=("badge",))).value({"badge": "x"}) == {}
    assert made.under(Tightening(partial=("email", "badge"))).text(EMAIL) == made.text(EMAIL)
    assert made.under(Tightening(partial=("badge",))).value({"badge": "Q12346789"}) == made.value(
        {"badge": "Q12346789"}
    )
    assert masker(allow=("badge",)).under(Tightening(hide=("badge",))).value({"badge": "x"}) == {"badge": "[hidden]"}


def test_a_strict_rule_shows_only_what_every_strict_block_shows() -> None:
    strict = masker(policy="strict", show=("order", "kind")).under(Tightening(shows=(("total", "kind"),)))
    value = {"order": {"total": 3, "who": "ann"}, "kind": "cash", "total": 4}
    assert strict.value(value) == {"order": {"total": 3, "who": "[hidden]"}, "kind": "cash", "total": "[hidden]"}
    only_here = masker().under(Tightening(shows=(("kind",),)))
    assert only_here.value(value) == {
        "order": {"total": "[hidden]", "who": "[hidden]"},
        "kind": "cash",
        "total": "[hidden]",
    }


def test_a_models_tokens_stay_unless_a_list_names_them() -> None:
    value = {"logprobs": [{"token": "Hello", "logprob": -0.1}]}
    assert masker().value(value) == value
    assert masker().under(Tightening(hide=("token",))).value(value)["logprobs"][0]["token"] == "[hidden]"
    assert masker(hide=("token",)).value(value)["logprobs"][0]["token"] == "[hidden]"


def test_what_is_allowed_is_not_disguised() -> None:
    made = masker(pseudonyms=("email", "badge"), allow=(EMAIL, "badge"))
    assert made.value({"badge": "x", "to": EMAIL}) == {"badge": "x", "to": EMAIL}


@pytest.mark.parametrize(
    ("label", "one", "other"),
    [
        ("email", "Ann@Example.com", " ann@example.COM"),
        ("card", CARD, "4111-1111-1111-1111"),
        ("iban", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("phone", "+1 (415) 555-0132", "+1 415 555 0132"),
    ],
)
def test_spellings_of_one_value_have_one_token(label: str, one: str, other: str) -> None:
    assert KEY.pseudonym(label, one) == KEY.pseudonym(label, other)


def test_a_value_has_one_token_wherever_it_stands() -> None:
    made = masker(pseudonyms=("email", "customer", "user_id"))
    token = made.text(EMAIL)
    assert made.value({"customer": EMAIL, "note": EMAIL}) == {"customer": token, "note": token}
    assert made.field("user_id", EMAIL) == token
    assert json.loads(made.value(json.dumps([EMAIL]))) == [token]


def test_processes_that_share_a_key_have_the_same_tokens_and_others_have_not(tmp_path: Path) -> None:
    program = (
        "import os\nfrom tracing_proxies.finishing import make_masker\n"
        "from tracing_proxies.testing import registry_from\n"
        "registry = registry_from('version: 1\\nmasking: { pseudonyms: [email] }\\n')\n"
        f"print(make_masker(registry, os.environ).text({EMAIL!r}))"
    )
    shared = tmp_path / "key"
    shared.write_text("k" * 32)
    shared.chmod(0o600)

    def run(**environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **environ}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    by_file = run(TRACING_PROXIES_MASKING_KEY_FILE=str(shared))
    assert markers.is_marker(by_file)
    assert by_file == run(TRACING_PROXIES_MASKING_KEY="k" * 32)
    assert by_file != run(TRACING_PROXIES_MASKING_KEY="l" * 32)


def test_whoever_has_the_key_reads_what_was_encrypted_and_nobody_else() -> None:
    made = masker(encrypt=("email", "badge"))
    masked = made.value({"badge": "Q-17", "note": f"to {EMAIL}"})
    assert EMAIL not in str(masked)
    assert KEY.unmask(masked["note"]) == f"to {EMAIL}"
    assert KEY.unmask(masked["badge"]) == "Q-17"
    refused: list[int] = []
    other = MaskingKey(b"another key of thirty-two bytes.")
    assert other.unmask(masked["badge"], lambda: refused.append(1)) == masked["badge"]
    assert refused == [1]
    assert made.value(EMAIL) != made.value(EMAIL)  # equal values cannot be told


def test_without_a_key_there_are_markers() -> None:
    made = Masker(MaskingSettings(pseudonyms=("email",), encrypt=("badge",)))
    assert made.value({"badge": "x", "to": EMAIL}) == {"badge": "[hidden]", "to": "[email]"}


TEXTS = st.text(max_size=30) | st.sampled_from(
    [
        EMAIL,
        f"write to {EMAIL} or call +1 415 555 0132",
        CARD,
        "key=sk-proj-abcdefghijklmnop123456",
        "10.1.2.3",
        "[email]",
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans(),
    lambda v: (
        st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["badge", "to", "password", "x"]), v, max_size=3)
    ),
    max_leaves=10,
)
LISTS: Any = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(["email", "phone", "payment_card", "badge", "ip", "t?"]), max_size=3).map(tuple)
        for name in STRATEGIES
    },
)


@settings(max_examples=200)
@given(LISTS, VALUES)
def test_what_is_masked_stays_as_it_is_when_it_is_masked_again(lists: Any, value: Any) -> None:
    made = masker(**lists)
    once = made.value(value)
    assert made.value(once) == once


def visible(value: Any, masked: Any) -> set[str]:
    """Return the longer texts and numbers of a value that can still be read in what masking has made of it."""
    if isinstance(value, dict):
        return {leaf for item in value.values() for leaf in visible(item, masked)}
    if isinstance(value, list):
        return {leaf for item in value for leaf in visible(item, masked)}
    return {str(value)} if len(str(value)) >= 8 and repr(value).strip("'") in repr(masked) else set()


@settings(max_examples=200)
@given(LISTS, LISTS, VALUES)
def test_what_a_rule_says_never_makes_anything_visible_that_is_not_visible_without_it(
    lists: Any, more: Any, value: Any
) -> None:
    made = masker(**lists)
    assert visible(value, made.under(Tightening(**more)).value(value)) <= visible(value, made.value(value))


@settings(max_examples=100)
@given(st.sampled_from([s for s in Strategy if s not in (Strategy.NONE, Strategy.REMOVE)]), st.text(max_size=60))
def test_a_disguise_is_a_marker_that_is_known_as_one_and_holds_at_most_four_characters(
    strategy: Strategy, text: str
) -> None:
    found = disguise(strategy, "national id", text, KEY)
    assert markers.is_marker(found)
    assert markers.blank(f"x {found} y") == "x [" + "\0" * (len(found) - 2) + "] y"
    if strategy is Strategy.ENCRYPT:
        assert KEY.unmask(found) == text
    elif len(text) > 20 and len(set(text)) > 10:
        assert text not in found


@settings(max_examples=100)
@given(st.text(max_size=40), st.text(max_size=40))
def test_tokens_are_equal_for_equal_values_and_for_no_others(one: str, other: str) -> None:
    import unicodedata

    same = unicodedata.normalize("NFC", one.strip()) == unicodedata.normalize("NFC", other.strip())
    assert (KEY.pseudonym("hidden", one) == KEY.pseudonym("hidden", other)) is same


def test_a_key_that_is_too_short_is_refused_and_none_is_ever_printed() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        MaskingKey(b"short")
    assert repr(KEY) == "MaskingKey(...)"


def test_a_registry_that_needs_a_key_says_how_to_make_one() -> None:
    registry = registry_from("version: 1\nroles: { r: { masking: { pseudonyms: [badge] } } }\n")
    with pytest.raises(ActivationError, match="openssl rand -hex 32"):
        make_masker(registry, {})
    assert make_masker(registry, {"TRACING_PROXIES_MASKING_KEY": "0" * 32}).text("x") == "x"


def test_detectors_of_the_users_own_are_masked_stably_and_take_strategies() -> None:
    made = Masker(
        MaskingSettings(pseudonyms=("employee",), detectors=(("employee", "E[0-9]{6}"),)),
        key=KEY,
        more=[compile_detector("employee", "E[0-9]{6}")],
    )
    token = made.text("E123456")
    assert token == f"[employee:{KEY.pseudonym('employee', 'E123456')}]"
    assert made.text(f"by E123456 and {EMAIL}") == f"by {token} and [email]"


@pytest.mark.parametrize("pattern", [".+", "[a-z]+", r"\[", r"[^ ]+", "a|b|mail", r"\w+\]?"])
@pytest.mark.parametrize("words", [{}, {"remove": ("mine",)}, {"pseudonyms": ("mine",)}, {"shape": ("mine", "email")}])
def test_a_pattern_that_matches_markers_leaves_them_alone(pattern: str, words: dict[str, Any]) -> None:
    made = Masker(
        MaskingSettings(**words, detectors=(("mine", pattern),)), key=KEY, more=[compile_detector("mine", pattern)]
    )
    for text in ("one two", f"to {EMAIL}", "[email] [mine] x", "a[mine]b"):
        once = made.text(text)
        assert made.text(once) == once


Point = namedtuple("Point", "password x")


@attrs.define
class Slotted:
    password: str
    mail: str
    quiet: str = attrs.field(default="quiet", repr=False)


@dataclass
class Plain:
    password: str
    mail: str
    quiet: str = field(default="quiet", repr=False)


class Model(pydantic.BaseModel):
    password: str
    mail: str


class Kind(enum.Enum):
    MAIL = EMAIL


@pytest.mark.parametrize("value", [Slotted("x", EMAIL), Plain("x", EMAIL), Model(password="x", mail=EMAIL)])
def test_models_are_masked_by_their_fields_and_run_no_code(value: Any) -> None:
    assert masker().value([value]) == [{"password": "[hidden]", "mail": "[email]"}]


def test_named_tuples_and_enums_are_masked_too() -> None:
    assert masker().value(Point("x", EMAIL)) == {"password": "[hidden]", "x": "[email]"}
    assert masker().value({Kind.MAIL: Kind.MAIL}) == {"[email]": "[email]"}


def test_a_key_is_told_from_another_by_a_fingerprint_that_is_of_neither() -> None:
    one, same, other = (MaskingKey(secret * 4) for secret in (b"secret 1", b"secret 1", b"secret 2"))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert re.fullmatch(r"[0-9a-f]{16}", one.fingerprint)
    assert one.pseudonym("email", "ann@example.com") == same.pseudonym("email", "ann@example.com")
    assert re.fullmatch(r"[bcdfghjklmnpqrst]{20}", one.pseudonym("email", "ann@example.com"))


def test_every_one_of_many_finds_of_ones_own_is_masked_beside_the_usual_ones() -> None:
    masker = Masker(more=[compile_detector("employee_no", r"\bE[0-9]{6}\b")])
    text = " ".join(f"E{number:06}, ann{number}@example.com," for number in range(40))
    assert masker.text(text) == " ".join(["[employee_no], [email],"] * 40)


def test_a_find_of_ones_own_leaves_the_marker_beside_it_as_it_is() -> None:
    masker = Masker(more=[compile_detector("employee_no", "E[0-9]{6}")])
    for text in ("E123456[email]", "[email]E123456", "E123456[email]E654321"):
        assert masker.text(text) == re.sub("E[0-9]{6}", "[employee_no]", text)
