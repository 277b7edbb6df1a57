"""What is learned of our own threads: what they spend counts in full, and what delivers nothing is no span's cost."""

from __future__ import annotations

import pytest

from tracing_proxies.sampling.learning import Learning, Work


def _follow(seconds: float, cpu: float, spans: int, besides: float) -> tuple[Learning, float]:
    """Let threads work evenly for a while; each figure is for one second."""
    learning, spent = Learning(), 0.0
    learning.begin_anew(0.0, Work(0.0, 0, 0))
    for tick in range(1, round(seconds * 5) + 1):
        now = tick / 5
        spent += learning.follow(now, 0.2, Work(cpu * now, int(spans * now), 0, besides * now))
    return learning, spent


def test_what_all_of_our_threads_take_is_spent() -> None:
    assert _follow(20.0, cpu=0.01, spans=100, besides=0.004)[1] == pytest.approx(20 * 0.014)


def test_a_span_costs_what_delivers_it() -> None:
    alone, _ = _follow(60.0, cpu=0.02, spans=100, besides=0.0)
    beside, _ = _follow(60.0, cpu=0.02, spans=100, besides=0.01)
    assert beside.costs.export == alone.costs.export == pytest.approx(0.02 / 100, rel=0.2)


def test_what_delivers_nothing_goes_on_whatever_is_let_in() -> None:
    alone, _ = _follow(60.0, cpu=0.02, spans=100, besides=0.0)
    beside, _ = _follow(60.0, cpu=0.02, spans=100, besides=0.01)
    assert beside.idle - alone.idle == pytest.approx(0.01)


def test_a_look_around_every_few_seconds_counts_as_what_it_takes_on_average() -> None:
    learning, besides = Learning(), 0.0
    learning.begin_anew(0.0, Work(0.0, 0, 0))
    for tick in range(1, 301):
        besides += 0.005 if tick % 25 == 0 else 0.0  # 5 ms every 5 s
        learning.follow(tick / 5, 0.2, Work(0.0, 0, 0, besides))
    assert learning.idle == pytest.approx(0.001, rel=0.3)
