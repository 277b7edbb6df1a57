"""The verdict on a trace, in numbers: by which probability it is kept, and what it then stands for."""

from __future__ import annotations

from typing import Any

import pytest

from tracing_proxies.sampling.keys import Key
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.rule import SPACE, keeps, read_state, threshold, write_state
from tracing_proxies.sampling.verdict import CAPTURED, COUNTED, SKELETON, Verdict, decide, inverse, with_error

PLAN = Plan(record=1.0, capture=1.0, error=1.0, whole=0.5, rare=0.25)


def judged(share: float, recorded: float, probability: float, **more: Any) -> tuple[Verdict, Verdict]:
    """Decide on the trace that is just kept at a probability, and on the one that just is not."""
    least = threshold(probability)
    return (
        decide(least, PLAN, Key(share), recorded, **more),
        decide(least - 1, PLAN, Key(share), recorded, **more),
    )


@pytest.mark.parametrize(
    ("share", "recorded", "more", "probability", "reason"),
    [
        (0.125, 1.0, {}, 0.125, "share"),
        (1.0, 0.25, {}, 0.25, "share"),
        (1.0, 1.0, {"survived": 0.25}, 0.25, "share"),
        (0.125, 1.0, {"important": "error"}, 0.5, "error"),
        (0.75, 1.0, {"important": "slow"}, 0.75, "slow"),
        (0.125, 0.25, {"important": "keep"}, 0.25, "keep"),
        (0.125, 1.0, {"rare": True}, 0.25, "rare"),
        (0.75, 1.0, {"rare": True}, 0.75, "rare"),
        (0.125, 1.0, {"rare": True, "important": "slow"}, 0.5, "slow"),
        (0.5, 1.0, {"press": 0.5}, 0.25, "share"),
        (0.125, 1.0, {"press": 0.5, "important": "error"}, 0.25, "error"),
        (0.0625, 1.0, {"press": 0.5, "rare": True}, 0.125, "rare"),
        (0.25, 1.0, {"press": 2.0}, 0.5, "share"),
        (0.25, 0.375, {"press": 2.0}, 0.375, "share"),
    ],
)
def test_a_trace_is_kept_by_one_probability_and_stands_for_its_inverse(
    share: float, recorded: float, more: dict[str, Any], probability: float, reason: str
) -> None:
    kept, left_out = judged(share, recorded, probability, **more)
    assert kept == (True, True, 1 / probability, 1 / probability, reason)
    assert left_out == (False, False, 1 / probability, 1 / probability, reason)


def test_what_others_have_been_told_is_kept_is_kept_whatever_its_number() -> None:
    for kept in judged(0.125, 0.5, 0.5, fixed=True, press=0.1):
        assert kept == (True, True, 2.0, 2.0, "share")


def test_an_error_keeps_a_stub_by_its_own_probability_where_the_trace_is_left_out() -> None:
    stub, nothing = judged(0.125, 1.0, 0.25, error=0.25)
    assert stub == (False, True, 4.0, 8.0, "share")
    assert nothing == (False, False, 4.0, 8.0, "share")


def test_an_error_that_is_known_later_decides_as_one_that_was_known() -> None:
    random = threshold(0.25)
    plain = decide(random, PLAN, Key(0.125), 1.0)
    assert with_error(plain, random, 1.0, 0.25) == decide(random, PLAN, Key(0.125), 1.0, error=0.25)
    assert with_error(plain, random - 1, 1.0, 0.25).stub is False


@pytest.mark.parametrize(
    ("recorded", "survived", "error", "weight"),
    [
        (0.5, 1.0, 1.0, 1.0),  # what was not recorded left its stub, and stands for itself
        (0.5, 1.0, 0.75, 4 / 3),
        (1.0, 0.5, 1.0, 2.0),  # what memory has taken left nothing: the rest stands for it
        (1.0, 0.5, 0.5, 2.0),
        (0.75, 0.5, 1.0, 1.5),
    ],
)
def test_an_error_stands_for_those_that_left_nothing(
    recorded: float, survived: float, error: float, weight: float
) -> None:
    kept = decide(SPACE - 1, PLAN, Key(0.125), recorded, error=error, survived=survived)
    assert kept.weight == pytest.approx(weight)
    assert kept.inner == 8.0


def test_what_is_never_kept_stands_for_nothing() -> None:
    assert decide(SPACE - 1, PLAN, Key(0.0), 1.0) == (False, False, 0.0, 0.0, "share")
    assert (inverse(0.0), inverse(4.0)) == (0.0, 0.25)


def test_the_levels_of_detail_rise() -> None:
    assert (COUNTED, SKELETON, CAPTURED) == (0, 1, 2)


def test_a_threshold_that_keeps_none_is_not_told() -> None:
    assert write_state(None, 0, SPACE) == write_state(None, 0, None) == "rv:00000000000000"
    assert write_state(None, 0, SPACE - 1) == "th:ffffffffffffff;rv:00000000000000"


def test_the_lower_56_bits_of_an_id_decide_and_no_other() -> None:
    probability = 3 / SPACE  # the three highest numbers
    assert [keeps(SPACE - 1 - number, probability) for number in range(5)] == [True, True, True, False, False]
    assert keeps((7 << 56) | (SPACE - 3), probability)
    assert not keeps((7 << 56) | (SPACE - 4), probability)


def test_a_state_is_read_up_to_its_256th_character() -> None:
    for length, read in ((252, (None, 0)), (253, (None, None))):
        padding = "p:" + "x" * (length - 4)
        assert read_state(f"{padding};;th:0") == read, length


def test_a_member_of_a_state_may_hold_colons() -> None:
    assert read_state("a:b:c;th:8") == (None, 1 << 55)
