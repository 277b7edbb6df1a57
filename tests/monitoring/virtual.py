"""An application on a virtual clock: calls, durations and errors by a seed, read as they are collected."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from tracing_proxies.monitoring.alert_judging import Reading
from tracing_proxies.monitoring.alerts import Alerts
from tracing_proxies.registry.alert_rules import SHIPPED, AlertRule

STEP = 15.0


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Metrics:
    """Metrics that hold what a test has put there."""

    def __init__(self, **values: float | None) -> None:
        self.values: dict[str, float | None] = dict(values)
        self.calls: float | None = 1_000.0
        self.agents: list[str] = ["shop:Agent.run"]

    def read(self, rule: AlertRule, subject: str) -> Reading:
        value = self.values.get(f"{rule.metric}/{subject}", self.values.get(rule.metric))
        return Reading(value, self.calls)

    def subjects(self, rule: AlertRule) -> list[str]:
        return self.agents


class World:
    """Alerts over such metrics."""

    def __init__(self, *rules: AlertRule, **values: float | None) -> None:
        self.clock = Clock()
        self.metrics = Metrics(**values)
        self.alerts = Alerts(rules, self.metrics.read, self.metrics.subjects, self.clock)

    def run(self, seconds: float, **values: float | None) -> list[str]:
        """Let time pass, with other values if there are any, and return what was told, as ``firing rule``."""
        self.metrics.values |= values
        told: list[str] = []
        for _ in range(math.ceil(seconds / STEP)):
            self.clock.now += STEP
            told += [f"{event.what} {event.rule.name}" for event in self.alerts.step()]
        return told


class Shop:
    """Two agents whose calls come at random (Poisson) and take their time (log-normal), as in a healthy application.

    Args:
        seed: of all that is random.
        rates: calls per second of each agent.
        spread: of the logarithm of durations.
    """

    def __init__(self, seed: int, rates: Sequence[float] = (3.0, 0.4), spread: float = 0.6) -> None:
        self._random = random.Random(seed)
        self.rates = list(rates)
        self.scale = [1.0 for _ in rates]
        self.failing = [0.01 for _ in rates]
        self._spread = spread
        self._steps: list[list[tuple[list[float], int]]] = []
        self.clock = Clock()
        self.alerts = Alerts(tuple(SHIPPED.values()), self.read, self.subjects, self.clock)

    def run(self, seconds: float) -> list[str]:
        """Let time pass, and return what was told."""
        told: list[str] = []
        for _ in range(math.ceil(seconds / STEP)):
            self.clock.now += STEP
            self._steps.append([self._work(agent) for agent in range(len(self.rates))])
            told += [f"{event.what} {event.rule.name} {event.subject}".strip() for event in self.alerts.step()]
        return told

    def subjects(self, rule: AlertRule) -> list[str]:
        return [f"agent-{agent}" for agent in range(len(self.rates))]

    def read(self, rule: AlertRule, subject: str) -> Reading:
        if rule.metric in ("trace_success", "langfuse_reachable"):
            return Reading(1.0)
        if not rule.measure.calls:
            return Reading(0.0)
        chosen = [int(subject.partition("-")[2])] if subject else range(len(self.rates))
        taken = [step[agent] for step in self._steps[-math.ceil(rule.window / STEP) :] for agent in chosen]
        durations = sorted(duration for some, _ in taken for duration in some)
        calls = len(durations)
        if not calls:
            return Reading(None, 0)
        if rule.metric.endswith("error_rate"):
            return Reading(sum(errors for _, errors in taken) / calls, calls)
        if rule.metric.endswith("throughput"):
            return Reading(calls / min(rule.window, len(self._steps) * STEP), calls)
        return Reading(durations[int(0.95 * (calls - 1))], calls)

    def _work(self, agent: int) -> tuple[list[float], int]:
        many = self._poisson(self.rates[agent] * STEP)
        durations = [self.scale[agent] * self._random.lognormvariate(0.0, self._spread) for _ in range(many)]
        return durations, sum(self._random.random() < self.failing[agent] for _ in range(many))

    def _poisson(self, mean: float) -> int:
        many, waited = 0, self._random.expovariate(1.0)
        while waited < mean:
            many += 1
            waited += self._random.expovariate(1.0)
        return many
