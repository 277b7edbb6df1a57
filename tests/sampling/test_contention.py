"""What tracing's own threads take counts once beside an application that waits, and twice beside one that computes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.sampling.contention import Contention

MOMENTS = st.floats(0.0, 10.0)


class Machine:
    """A process whose clocks stand where a test sets them."""

    def __init__(self) -> None:
        self.now = self.process = self.own = 0.0
        self.contention = Contention(lambda: self.process, lambda: self.now)

    def live(self, elapsed: float, others: float, own: float) -> float:
        """Let time pass in which both have worked, and return what our threads have cost in all."""
        self.now += elapsed
        self.process += others + own
        self.own += own
        return self.contention.weigh(self.own)


@pytest.mark.parametrize(("others", "times"), [(0.0, 1.0), (0.1, 1.5), (0.2, 2.0), (0.9, 2.0)])
def test_our_cpu_counts_more_the_more_of_a_core_the_application_takes(others: float, times: float) -> None:
    assert Machine().live(0.2, others, 0.01) == pytest.approx(0.01 * times)


def test_each_moment_counts_by_what_the_application_did_in_it() -> None:
    machine = Machine()
    machine.live(1.0, 1.0, 0.01)
    assert machine.live(1.0, 0.0, 0.01) == pytest.approx(0.03)


def test_a_forked_child_whose_clocks_begin_again_owes_nothing() -> None:
    machine = Machine()
    before = machine.live(1.0, 1.0, 0.1)
    machine.process = machine.own = 0.0
    assert machine.live(0.2, 0.1, 0.0) == before
    assert machine.live(0.2, 0.2, 0.01) == pytest.approx(before + 0.02)


@given(st.lists(st.tuples(st.floats(-10.0, 10.0), MOMENTS, MOMENTS), max_size=20))
def test_it_is_never_less_than_the_cpu_nor_more_than_twice_that_whatever_the_clock_does(
    moments: list[tuple[float, float, float]],
) -> None:
    machine, cost = Machine(), 0.0
    for elapsed, others, own in moments:
        before, cost = cost, machine.live(elapsed, others, own)
        assert before <= cost
    assert machine.own <= cost * (1 + 1e-9)
    assert cost <= 2 * machine.own * (1 + 1e-9)
