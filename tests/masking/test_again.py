"""What is compiled of masking a text again does to it as its original, and learns and counts the same."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.masking import Masker, hits, markers
from tracing_proxies.masking.detectors import DETECTORS
from tracing_proxies.masking.known import Known
from tracing_proxies.masking.scan import Scanner
from tracing_proxies.registry.masking import MaskingSettings

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

MASK = 2**64 - 1
VECTORS = {0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45"}
LABELS = ("", "phone: ", "order id: ")
LONG = "a text that is so long that it is known again: "
PIECES = [
    *("ana@example.com", "4155550199", "4111 1111 1111 1111", "contact_email", "Contact-Email", "badge", ": ", " = "),
    *("[email]", "[", "{", '"', "}", "]", '{"email": "ana@example.com"}', '["a"]', " more characters>", "<5", LONG),
    *(LONG * 3, "password=hunter22", "10.1.2.3", "run-77-001", "\ud800", "İ", "ſ", "\u212a", "€", "é", " "),
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=5).map("".join)
POLICIES: Any = st.sampled_from(
    [
        *(
            {},
            {"hide": ("contact_email",)},
            {"hide": ("*_code", "ключ")},
            {"partial": ("badge",)},
            {"allow": ("[]", " = ")},
        ),
        *({"partial": ("email",)}, {"detect": ("phone",)}, {"detectors": (("own", "run-[0-9]+"),)}),
    ]
)


def sip_hash(key: bytes, data: bytes) -> bytes:
    """Return SipHash-2-4 of 128 bits, as its authors define it."""
    first, second = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
    v = [
        first ^ 0x736F6D6570736575,
        second ^ 0x646F72616E646F6D ^ 0xEE,
        first ^ 0x6C7967656E657261,
        second ^ 0x7465646279746573,
    ]

    def add(a: int, b: int, bits: int) -> None:
        v[a] = v[a] + v[b] & MASK
        v[b] = (v[b] << bits | v[b] >> 64 - bits) & MASK ^ v[a]

    def turn(rounds: int) -> None:
        for _ in range(rounds):
            add(0, 1, 13)
            v[0] = (v[0] << 32 | v[0] >> 32) & MASK
            add(2, 3, 16)
            add(0, 3, 21)
            add(2, 1, 17)
            v[2] = (v[2] << 32 | v[2] >> 32) & MASK

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        turn(2)
        v[0] ^= word
    found = b""
    for sign in (0xEE, 0xDD):
        v[2 if sign == 0xEE else 1] ^= sign
        turn(4)
        found += (v[0] ^ v[1] ^ v[2] ^ v[3]).to_bytes(8, "little")
    return found


def written(text: str) -> tuple[int, bytes]:
    """Return how many bytes each character of a text has in memory, and all of them."""
    size = 1 if max(text, default="") < "\u0100" else 2 if max(text) < "\U00010000" else 4
    order = "be" if sys.byteorder == "big" else "le"
    return size, text.encode({1: "latin-1", 2: f"utf-16-{order}", 4: f"utf-32-{order}"}[size], "surrogatepass")


@pytest.mark.parametrize("size", VECTORS)
def test_the_hash_is_the_one_of_its_authors(size: int) -> None:
    assert sip_hash(bytes(range(16)), bytes(range(size))).hex() == VECTORS[size]


@pytest.mark.skipif(sys.byteorder == "big", reason="words are taken as they lie")
@given(st.binary(min_size=16, max_size=32), st.text(max_size=40), st.text(max_size=20))
def test_a_mark_is_a_keyed_hash_of_a_text_and_its_label(key: bytes, text: str, label: str) -> None:
    kind, data = written(text)
    label_kind, of_label = written(label)
    head = (len(of_label) << 16 | label_kind << 8 | kind).to_bytes(8, "little")
    assert hot.mark(key, text, label) == sip_hash(key, head + of_label + bytes(-len(of_label) % 8) + data)


@given(st.tuples(st.text(max_size=6), st.text(max_size=6)), st.tuples(st.text(max_size=6), st.text(max_size=6)))
def test_texts_under_labels_have_one_mark_only_where_they_are_the_same(one: Any, other: Any) -> None:
    key = os.urandom(16)
    assert (hot.mark(key, *one) == hot.mark(key, *other)) == (one == other)
    assert hot.mark(key, *one) != hot.mark(os.urandom(16), *one)


def state(masker: Masker) -> tuple[Any, ...]:
    """Return all that a masker has learnt of texts."""
    known = masker._known
    return (
        *(known.texts, known._count, known._characters, known.repeats._characters),
        sorted(known.repeats.known.values()),
    )


def mask_originally(masker: Masker, text: str, label: str) -> str:
    """Mask a text as the walk does where nothing is compiled."""
    if text in masker._known.texts.get(label, ()):
        return text
    return masker._begin()._text_again(text, 0, label)


@settings(max_examples=examples(400))
@given(POLICIES, st.lists(st.tuples(TEXTS, st.sampled_from(LABELS)), max_size=8))
def test_a_text_is_masked_learnt_and_counted_as_by_the_original(policy: Any, given: list[tuple[str, str]]) -> None:
    compiled, original = (Masker(MaskingSettings(**policy)) for _ in range(2))
    for masker in (compiled, original):
        masker.get_ready()
        masker._known.texts.update({label: set() for label in LABELS[:2]})
    for text, label in [*given, *given]:
        before = hits.counted.copy()
        expected = mask_originally(original, text, label), hits.counted - before
        before = hits.counted.copy()
        masked = compiled._again.mask(text, label)
        if masked is None:
            assert text[:1] in ('"', "{", "[", "") or text.endswith(" more characters>")
            masked = mask_originally(compiled, text, label)
        assert (masked, hits.counted - before) == expected
        assert (masked is text) == (masked == text)
        assert state(compiled) == state(original)


JSON_SIGNS = [*'{}[],:"0123456789.-+eE tfn\\\n', "true", "null", "false", "NaN", "\u00e9", "\x1f"]
JSON_TEXTS: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(["ok", "sold", "new", "ana@example.com", ""])
    # Beside those that are small where they stand.
    | st.sampled_from(
        [0, -1, 7, 99_999, 100_000, 999_999, 1e6, 999_999_999_999, 10**12, -(10**7), 1.5, 1e-9, 1e300, 4111111111111111]
    )
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "phone", "n", "name", "password", "lat", "value", ""]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def disturb(text: str, changes: list[tuple[int, int, str]]) -> str:
    """Put something else here and there."""
    for at, many, sign in changes:
        at %= len(text) + 1
        text = text[:at] + sign + text[at + many :]
    return text


@settings(max_examples=examples(800))
@given(
    st.lists(
        st.tuples(
            JSON_TEXTS.map(lambda value: [value]).map(json.dumps),
            st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.sampled_from(JSON_SIGNS)), max_size=2),
            st.sampled_from(LABELS),
        ),
        max_size=6,
    )
)
def test_json_in_a_text_is_masked_learnt_and_counted_as_by_the_original(given: list[Any]) -> None:
    compiled, original = (Masker() for _ in range(2))
    for masker in (compiled, original):
        for _ in range(2):
            masker.value([{"status": "ok", "phone": "sold", "n": 1, "name": "ok"}, "ok", "sold", {"order_id": "ok"}])
    for text, changes, label in [*given, *given]:
        text = disturb(text, changes)
        for way in (compiled, original):
            assert label in way._known.texts
        before = hits.counted.copy()
        expected = mask_originally(original, text, label), hits.counted - before
        before = hits.counted.copy()
        masked = compiled._again.mask(text, label)
        masked = mask_originally(compiled, text, label) if masked is None else masked
        assert (masked, hits.counted - before) == expected
        assert state(compiled) == state(original)


def test_json_of_nothing_but_what_is_known_is_known_without_its_value() -> None:
    masker = Masker()
    for _ in range(2):  # a text is learnt where its key is known
        masker.value([{"status": "ok", "phone": "sold", "n": 1}, "ok"])
    for text in (
        '{"status": "ok", "n": [1, -2.5, true, null], "phone": "sold"}',
        "[]",
        ' [ "ok" , {"n" : 0 } ]\n'.strip(),
    ):
        assert masker._again.mask(text, "") is text
        assert text in masker._known.texts[""]
    for text in (
        '{"status": "new"}',
        '{"n": 1, "n": 2}',
        '{"n": 01}',
        "[1,]",
        "[1e3]",
        "[NaN]",
        '["\\u006fk"]',
        "[1] x",
        "[1",
    ):
        assert masker._again.mask(text, "") is None


def test_what_was_masked_once_is_known_again_and_counted_anew() -> None:
    masker = Masker()
    masker.get_ready()
    text = f"{LONG}ana@example.com"
    before = hits.counted["email"]
    assert [masker._again.mask(text, "") for _ in range(3)] == [f"{LONG}[email]"] * 3
    assert hits.counted["email"] == before + 3
    assert len(masker._known.repeats.known) == 1


def test_where_more_than_keys_decide_nothing_is_masked_here() -> None:
    for policy in ({"policy": "strict"}, {"allow": ("ok",)}, {"hide": ("a.*.note",)}):
        assert Masker(MaskingSettings(**policy))._again is None  # type: ignore[arg-type]


def test_the_detectors_are_loaded_with_the_first_text_that_may_hold_something() -> None:
    masker = Masker()
    assert masker._again.mask("write to ana@example.com", "") == "write to [email]"


class Failing:
    """Stands for what masks texts, and fails."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def mask(self, text: str, label: str = "") -> str:
        raise self.error


def failing(error: BaseException) -> Masker:
    """Return a masker of which texts with a sign that assigns make it fail."""
    masker = Masker()
    masker.value({"a": ["fine"]})
    known, scanner = masker._known, Scanner(DETECTORS.values())
    scanner.find("1")
    learning = (
        known,
        known.texts,
        known.labels,
        known.hidden,
        known.repeats,
        known.repeats.known,
        known.repeats.key,
        frozenset(),
    )
    again = hot.Again(*learning, Failing(error), (b"",), scanner, {}, markers.replace, hits.counted, 12)
    masker._again = again
    return masker


@pytest.mark.parametrize("text", ["a: 1", f"{LONG}1"])
def test_a_text_that_cannot_be_masked_is_replaced_and_not_learnt(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "0")
    masker = failing(ZeroDivisionError())
    before = failures.counts().get("masking", 0)
    assert masker.value({"a": [text, "plain"]}) == {"a": [markers.FAILED, "plain"]}
    assert failures.counts()["masking"] == before + 1
    assert text not in masker._known.texts[""]
    assert not masker._known.repeats.known


def test_what_ends_the_thread_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        failing(KeyboardInterrupt())._again.mask("a: 1", "")


def test_no_references_are_left_behind() -> None:
    masker = Masker(MaskingSettings(hide=("contact_email",)))
    masker.get_ready()
    texts = ["run-77-001", f"{LONG}ana@example.com", "contact_email: x", "[email]", '{"a": 1}', "a@b.org", f"{LONG}."]

    def mask_all() -> None:
        for text in texts:
            masker._again.mask(text, "")
        for known in masker._known.texts.values():
            known.clear()

    mask_all()
    again = masker._again
    held = [*texts, again, masker._known, masker._known.repeats, masker._known.repeats.key, hits.counted, ""]
    gc.collect()
    before = [sys.getrefcount(one) for one in held]
    for _ in range(200):
        mask_all()
    gc.collect()
    assert [sys.getrefcount(one) for one in held] == before


def test_it_is_made_of_what_it_needs_alone() -> None:
    masking = (frozenset(), object(), (), object(), {}, markers.replace, {}, 1)
    good: Any = (Known(), {}, {}, set(), object(), {}, bytes(16), *masking)
    hot.Again(*good)
    wrongs: Any = ((1, []), (2, []), (3, []), (5, []), (6, b"short"), (6, "text"), (7, set()), (9, []), (9, ("a",)))
    for place, wrong in (*wrongs, (11, 1), (13, 1), (14, "1")):
        with pytest.raises(TypeError):
            hot.Again(*good[:place], wrong, *good[place + 1 :])
    for call in (
        lambda: hot.Again(*good).mask("a"),
        lambda: hot.Again(*good).mask(b"a", ""),
        lambda: hot.mark(b"short", "a", ""),
        lambda: hot.mark(bytes(16), b"a", ""),
    ):
        with pytest.raises(TypeError):
            call()
