"""The sampling rule: who sees the same trace decides the same, and a higher probability keeps a superset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.sampling.keys import Key
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.rule import SPACE, keeps, probability_of, read_state, threshold, write_state
from tracing_proxies.sampling.verdict import decide, with_error

ROOT = Path(__file__).parent.parent.parent
IDS = st.integers(0, 2**128 - 1)
SHARES = st.floats(0.0, 1.0)
RANDOMS = st.integers(0, SPACE - 1)

_DECIDING = """
import json, random
from tracing_proxies.sampling.keys import Key
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.sampling.verdict import decide

ids, kept = random.Random(7), []
plan, key = Plan(record=0.5, capture=0.2, error=0.6, whole=0.3, rare=0.4), Key(0.1)
for number in range(5_000):
    r = ids.getrandbits(56)
    important = ("", "error", "slow")[number % 3]
    verdict = decide(r, plan, key, plan.record, important=important, rare=number % 7 == 0, error=plan.error)
    kept.append([verdict.whole, verdict.stub, verdict.weight, verdict.inner])
print(json.dumps(kept))
"""


@given(IDS, SHARES, SHARES)
def test_a_higher_probability_keeps_a_superset(identifier: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert keeps(identifier, high) or not keeps(identifier, low)


@given(IDS)
def test_probability_one_keeps_all_and_zero_none(identifier: int) -> None:
    assert keeps(identifier, 1.0)
    assert not keeps(identifier, 0.0)


@given(SHARES)
def test_a_threshold_says_its_probability(share: float) -> None:
    assert probability_of(threshold(share)) == pytest.approx(share, abs=2**-52)


@given(RANDOMS, SHARES, SHARES, SHARES, SHARES, SHARES)
def test_what_is_important_is_kept_wherever_it_would_be_kept_otherwise(
    random: int, share: float, whole: float, recorded: float, error: float, survived: float
) -> None:
    if random < threshold(min(recorded, survived)):
        return  # it would not be there to be decided on
    plan, key = Plan(whole=whole), Key(share)
    plain = decide(random, plan, key, recorded, survived=survived)
    important = decide(random, plan, key, recorded, important="error", error=error, survived=survived)
    assert important.whole >= plain.whole
    assert important.stub >= important.whole
    assert important.stub >= plain.stub


@given(SHARES.filter(lambda p: p > 0.01), SHARES, SHARES, SHARES.filter(lambda p: p > 0.01), SHARES, SHARES)
def test_an_error_weighs_one_on_average_whether_it_was_recorded_or_left_its_stub(
    recorded: float, share: float, whole: float, error: float, taken: float, press: float
) -> None:
    """The sum over all R of weight and probability, where memory has taken the lowest R of those that were recorded."""
    survived = 1.0 - taken * 0.9
    plan, key = Plan(whole=whole), Key(share)
    steps = 4_000
    total = inner = 0.0
    for step in range(steps):
        random = int((step + 0.5) / steps * SPACE)
        if random < threshold(recorded):
            total += 1 / error if keeps(random, error) else 0.0
        elif random >= threshold(survived):
            verdict = decide(
                random, plan, key, recorded, important="error", error=error, survived=survived, press=press
            )
            total += verdict.weight if verdict.stub else 0.0
            inner += verdict.inner if verdict.whole else 0.0
            kept = verdict.inner
    granularity = 4 / steps / min(recorded, error, survived)
    assert total / steps == pytest.approx(1.0, abs=2 * granularity)
    if kept:
        assert inner / steps == pytest.approx(1.0, abs=2 * kept / steps)


@given(RANDOMS, SHARES, SHARES, SHARES)
def test_an_error_after_an_early_verdict_weighs_as_one_before_it(
    random: int, share: float, recorded: float, error: float
) -> None:
    if random < threshold(recorded):
        return
    plan, key = Plan(whole=0.0), Key(share)
    before = decide(random, plan, key, recorded, important="error", error=error)
    after = with_error(decide(random, plan, key, recorded), random, recorded, error)
    assert (before.whole, before.stub, before.inner) == (after.whole, after.stub, after.inner)
    assert before.weight == pytest.approx(after.weight)


def test_four_processes_keep_the_same_set() -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _DECIDING], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = [process.communicate(timeout=60)[0] for process in running]
    assert told[0] == told[1] == told[2] == told[3]
    kept = json.loads(told[0])
    assert 0 < sum(whole for whole, *_ in kept) < len(kept)


@given(RANDOMS, st.none() | RANDOMS, st.sampled_from([None, "", "p:8", "p:8;th:1;rv:00000000000001", "x:y;z"]))
def test_what_is_written_into_a_state_is_read_from_it(random: int, least: int | None, before: str | None) -> None:
    written = write_state(before, random, least)
    assert read_state(written) == (random, least)
    others = {part for part in (before or "").split(";") if part and part[:3] not in ("th:", "rv:")}
    assert others <= set(written.split(";"))


@given(st.text(max_size=300))
def test_no_state_is_too_strange_to_be_read(text: str) -> None:
    random, least = read_state(text)
    assert random is None or 0 <= random < SPACE
    assert least is None or 0 <= least < SPACE


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("th:c;rv:9b8233f7e3a151", (0x9B8233F7E3A151, 0xC0000000000000)),
        ("th:0", (None, 0)),
        ("rv:9b8233", (None, None)),
        ("rv:9B8233F7E3A151;th:", (None, None)),
        ("th:123456789abcdef", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_state_is_read_as_opentelemetry_defines_it(text: str | None, read: tuple[int | None, int | None]) -> None:
    assert read_state(text) == read
