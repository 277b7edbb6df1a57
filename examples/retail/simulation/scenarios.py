"""The 21 scenarios: which situation arises, about which products, with what conditions and effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from retail.simulation.contacts import CONTACT_EMAIL, CONTACT_NAME, CONTACT_PHONE, SUPPLIER_API_KEY

SUPPLIER = {
    "note": f"{CONTACT_NAME} confirms two pallets, call {CONTACT_PHONE}; order API key {SUPPLIER_API_KEY}",
    "contact_email": CONTACT_EMAIL,
    "contact_phone": CONTACT_PHONE,
    "supplier_api_key": SUPPLIER_API_KEY,
}
BUYER = {"note": f"Send the price sheet to {CONTACT_EMAIL} before noon", "contact_email": CONTACT_EMAIL}
INFLUENCER = {"note": f"Contract is with {CONTACT_NAME}, {CONTACT_PHONE}", "contact_phone": CONTACT_PHONE}
WEAK_CAMPAIGN = {"revenue": 2100.0, "spend": 0.0, "conversions": 61, "impressions": 0}
SUMMER = {"parameters": {"budget": 1200, "days": 14}, "target_criteria": {"segment": "families"}}


@dataclass(frozen=True)
class Scenario:
    """A kind of situation; times are simulated minutes."""

    name: str
    agent_type: str
    trigger_type: str
    products: tuple[str, ...]
    intensity: str = "medium"
    conditions: dict[str, Any] = field(default_factory=dict)
    effects: dict[str, float] = field(default_factory=dict)
    cooldown: int = 45
    lasts: int = 20


SCENARIOS = (
    Scenario(
        "earbuds_go_viral", "pricing", "demand_spike", ("wireless-earbuds",), "high", {}, {"demand_multiplier": 1.8}
    ),
    Scenario(
        "rival_cuts_coffee", "pricing", "competitor_price_change", ("espresso-beans-1kg", "oat-milk-6pack"), "medium",
        BUYER,
    ),
    Scenario(
        "scarves_gather_dust", "pricing", "slow_moving_inventory", ("wool-scarf",), "high",
        {"review": ["wool-scarf", "usb-c-charger", "rain-jacket", "advent-candles"]}, {"demand_multiplier": 0.8},
    ),
    Scenario("jackets_before_autumn", "pricing", "seasonal_analysis", ("rain-jacket",), "low"),
    Scenario("lantern_market_survey", "pricing", "market_research", ("garden-lantern",), "medium", BUYER),
    Scenario(
        "oil_runs_low", "inventory", "stock_alert", ("olive-oil-1l",), "high",
        SUPPLIER | {"product_overrides": {"stock": 41}}, {"demand_multiplier": 1.3},
    ),
    Scenario(
        "oat_milk_reforecast", "inventory", "demand_forecast_update", ("oat-milk-6pack",), "low", {"forecast_days": 14}
    ),
    Scenario(
        "supplier_demands_certainty", "inventory", "safety_buffer_breach", ("espresso-beans-1kg",), "medium",
        SUPPLIER | {"service_level": 1.0},
    ),
    Scenario(
        "new_plug_pattern", "inventory", "pattern_analysis", ("smart-plug-4pack",), "low",
        {"product_overrides": {"daily_demand": [3, 4]}},
    ),
    Scenario(
        "quarterly_stock_review", "inventory", "optimization_review", ("usb-c-charger",), "medium",
        {"review": ["usb-c-charger", "wool-scarf", "running-socks"], "days": 50},
    ),
    Scenario(
        "socks_trend", "promotion", "social_trend", ("running-socks",), "high",
        INFLUENCER | {"keywords": ["running", "socks"], "duration_hours": 12, "target_audience": "runners"},
        {"demand_multiplier": 1.5},
    ),
    Scenario("coffee_pairing", "promotion", "bundle_opportunity", ("espresso-beans-1kg",), "low"),
    Scenario(
        "picnic_season", "promotion", "seasonal_promotion", ("picnic-set", "garden-lantern"), "medium",
        {"campaign_data": SUMMER, "units_needed": 60},
    ),
    Scenario("align_jacket_prices", "promotion", "agent_coordination", ("rain-jacket",), "medium"),
    Scenario(
        "spring_campaign_review", "promotion", "performance_review", ("smart-plug-4pack",), "low",
        {"campaign_id": "spring-2025", "performance_data": WEAK_CAMPAIGN},
    ),
    Scenario(
        "heatwave", "orchestrator", "multi_category_event", ("picnic-set", "olive-oil-1l"), "high",
        {}, {"demand_multiplier": 1.6},
    ),
    Scenario(
        "label_recall", "orchestrator", "compliance_check", ("olive-oil-1l", "recalled-kettle"), "medium",
        SUPPLIER | {"checks": {"promotion_agent": "availability_check"}},
    ),
    Scenario(
        "nightly_health_check", "orchestrator", "system_monitoring", ("oat-milk-6pack",), "low",
        {"hours": 200},
    ),
    Scenario("share_the_lessons", "collaboration", "cross_category_learning", ("running-socks",), "low"),
    Scenario(
        "influencer_unboxing", "collaboration", "influencer_campaign", ("wireless-earbuds", "usb-c-charger"), "medium",
        INFLUENCER | {"campaign_data": SUMMER},
    ),
    Scenario(
        "port_strike", "collaboration", "market_event_coordination", ("garden-lantern",), "high",
        SUPPLIER, {"demand_multiplier": 0.9},
    ),
)  # fmt: skip

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def find_scenario(name: str) -> Scenario:
    """Return a scenario by its name or its trigger type.

    Raises:
        KeyError: there is no such scenario; the message lists them all.
    """
    for scenario in SCENARIOS:
        if name in (scenario.name, scenario.trigger_type):
            return scenario
    raise KeyError(f"no scenario '{name}', there are: {', '.join(BY_NAME)}")
