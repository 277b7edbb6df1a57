"""The simulation engine: two endless loops, one that moves the market and one that raises triggers from it."""

from __future__ import annotations

import asyncio
import contextlib

from retail.models import EngineEvent, Trigger
from retail.simulation.market import Market, MarketReading
from retail.simulation.schedule import Schedule
from retail.simulation.triggers import TriggerEngine

CALM_INTERVAL = 0.1
STRESS_INTERVAL = 0.02


class SimulationEngine:
    """Runs a market and its triggers until it is stopped; triggers come out of `outbox`."""

    def __init__(self, seed: int = 7, stress: bool = False) -> None:
        """Prepare an engine; `initialize` gives it a schedule."""
        self.seed = seed
        self.interval = STRESS_INTERVAL if stress else CALM_INTERVAL
        self.initialize(Schedule())

    def initialize(self, schedule: Schedule) -> None:
        """Set the market, the clock and the trigger engine to their beginning, with a schedule to raise."""
        self.schedule = schedule
        self.market = Market(self.seed)
        self.reading = self.market.read()
        self.trigger_engine = TriggerEngine(f"run-{self.seed}")
        self.outbox: asyncio.Queue[Trigger] = asyncio.Queue()
        self.plan_done = asyncio.Event()
        self.running = False
        self._readings: asyncio.Queue[MarketReading] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start both loops."""
        self.running = True
        self._moved.set()
        self._loops = [asyncio.create_task(self._run_ticks()), asyncio.create_task(self._schedule_triggers())]

    async def stop(self) -> None:
        """Stop both loops and wait for their end."""
        self.running = False
        for loop in self._loops:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
        self._loops = []

    def reset(self) -> None:
        """Go back to the beginning, without a schedule."""
        self.initialize(Schedule())

    def trigger_scenario(self, name: str, intensity: str | None = None) -> Trigger | EngineEvent:
        """Raise a scenario now; without an intensity, at the scenario's own. A refusal comes back as an event.

        Raises:
            KeyError: there is no such scenario.
        """
        raised = self.trigger_engine.activate(name, intensity, self.reading)
        if isinstance(raised, Trigger):
            self.outbox.put_nowait(raised)
        return raised

    async def _run_ticks(self) -> None:
        while self.running:
            await self._moved.wait()  # triggers act on the market, so a tick waits until the last one was scheduled
            self._moved.clear()
            self._update_components()
            self._readings.put_nowait(self.market.read())
            await asyncio.sleep(self.interval)

    def _update_components(self) -> None:
        """Move demand, competitors, social mood and shelf sensors by one tick."""
        self.market.tick += 1
        self.market.update_demand(self.trigger_engine.sum_effects())
        self.market.update_competitors()
        self.market.update_social()
        self.market.update_iot()

    async def _schedule_triggers(self) -> None:
        while self.running:
            self.reading = await self._readings.get()
            tick = self.reading.tick
            for trigger_id in self.trigger_engine.list_overdue(tick):
                self.trigger_engine.expire(trigger_id, tick)
            for name in self.schedule.cancels.get(tick, ()):
                self._cancel_scenario(name, tick)
            for name in self.schedule.raises.get(tick, ()):
                self.trigger_scenario(name)
            if tick >= self.schedule.last_tick:
                self.plan_done.set()
            self._moved.set()

    def _cancel_scenario(self, name: str, tick: int) -> None:
        active = [key for key, trigger in self.trigger_engine.active.items() if trigger.name == name]
        for trigger_id in active:
            self.trigger_engine.cancel(trigger_id, "the situation is over", tick)
