"""One run: the engine raises triggers, several workers handle them, the outcomes come back in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retail.agents.memory import agent_memory
from retail.models import EngineEvent, TriggerOutcome
from retail.simulation.consumer import TriggerConsumer
from retail.simulation.engine import SimulationEngine
from retail.simulation.scenarios import SCENARIOS, find_scenario
from retail.simulation.schedule import draw_up

STRESS_ROUNDS = 4


@dataclass(frozen=True)
class RunReport:
    """What a run decided; the same for the same seed and scenarios, whatever the concurrency."""

    seed: int
    outcomes: list[TriggerOutcome]
    events: list[EngineEvent]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain dicts and lists, for printing."""
        return {
            "seed": self.seed,
            "triggers": [outcome.as_dict() for outcome in self.outcomes],
            "engine_events": [asdict(event) for event in self.events],
            "totals": dict(sorted(Counter(outcome.status for outcome in self.outcomes).items())),
        }


def name_scenarios(wanted: str) -> list[str]:
    """Turn `all` or a comma-separated list into scenario names.

    Raises:
        KeyError: there is no such scenario.
    """
    if wanted == "all":
        return [scenario.name for scenario in SCENARIOS]
    return [find_scenario(name.strip()).name for name in wanted.split(",") if name.strip()]


async def run(names: Sequence[str], seed: int = 7, concurrency: int = 6, stress: bool = False) -> RunReport:
    """Run scenarios to their end.

    Args:
        names: scenario names.
        seed: of the simulated market.
        concurrency: how many triggers are handled at a time.
        stress: tick fifty times a second, and raise the scenarios several times over.
    """
    engine, consumer = SimulationEngine(seed, stress), TriggerConsumer()
    engine.initialize(draw_up(names, STRESS_ROUNDS if stress else 1))
    agent_memory.forget_run(engine.trigger_engine.run_id)
    outcomes: list[TriggerOutcome] = []

    async def work() -> None:
        while True:
            trigger = await engine.outbox.get()
            outcomes.append(await consumer.handle(trigger))
            engine.outbox.task_done()

    workers = [asyncio.create_task(work()) for _ in range(max(1, concurrency))]
    await engine.start()
    await engine.plan_done.wait()
    await engine.outbox.join()
    await engine.stop()
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    events = [event for event in engine.trigger_engine.events if event.tick <= engine.schedule.last_tick]
    return RunReport(seed, sorted(outcomes, key=lambda outcome: outcome.trigger_id), events)
