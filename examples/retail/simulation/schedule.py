"""The schedule of a run: at which tick which scenario is raised, repeated too early, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

PER_TICK = 3
ROUND_GAP = 10


@dataclass(frozen=True)
class Schedule:
    """Scenario names to raise and to cancel by tick; the run's plan is through after `last_tick`."""

    raises: dict[int, list[str]] = field(default_factory=dict)
    cancels: dict[int, list[str]] = field(default_factory=dict)
    last_tick: int = 0


def draw_up(names: Sequence[str], rounds: int = 1) -> Schedule:
    """Spread scenarios over ticks, three at a time.

    With more than one scenario, the first is raised again too early and the second is cancelled, as happens in shops.
    """
    raises: dict[int, list[str]] = {}
    cancels: dict[int, list[str]] = {}
    length = max(-(-len(names) // PER_TICK), ROUND_GAP)
    for number in range(rounds):
        start = 1 + number * (length + 1)
        for index, name in enumerate(names):
            raises.setdefault(start + index // PER_TICK, []).append(name)
        if len(names) > 1:
            raises.setdefault(start + 2, []).append(names[0])
            cancels.setdefault(start + 2, []).append(names[1])
    return Schedule(raises, cancels, max([*raises, *cancels], default=0) + 3)
