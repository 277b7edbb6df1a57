"""Plans: never more than there is room for, and what is more important first."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.sampling.plan import Costs, Demand, Plan, calmed, share

_RATES = st.floats(0, 1e5)
_PRICES = st.floats(1e-8, 1e-2)
DEMANDS = st.builds(Demand, _RATES, _RATES, _RATES, _RATES, _RATES, st.floats(1, 1_000), st.floats(1, 50))
COSTS = st.builds(Costs, _PRICES, _PRICES, _PRICES, _PRICES, _PRICES)
PROBABILITIES = ("record", "capture", "error", "whole", "rare")


def price(plan: Plan, demand: Demand, costs: Costs) -> float:
    """Return what a plan costs, seconds of CPU per second."""
    spans = demand.roots * demand.spans
    return (
        plan.error * demand.errors * demand.stubs * (costs.stub + costs.export)
        + (plan.whole * demand.notable + plan.rare * demand.rare) * demand.spans * costs.export
        + spans * (plan.record * costs.skeleton + plan.capture * costs.payload)
    )


@given(st.floats(0, 10), DEMANDS, COSTS)
def test_a_plan_costs_no_more_than_there_is_room_for(room: float, demand: Demand, costs: Costs) -> None:
    plan = share(room, demand, costs)
    assert price(plan, demand, costs) + plan.room <= room * (1 + 1e-9) + 1e-12
    assert all(0.0 <= getattr(plan, name) <= 1.0 for name in PROBABILITIES)


@given(st.floats(0, 10), DEMANDS, COSTS)
def test_levels_are_nested(room: float, demand: Demand, costs: Costs) -> None:
    plan = share(room, demand, costs)
    assert plan.capture <= plan.record
    assert plan.whole <= plan.error


@given(st.floats(0, 10), st.floats(0, 10), DEMANDS, COSTS)
def test_more_room_never_leaves_less_of_an_error(one: float, other: float, demand: Demand, costs: Costs) -> None:
    low, high = sorted((one, other))
    assert share(low, demand, costs).error <= share(high, demand, costs).error * (1 + 1e-9)


@given(st.floats(1e-6, 10), DEMANDS, COSTS)
def test_every_error_leaves_a_stub_as_long_as_four_fifths_of_the_room_suffice(
    room: float, demand: Demand, costs: Costs
) -> None:
    stubs = demand.errors * demand.stubs * (costs.stub + costs.export)
    plan = share(room, demand, costs)
    if stubs <= 0.8 * room:
        assert plan.error == 1.0
    else:
        assert plan.error == pytest.approx(0.8 * room / stubs)


def test_a_flood_of_names_takes_nothing_from_errors() -> None:
    demand = Demand(calls=2_000, roots=100, errors=2, notable=2, spans=20)
    calm, flooded = (share(0.01, attrs.evolve(demand, rare=rare), Costs()) for rare in (0.0, 1_000.0))
    assert calm.error == flooded.error == 1.0
    assert calm.whole == flooded.whole
    assert flooded.rare < 0.1
    assert flooded.room > 0.5 * calm.room


@given(st.floats(0, 1), st.floats(0, 1))
def test_steps_down_are_immediate_and_steps_up_are_capped(before: float, wanted: float) -> None:
    one, other = (Plan(*[value] * 5, 1.0) for value in (before, wanted))
    made = calmed(other, one, 1.3)
    for name in PROBABILITIES:
        value = getattr(made, name)
        assert value <= wanted
        assert value == wanted or value == pytest.approx(max(before, 1e-4) * 1.3)
