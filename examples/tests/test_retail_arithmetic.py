"""The formulas, against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from retail.arithmetic import demand, price, promotion, sentiment, stock


def test_safety_stock_is_z_sigma_root_lead_time() -> None:
    assert stock.compute_safety_stock(0.95, 10, 4) == pytest.approx(1.644854 * 10 * 2, rel=1e-5)


@pytest.mark.parametrize("level", [0, 1, 1.2, -0.5])
def test_an_impossible_service_level_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        stock.compute_safety_stock(level, 10, 4)


def test_reorder_point_covers_the_lead_time_and_the_safety_stock() -> None:
    assert stock.compute_reorder_point(12, 5, 33) == 93


def test_order_quantity_follows_harris() -> None:
    assert stock.compute_order_quantity(1000, 50, 4) == pytest.approx(math.sqrt(25000))


def test_stockout_risk_is_one_half_at_mean_demand() -> None:
    assert stock.compute_stockout_risk(40, 10, 3, 4) == pytest.approx(0.5)
    assert stock.compute_stockout_risk(39, 10, 0, 4) == 1.0


def test_smoothing_of_a_constant_series_forecasts_the_constant() -> None:
    forecasts = demand.smooth([8, 8, 8])
    assert forecasts[-1] == 8
    assert demand.measure_accuracy([8, 8, 8], forecasts) == 1.0


def test_smoothing_moves_by_alpha_towards_the_last_value() -> None:
    assert demand.smooth([10, 20], alpha=0.3)[-1] == pytest.approx(13.0)


def test_slope_of_a_line_is_its_slope() -> None:
    assert demand.fit_slope([1, 3, 5, 7]) == pytest.approx(2.0)


def test_a_lone_peak_is_an_anomaly() -> None:
    assert demand.find_anomalies([5] * 9 + [50]) == [9]


def test_regression_finds_the_elasticity_that_made_the_data() -> None:
    prices = [8.0, 9.0, 10.0, 12.0]
    coefficient, fit = price.fit_elasticity(prices, [500 * p**-1.7 for p in prices])
    assert coefficient == pytest.approx(-1.7)
    assert fit == pytest.approx(1.0)


@pytest.mark.parametrize(("prices", "units"), [([1, 2], [3, 4]), ([2, 2, 2], [1, 2, 3]), ([1, 2, 0], [1, 2, 3])])
def test_regression_refuses_what_it_cannot_fit(prices: list[float], units: list[float]) -> None:
    with pytest.raises(ValueError):
        price.fit_elasticity(prices, units)


def test_optimal_price_is_half_lerner_half_market() -> None:
    assert price.optimize_price(20, 10, -2.0, 21, 1.0) == pytest.approx((20 + 21) / 2)


def test_optimal_price_moves_at_most_fifteen_per_cent() -> None:
    assert price.optimize_price(20, 1, -3.0, 5, 1.0) == pytest.approx(17.0)


def test_demand_answers_with_constant_elasticity() -> None:
    assert price.predict_demand_change(10, 8, -2) == pytest.approx(0.5625)


@pytest.mark.parametrize(
    ("sold", "urgency", "markdown"),
    [(0.1, "medium", 0.4), (0.3, "low", 0.1875), (0.9, "high", 0.0625), (0.1, "critical", 0.5)],
)
def test_markdown_is_deeper_the_less_has_sold(sold: float, urgency: str, markdown: float) -> None:
    assert price.choose_markdown(sold, urgency) == pytest.approx(markdown)


def test_lift_compares_with_chance() -> None:
    assert promotion.compute_lift(6, 10, 12, 40) == pytest.approx(2.0)
    assert promotion.compute_lift(0, 0, 12, 40) == 0.0
    assert promotion.scale_lift(1.0) == 0.5


def test_bundle_never_sells_below_cost() -> None:
    assert promotion.price_bundle([10, 10], [4, 4], 0.5) == pytest.approx(18.0)
    assert promotion.price_bundle([10, 10], [10, 10], 0.5) == pytest.approx(21.0)


def test_budget_is_split_without_loss() -> None:
    phases = promotion.split_budget(1000, 10)
    assert [phase["budget"] for phase in phases] == [200, 500, 300]


def test_campaign_score_weighs_return_and_conversion_equally() -> None:
    assert promotion.score_campaign(400, 200, 30, 1000) == pytest.approx(0.5 * 0.5 + 0.5)


def test_sentiment_balances_praise_and_complaints() -> None:
    assert sentiment.score_text("Great taste, but late and expensive") == pytest.approx(-1 / 3)
    assert sentiment.score_posts([]) == 0.0
