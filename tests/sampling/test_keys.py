"""Names: what there is room for is shared out so that rare ones are kept, however many there are."""

from __future__ import annotations

import gc
import itertools
import math
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.sampling.keys import LEAST, MOST_KEYS, Key, Keys, fill, surely

LEVELS = st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=60)


def keys_of(levels: list[float], spans: list[float] | None = None) -> list[Key]:
    """Make keys by how many traces come of each in a second."""
    made = []
    for index, level in enumerate(levels):
        key = Key(1.0)
        key.level, key.spans = level, 10.0 if spans is None else spans[index % len(spans)]
        made.append(key)
    return made


def spend(keys: list[Key], cost: float) -> float:
    return sum(key.share * key.level * key.spans * cost for key in keys)


@given(
    LEVELS,
    st.lists(st.floats(1, 200), min_size=1, max_size=60),
    st.floats(1e-5, 10),
    st.floats(1e-6, 1e-3),
    st.floats(1e-4, 1),
)
def test_shares_cost_no_more_than_there_is_room_for(
    levels: list[float], spans: list[float], room: float, cost: float, floor: float
) -> None:
    keys = keys_of(levels, spans)
    fill(keys, room, cost, floor)
    assert spend(keys, cost) <= room * (1 + 1e-9)
    assert all(0.0 < key.share <= 1.0 + 1e-12 for key in keys)


@given(LEVELS, st.floats(1e-5, 10), st.floats(1e-4, 1))
def test_a_rarer_name_never_gets_a_smaller_share(levels: list[float], room: float, floor: float) -> None:
    keys = keys_of(levels)
    fill(keys, room, 5e-5, floor)
    shares = [key.share for key in sorted(keys, key=lambda key: key.level)]
    assert all(one >= other * (1 - 1e-9) for one, other in itertools.pairwise(shares))


@given(LEVELS, st.floats(1e-5, 10), st.floats(1e-4, 1))
def test_all_that_there_is_room_for_is_given_out_unless_all_is_kept(
    levels: list[float], room: float, floor: float
) -> None:
    keys = keys_of(levels)
    fill(keys, room, 5e-5, floor)
    assert all(key.share >= 1 - 1e-9 for key in keys) or spend(keys, 5e-5) == pytest.approx(room)


@given(LEVELS, st.floats(1e-4, 1))
def test_each_name_gets_its_floor_where_half_of_the_room_suffices(levels: list[float], floor: float) -> None:
    keys = keys_of(levels)
    wanted = sum(min(1.0, max(1 / 500, floor / key.level)) * key.level * key.spans * 5e-5 for key in keys)
    fill(keys, 2 * wanted, 5e-5, floor)
    assert all(key.share * key.level >= min(key.level, floor) * (1 - 1e-9) for key in keys)


def test_a_million_made_up_names_leave_memory_flat_and_the_usual_ones_known() -> None:
    keys, names = Keys(), random.Random(1)
    room = {"room": 0.01, "cost": 5e-5, "floor": 1 / 60}

    def flood(count: int, begin: int) -> None:
        for number in range(begin, begin + count):
            name = f"doc {names.getrandbits(64):x}" if number % 10 else ("answer", "search")[number // 10 % 2]
            keys.note(keys.find(name), number / 1_000, 0.1, 20, 1.0)
            if number % 1_000 == 999:
                keys.turn(number / 1_000, 1.0, 1_000.0, **room)

    flood(50_000, 0)
    before = sys.getallocatedblocks()
    flood(1_000_000, 50_000)
    gc.collect()
    assert sys.getallocatedblocks() - before < 3 * MOST_KEYS
    known = keys.named()
    assert len(known) <= MOST_KEYS
    assert known["answer"].level == pytest.approx(50, rel=0.3)
    assert keys.others.level == pytest.approx(900, rel=0.1)
    # Of each of the usual names more is kept than of the flood, which is one stream.
    assert known["answer"].share > 3 * keys.others.share
    assert keys.find("new") is keys.others or keys.find("new").share == keys.others.share


def test_new_names_are_rare_until_there_are_many() -> None:
    keys = Keys()
    rare = [keys.note(keys.find(f"name {number}"), number / 100, 0.1, 5, 1.0) for number in range(2_000)]
    assert rare[: MOST_KEYS // 2 - 1] == [True] * (MOST_KEYS // 2 - 1)
    assert not any(rare[MOST_KEYS // 2 :])


def test_a_known_name_is_rare_again_after_half_a_minute() -> None:
    keys = Keys()
    key = keys.find("monthly report")
    seen = [keys.note(key, at, 1.0, 5, 1.0) for at in (0.0, 1.0, 30.0, 61.0)]
    assert seen == [True, False, False, True]


def test_a_slow_trace_is_known_by_the_deviation_of_its_name_after_thirty_calls() -> None:
    key, chance = Key(1.0), random.Random(3)
    for number in range(2_000):
        assert (key.slow == math.inf) == (number < 30)
        key.note(number / 10, chance.lognormvariate(math.log(0.2), 0.5), 10)
    assert key.slow == pytest.approx(0.2 * math.exp(3 * 0.5), rel=0.35)


def test_what_is_not_looked_at_changes_no_level_but_all_together_follow_what_comes() -> None:
    keys = Keys()
    for number in range(400):
        name = "often" if number % 4 else "seldom"
        keys.note(keys.find(name), number / 100, 0.1, 5, 1.0)
        if number % 100 == 99:
            keys.turn(number / 100, 1.0, 100.0, 0.01, 5e-5, 1 / 60)
    often, seldom = keys.find("often"), keys.find("seldom")
    assert often.level / seldom.level == pytest.approx(3, rel=0.2)
    before = often.level / seldom.level
    keys.turn(5.0, 1.0, 1_000.0, 0.01, 5e-5, 1 / 60)
    assert often.level / seldom.level == pytest.approx(before)
    assert often.level + seldom.level + keys.others.level == pytest.approx(1_000)


def test_no_trace_that_is_kept_stands_for_more_than_a_thousand_unless_nothing_is_kept() -> None:
    keys = Keys()
    for number in range(1_000):
        keys.note(keys.find("often" if number % 50 else f"new {number}"), number / 1e4, 0.1, 5, 1.0)
    for room, least in ((1e-6, LEAST), (0.0, 0.0)):
        keys.turn(1.0, 1.0, 1e5, room, 5e-5, 1 / 60)
        assert {key.share for key in (*keys.named().values(), keys.others)} == {least}


def test_a_sum_is_sure_but_for_what_chance_may_have_added() -> None:
    assert [surely(100.0, count) for count in (0, 1, 4, 100)] == [0.0, 0.0, 50.0, 90.0]


def test_the_spans_of_a_trace_are_the_mean_of_the_first_and_follow_the_later_ones_slowly() -> None:
    key = Key(1.0)
    for spans, mean in ((10, 10.0), (20, 15.0), (30, 20.0)):
        key.learn_spans(spans)
        assert key.spans == pytest.approx(mean)
    for _ in range(17):
        key.learn_spans(key.spans)
    assert key.spans == pytest.approx(20.0)
    key.learn_spans(40)
    assert key.spans == pytest.approx(21.0)  # a twentieth of the way
    key.learn_spans(41)
    assert key.spans == pytest.approx(22.0)


def test_the_level_of_a_name_rises_at_once_by_what_is_sure_and_follows_for_the_rest() -> None:
    key = Key(1.0)
    assert (key.level, key.arrived, key.looked, key.spans, key.seen_calls) == (0.0, 0.0, 0, 1.0, 0)
    key.arrived, key.looked = 10.0, 100
    key.turn(2.0, 0.5)
    assert (key.level, key.arrived, key.looked) == (4.5, 0.0, 0)  # 5 in a second, of which 90 % are sure
    key.arrived, key.looked = 8.0, 1
    key.turn(1.0, 0.5)
    assert key.level == 6.25  # half of the way from 4.5 to 8
    key.turn(1.0, 0.0)
    assert key.level == 6.25


def test_a_name_that_came_once_is_forgotten_after_half_a_minute_and_others_after_ten() -> None:
    keys = Keys()
    assert (keys.looked, keys.level, len(keys)) == (0, 0.0, 0)
    room = {"seconds": 1.0, "roots": 1.0, "room": 0.01, "cost": 5e-5, "floor": 1 / 60}
    for name, times in (("once", 1), ("twice", 2)):
        for _ in range(times):
            keys.note(keys.find(name), 0.0, 0.1, 5, 1.0)
    for now, known in ((30.0, {"once", "twice"}), (30.1, {"twice"}), (600.0, {"twice"}), (600.1, set())):
        keys.turn(now, **room)
        assert set(keys.named()) == known


def test_no_trace_stands_for_more_than_a_thousand() -> None:
    assert LEAST == 0.001


def test_names_that_came_once_make_room_and_the_newest_stay() -> None:
    keys = Keys()
    for number in range(MOST_KEYS + 100):
        assert keys.crowded == (number >= MOST_KEYS // 2)
        key = keys.find(f"name {number}")
        assert (key is keys.others) == (number >= MOST_KEYS)
        keys.note(key, number / 1_000, 0.1, 5, 1.0)
    assert len(keys) == MOST_KEYS
    assert keys.others.share == 1.0
    keys.turn(1.0, 1.0, 600.0, 0.01, 5e-5, 1 / 60)
    assert set(keys.named()) == {f"name {number}" for number in range(MOST_KEYS // 2, MOST_KEYS)}
