"""One alert from inactive by way of pending to firing, and back: told once, told again after a while, and resolved."""

from __future__ import annotations

import enum
from typing import Any

import attrs
from cachetools import TTLCache

from tracing_proxies.monitoring.alert_baseline import Baseline
from tracing_proxies.monitoring.alert_judging import Reading, judge
from tracing_proxies.registry.alert_rules import AlertRule


class State(enum.Enum):
    """Where an alert is."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@attrs.frozen
class Event:
    """Something to be told.

    Args:
        what: firing or resolved.
        subject: the agent that it is about; "" where it is about the whole.
        value: what the metric is, None where it is not known any more.
        usual: its baseline, None where the rule has none.
        lasted: seconds since it began.
        why: how it was resolved, where that is not because the metric is right again.
    """

    rule: AlertRule
    what: str
    subject: str
    value: float | None
    usual: float | None
    lasted: float
    why: str = ""


class Alert:
    """The state of one rule for one subject.

    Args:
        told: the subjects of the rule that were told of, for as long as its cool-down.
    """

    def __init__(self, rule: AlertRule, subject: str, told: TTLCache[str, bool]) -> None:
        self.rule = rule
        self.subject = subject
        self.state = State.INACTIVE
        self.acknowledged = False
        self.value: float | None = None
        self.usual: float | None = None
        self._told = told
        self._since = 0.0
        self._known_at = 0.0
        self._is_told = False
        self._resolved_at: float | None = None
        self._baseline = Baseline(rule.baseline, rule.window) if rule.is_relative else None

    def step(self, now: float, reading: Reading) -> Event | None:
        """Judge the metric as it is now.

        Args:
            now: seconds, monotonic.

        Returns:
            What is to be told, if anything.
        """
        self.value = reading.value
        if self._baseline is not None:
            self.usual = self._baseline.usual(now)
            if reading.value is not None:
                self._baseline.note(now, reading.value)
        wrong = judge(self.rule, reading, self.usual)
        if wrong is not None:
            self._known_at = now
        if wrong:
            return self._go_wrong(now)
        if self.state is State.PENDING:
            self.state = State.INACTIVE
        elif self.state is State.FIRING and wrong is False:
            return self._resolve(now)
        elif self.state is State.FIRING and now - self._known_at > self.rule.window + self.rule.hold:
            return self._resolve(now, "nothing is known of it any more")
        return None

    def acknowledge(self) -> bool:
        """Tell nobody of it again until it is resolved; returns whether it fires."""
        self.acknowledged = self.state is State.FIRING
        return self.acknowledged

    def resolve(self, now: float) -> Event | None:
        """Take what is now for the normal: the baseline is learnt anew, and the cool-down begins."""
        was_firing = self.state is State.FIRING
        if self._baseline is not None:
            self._baseline = Baseline(self.rule.baseline, self.rule.window)
        self._told[self.subject] = True
        event = self._resolve(now, "by hand")
        return event if was_firing else None

    def describe(self, now: float) -> dict[str, Any]:
        """Describe it in plain values; times are seconds that have passed."""
        active = self.state is not State.INACTIVE
        return {
            "name": self.rule.name,
            "subject": self.subject,
            "severity": self.rule.severity,
            "state": self.state.value,
            "acknowledged": self.acknowledged,
            "value": self.value,
            "usual": self.usual,
            "limit": self.rule.limit,
            "comparison": self.rule.comparison,
            "metric": self.rule.metric,
            "unit": self.rule.measure.unit,
            "summary": self.rule.summary,
            "for": now - self._since if active else None,
            "resolved_ago": None if self._resolved_at is None else now - self._resolved_at,
        }

    def _go_wrong(self, now: float) -> Event | None:
        if self.state is State.INACTIVE:
            self.state, self._since, self._is_told, self.acknowledged = State.PENDING, now, False, False
        if self.state is State.PENDING and now - self._since >= self.rule.hold:
            self.state = State.FIRING
        if self.state is not State.FIRING or self.acknowledged or self.subject in self._told:
            return None
        self._told[self.subject] = self._is_told = True
        return Event(self.rule, "firing", self.subject, self.value, self.usual, now - self._since)

    def _resolve(self, now: float, why: str = "") -> Event | None:
        event = Event(self.rule, "resolved", self.subject, self.value, self.usual, now - self._since, why)
        was_told, self._is_told = self._is_told, False
        self.state, self.acknowledged, self._resolved_at = State.INACTIVE, False, now
        return event if was_told else None
