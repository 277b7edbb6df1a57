"""What masking has learnt changes how long it takes, never what it does."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies import failures
from tracing_proxies.compiled import hot
from tracing_proxies.masking import Masker, hits, walk
from tracing_proxies.masking.known import Known, look_ahead, look_through
from tracing_proxies.masking.strategies import Strategy
from tracing_proxies.masking.walk import Walk
from tracing_proxies.registry.masking import MaskingSettings, Tightening

texts = st.sampled_from(
    [
        "",
        "ok",
        "olive oil",
        "ana@example.com",
        f"{'Please write to us. ' * 14}ana@example.com",
        '["password"]' * 24,
        f'{{"password": "x", "note": "{"a text that is long enough to be known again " * 6}", "b": 1}}',
        "4155550199",
        '{"password": "x"}',
        '["a"]',
        "[masked]",
        "a" * 70,
        "{}",
    ]
) | st.text(max_size=12)
keys = st.sampled_from(["status", "token", "logprob", "phone", "card", "password", "note", "ana@example.com", ""])
numbers = st.sampled_from(
    [
        *(0, 1, True, 4155550199, 4111111111111111, -5.5, float("nan"), 1e7, 10**30, 999_999_999_999, 10**12, -(10**7)),
        *(-(10**30), 1e12, 999_999_999_999.0, float("inf"), float("-inf"), 4222222222222, 4222222222222.0, 52.520008),
    ]
)
values = st.recursive(
    texts | numbers | st.none(),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(keys, v, max_size=4) | st.lists(v, max_size=3).map(tuple),
    max_leaves=12,
)
policies: Any = st.fixed_dictionaries(
    {},
    optional={
        "policy": st.sampled_from(["open", "strict"]),
        "hide": st.sampled_from([("note",), ("a.*.note",)]),
        "allow": st.sampled_from([("ana@example.com",), ("card",)]),
        "show": st.just(("status",)),
    },
)


@settings(max_examples=examples(120))
@given(policies, st.lists(st.tuples(values, st.sampled_from([(), ("status",), ("*.status",)])), min_size=2, max_size=6))
def test_a_masker_that_has_seen_much_masks_as_a_new_one_does(policy: dict[str, Any], seen: list[Any]) -> None:
    rules = MaskingSettings(**policy)
    experienced = Masker(rules)
    for value, hide in [*seen, *seen]:
        tightening = Tightening(hide=hide)
        new = Masker(rules, tightening=tightening)
        assert repr(experienced.under(tightening).value(value)) == repr(new.value(value))


def both_ways(compiled: Masker, original: Masker, value: Any) -> None:
    before = hits.counted.copy()
    found = repr(compiled.value(value)), hits.counted - before
    before = hits.counted.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "_walk", None)
        assert (repr(original.value(value)), hits.counted - before) == found


@settings(max_examples=examples(120))
@given(policies, st.lists(values, min_size=1, max_size=6))
def test_the_compiled_walk_does_as_its_original(policy: dict[str, Any], seen: list[Any]) -> None:
    compiled, original = Masker(MaskingSettings(**policy)), Masker(MaskingSettings(**policy))
    for value in [*seen, *seen]:
        both_ways(compiled, original, value)


def deep(levels: int, leaf: Any) -> Any:
    return {"a": deep(levels - 1, leaf)} if levels % 2 else [deep(levels - 1, leaf)] if levels else leaf


@pytest.mark.parametrize("levels", [12, 13, 14, 15, 17, 29, 30, 31, 33])
@pytest.mark.parametrize("leaf", ["ok", "ana@example.com", {"password": 1, "b": ["ok"]}, deep(20, "ok")])
def test_the_compiled_walk_ends_as_deep_as_its_original(levels: int, leaf: Any) -> None:
    compiled, original = Masker(), Masker()
    for value in (deep(levels, leaf), [deep(levels, leaf), deep(levels, 4155550199)]) * 2:
        both_ways(compiled, original, value)


@pytest.mark.skipif(hot is None, reason="nothing is compiled here")
def test_the_compiled_walk_holds_what_it_knows_of_a_key_while_another_thread_learns_the_key_anew() -> None:
    plain = Strategy(0)
    keys: dict[str, Any] = {}
    learnt_meanwhile = []

    class Meanwhile:
        """A key whose comparison does what another thread may do whenever the walk makes an object."""

        def __hash__(self) -> int:
            return hash("new")

        def __eq__(self, other: object) -> bool:
            keys["x"] = ("new", plain, "label: ")
            learnt_meanwhile.extend(("taken", plain, "") for _ in range(50))
            return False

    class Asked:
        _nodes = 0

        def _learn_entry(self, *given: Any) -> bool:
            given[-1][Meanwhile()] = "first"
            return False

    keys["x"] = ("new", plain, "")
    masked = hot.walk(Asked(), keys, {}, {"": {"ok"}}, {"unknown": "first", "x": "ok"}, 0, "")
    assert list(masked.values()) == ["first", "ok"]
    assert "taken" not in masked
    assert "new" in [*masked]


WIDE: Any = [
    [[1] * 1_000] * 110,
    {"a": [["ok"] * 1_999] * 49, "b": [{"c": "ok"}] * 1_500, "d": {"e": ["ana@example.com"] * 1_200}, "f": 1},
    [{"a": 1, "b": ("ok", None)}] * 30_000,
    {"a": [1] * 99_000, **{f"key{number}": "ok" for number in range(1_100)}, "value": 4155550199},
    (*([0] * 97_999), [[0] * 10] * 300, {"a": 1}, [{"a": 1}]),
]


@pytest.mark.parametrize("value", WIDE)
def test_the_compiled_walk_ends_with_as_many_parts_as_its_original(value: Any) -> None:
    compiled, original = Masker(), Masker()
    for _ in range(2):
        both_ways(compiled, original, value)


def test_what_is_known_to_be_clean_is_not_copied() -> None:
    masker = Masker()
    value = {"status": "ok", "lines": [{"sku": "olive oil", "count": 3}]}
    assert masker.value(value) == value
    assert masker.value(value) is value


def test_a_value_under_a_telling_key_is_looked_at_although_its_text_is_known() -> None:
    masker = Masker()
    assert masker.value({"order": "415-555-019"}) == masker.value({"order": "415-555-019"})
    assert masker.value({"phone": "415 555 0199"}) != {"phone": "415 555 0199"}


def test_memory_for_what_is_known_is_bounded() -> None:
    masker = Masker()
    for number in range(30_000):
        masker.value({f"key {number}": f"text {number}"})
    assert sum(map(len, masker._known.texts.values())) <= 8_192
    assert len(masker._known.keys) <= 4_096


def test_what_is_learnt_has_an_end_in_number_and_length() -> None:
    known = Known()
    plain = Strategy(0)
    for number in range(5_000):
        known.learn_key(f"key {number}", (f"key {number}", plain, ""))
    assert len(known.keys) == 4_096
    few = Known()
    for key in ("", "k" * 64, "k" * 200, "k" * 20_000):
        few.learn_key(key, (key, plain, ""))
        few.learn_text(key, "")
        few.learn_text(key, "a label that no key has: ")
    assert set(few.keys) == {"k" * 64}
    assert few.texts == {"": {"", "k" * 64, "k" * 200}}
    for number in range(500):
        few.learn_text(f"{number:016000}", "")
    assert sum(map(len, few.texts[""])) <= 4_000_000


def test_a_value_is_known_part_by_part_and_no_further_than_it_may_be_looked_at() -> None:
    known = Known()
    known.learn_key("status", ("status", Strategy(0), ""))
    known.learn_key("password", ("password", Strategy.HIDE, ""))
    known.learn_text("ok", "")
    assert known.leaves({"status": "ok"}, 10) == 9
    assert known.leaves({"status": [1, 2.5, None, True, "ok"]}, 10) == 4
    assert known.leaves(("ok", 1), 10) == 8
    assert known.leaves([10**12 - 1, -(10**30), 1e11, float("-inf")], 10) == 6
    assert known.leaves([1, 2], 2) == 0
    assert known.leaves({"status": {"status": 1}}, 2) == 0
    for value, left in (
        ({"status": "new"}, 10),
        ({"other": "ok"}, 10),
        ({"password": "ok"}, 10),
        ({"status": 10**12}, 10),
        ({"status": ["new"]}, 10),
        ([1, 2], 1),
        ({"status": {"status": 1}}, 1),
        (b"ok", 10),
        (float("nan"), 10),
        (1e12, 10),
    ):
        assert known.leaves(value, left) < 0, value
    for number in (10**7, -(10**7), 1e7, float("-inf")):
        assert known.leaves(number, 10, "phone: ") < 0, number


@settings(max_examples=200)
@given(st.lists(values, max_size=4), values, st.integers(0, 30))
def test_what_is_compiled_knows_what_its_original_knows(seen: list[Any], value: Any, left: int) -> None:
    masker = Masker()
    for one in [*seen, value][: 1 + left % 5]:
        masker.value(one)
    known = masker._known
    for label in ("", "phone: ", "no key has it: "):
        original = look_through(known.labels, known.texts, value, left, label)
        assert max(known.leaves(value, left, label), -1) == max(original, -1)


@settings(max_examples=200)
@given(st.lists(values, max_size=4), st.lists(values, max_size=5), st.integers(0, 30), st.booleans())
def test_what_is_compiled_knows_as_many_of_the_first_values_as_its_original(
    seen: list[Any], more: list[Any], left: int, as_tuple: bool
) -> None:
    masker = Masker()
    for one in [*seen, *more[: left % 3]]:
        masker.value(one)
    known, items = masker._known, [*seen, *more]
    for label in ("", "phone: ", "no key has it: "):
        for given_items in (tuple(items) if as_tuple else items, [], ["ok", 1, {"status": 5}]):
            count, rest = known.leading(given_items, left, label)
            assert (count, rest) == look_ahead(known.labels, known.texts, given_items, left, label)
            assert known.leaves(given_items[:count], left + count, label) == rest


def test_the_parts_of_a_list_count_as_often_as_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_NODES", 2_200)
    masker = Masker()
    old = [{"status": "ok", "note": f"{number}"} for number in range(40)]
    masker.value(old)
    for length in (40, 80, 120, 800, 1_000):
        value = [*old * (length // 40), "write to ana@example.com"]
        new = Masker()
        assert masker.value(value) == new.value(value), length


def test_what_was_hidden_is_counted_each_time_and_not_kept() -> None:
    masker = Masker()
    text = f"{'We have written this before. ' * 9}Our address is ana.garcia@example.com."
    before = hits.counted["email"]
    assert {masker.value({"note": text})["note"] for _ in range(3)} == {
        text.replace("ana.garcia@example.com", "[email]")
    }
    assert hits.counted["email"] == before + 3
    kept = pickle.dumps([masker._known.repeats.known, masker._known.texts])
    assert b"[email]" in kept
    assert b"garcia" not in kept


def test_a_text_that_was_too_deep_in_one_place_is_masked_in_another() -> None:
    text = json.dumps(deep(20, "write to ana@example.com before noon, please"))
    masker = Masker()
    assert "too deep" in repr(masker.value(deep(14, text)))
    assert masker.value([text]) == Masker().value([text])
    assert "[email]" in masker.value([text])[0]


def test_a_text_that_masking_failed_on_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    masker, text = Masker(), '{"mail": "ana@example.com", "note": "' + "long enough to be known again " * 9 + '"}'
    with monkeypatch.context() as broken:
        broken.setattr(Walk, "_learn_entry", lambda *args: 1 / 0)
        broken.setattr(failures, "strict", lambda: False)
        assert "failed" in masker.value([text])[0]
    assert "[email]" in masker.value([text])[0]
