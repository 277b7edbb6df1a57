"""The trigger engine: turns scenarios into triggers, holds their cool-downs, ends them by expiry or cancellation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from retail.models import EngineEvent, Trigger
from retail.simulation.market import MarketReading
from retail.simulation.scenarios import Scenario, find_scenario

OPENING = datetime(2026, 3, 2, 8, 0)
TICK_MINUTES = 5
STRENGTH = {"low": 0.5, "medium": 1.0, "high": 1.5}

__all__ = ["Trigger", "TriggerEngine", "tell_time"]


def tell_time(tick: int, plus_minutes: int = 0) -> str:
    """Return the simulated time at a tick, in ISO format."""
    return (OPENING + timedelta(minutes=tick * TICK_MINUTES + plus_minutes)).isoformat()


class TriggerEngine:
    """Activates scenarios on the simulated clock; every activation, refusal and end is an event."""

    def __init__(self, run_id: str) -> None:
        """Start with nothing active."""
        self.run_id = run_id
        self.active: dict[str, Trigger] = {}
        self.events: list[EngineEvent] = []
        self._last_tick: dict[str, int] = {}
        self._ends_at: dict[str, int] = {}
        self._count = 0

    def activate(self, name: str, intensity: str | None, market: MarketReading) -> Trigger | EngineEvent:
        """Raise a scenario's trigger, or refuse it while the scenario cools down.

        Raises:
            KeyError: there is no such scenario.
        """
        scenario = find_scenario(name)
        last = self._last_tick.get(scenario.name)
        if last is not None and (market.tick - last) * TICK_MINUTES < scenario.cooldown:
            left = scenario.cooldown - (market.tick - last) * TICK_MINUTES
            return self.refuse(scenario.name, f"cooling down for another {left} minutes", market.tick)
        self._count += 1
        trigger = self._describe(scenario, intensity or scenario.intensity, market)
        self.active[trigger.trigger_id] = trigger
        self._last_tick[scenario.name] = market.tick
        self._ends_at[trigger.trigger_id] = market.tick + scenario.lasts // TICK_MINUTES
        self._record("activated", trigger.name, trigger.trigger_id, f"{trigger.intensity} intensity", market.tick)
        return trigger

    def refuse(self, name: str, reason: str, tick: int) -> EngineEvent:
        """Record that a scenario was not activated, and why."""
        return self._record("refused", name, None, reason, tick)

    def expire(self, trigger_id: str, tick: int) -> EngineEvent:
        """End a trigger whose time is over."""
        trigger = self.active.pop(trigger_id)
        return self._record("expired", trigger.name, trigger_id, f"lapsed at {trigger.expires_at}", tick)

    def cancel(self, trigger_id: str, reason: str, tick: int) -> EngineEvent:
        """End a trigger before its time; one that is not active any more is refused."""
        trigger = self.active.pop(trigger_id, None)
        if trigger is None:
            return self.refuse(trigger_id, "not active, cannot be cancelled", tick)
        return self._record("cancelled", trigger.name, trigger_id, reason, tick)

    def list_overdue(self, tick: int) -> list[str]:
        """List the active triggers whose time is over."""
        return [trigger_id for trigger_id in self.active if self._ends_at[trigger_id] <= tick]

    def sum_effects(self) -> dict[str, float]:
        """Return the factor on demand that active triggers put on each product."""
        factors: dict[str, float] = {}
        for trigger in self.active.values():
            for product_id in trigger.products:
                factors[product_id] = factors.get(product_id, 1.0) * trigger.effects.get("demand_multiplier", 1.0)
        return factors

    def _describe(self, scenario: Scenario, intensity: str, market: MarketReading) -> Trigger:
        product = scenario.products[0]
        seen: dict[str, Any] = {
            "demand_index": market.demand_index[product],
            "competitor_average": market.competitor_average[product],
            "shelf_stock": market.shelf_stock[product],
            "social_mood": market.social_mood,
        }
        strength = STRENGTH[intensity]
        return Trigger(
            trigger_id=f"{self.run_id}-{self._count:03d}",
            name=scenario.name,
            agent_type=scenario.agent_type,
            trigger_type=scenario.trigger_type,
            intensity=intensity,
            run_id=self.run_id,
            products=list(scenario.products),
            conditions=seen | scenario.conditions,
            effects={key: round(1 + (value - 1) * strength, 3) for key, value in scenario.effects.items()},
            triggered_at=tell_time(market.tick),
            expires_at=tell_time(market.tick, scenario.lasts),
        )

    def _record(self, status: str, name: str, trigger_id: str | None, reason: str, tick: int) -> EngineEvent:
        event = EngineEvent(status, name, trigger_id, reason, tick)
        self.events.append(event)
        return event
