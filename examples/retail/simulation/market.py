"""The simulated market: demand, competitors' prices, social mood and shelf sensors, one seeded generator for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from statistics import fmean

from retail.catalog import find_product, list_competitors, list_products


@dataclass(frozen=True)
class MarketReading:
    """What the market looked like at a tick."""

    tick: int
    demand_index: dict[str, float]
    competitor_average: dict[str, float]
    social_mood: dict[str, float]
    shelf_stock: dict[str, int]


@dataclass
class Market:
    """The market's state; the same seed and the same calls give the same state."""

    seed: int
    tick: int = 0
    demand: dict[str, float] = field(default_factory=dict)
    competitors: dict[str, float] = field(default_factory=dict)
    mood: dict[str, float] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start from the catalogue."""
        self._dice = {part: Random(f"{self.seed}:{part}") for part in ("demand", "competitors", "social", "iot")}
        for product_id in list_products():
            product = find_product(product_id)
            self.demand[product_id] = 1.0
            self.competitors[product_id] = product["price"] * read_level(product["category"])
            self.stock[product_id] = product["stock"]
            self.mood[product["category"]] = 0.0

    def update_demand(self, effects: dict[str, float]) -> None:
        """Let demand drift around normal, times the effects of active triggers."""
        for product_id, index in self.demand.items():
            normal = 0.8 * index + 0.2 * effects.get(product_id, 1.0)
            self.demand[product_id] = min(2.5, max(0.4, normal + self._dice["demand"].gauss(0, 0.02)))

    def update_competitors(self) -> None:
        """Let competitors' average prices wander by up to half a per cent."""
        for product_id in self.competitors:
            self.competitors[product_id] *= 1 + self._dice["competitors"].uniform(-0.005, 0.005)

    def update_social(self) -> None:
        """Let the mood in each category drift back to neutral."""
        for category in self.mood:
            self.mood[category] = 0.9 * self.mood[category] + self._dice["social"].gauss(0, 0.05)

    def update_iot(self) -> None:
        """Let shelf sensors count a sale now and then."""
        for product_id, index in self.demand.items():
            if self._dice["iot"].random() < 0.2 * index and self.stock[product_id] > 0:
                self.stock[product_id] -= 1

    def read(self) -> MarketReading:
        """Return a copy of the state, rounded."""
        return MarketReading(
            tick=self.tick,
            demand_index={key: round(value, 3) for key, value in self.demand.items()},
            competitor_average={key: round(value, 2) for key, value in self.competitors.items()},
            social_mood={key: round(value, 3) for key, value in self.mood.items()},
            shelf_stock=dict(self.stock),
        )


def read_level(category: str) -> float:
    """Return competitors' average price level in a category, 1 where nobody watches it."""
    try:
        return fmean(list_competitors(category).values())
    except KeyError:
        return 1.0
