"""The alerts of one process: every rule, for every agent that it is about, judged by what the metrics are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs
from cachetools import TTLCache

from tracing_proxies.monitoring.alert_judging import Reading
from tracing_proxies.monitoring.alert_state import Alert, Event, State
from tracing_proxies.registry.alert_rules import AlertRule

MOST_SUBJECTS: Final = 200

Read = Callable[[AlertRule, str], Reading]
Subjects = Callable[[AlertRule], Iterable[str]]


class Alerts:
    """Judges rules; knows neither threads nor channels.

    Args:
        rules: what is watched.
        read: tells what a rule's metric is for a subject, which is "" where it is about the whole.
        subjects: tells the agents that a rule is about.
        clock: seconds, monotonic.
    """

    def __init__(self, rules: Sequence[AlertRule], read: Read, subjects: Subjects, clock: Callable[[], float]) -> None:
        self._read = read
        self._subjects = subjects
        self._clock = clock
        self._rules: tuple[AlertRule, ...] = ()
        self._told: dict[str, TTLCache[str, bool]] = {}
        self._alerts: dict[str, dict[str, Alert]] = {}
        self.follow(rules)

    def follow(self, rules: Sequence[AlertRule]) -> list[Event]:
        """Go over to other rules; those that are the same keep their state.

        Returns:
            That what was firing by a rule that is gone or another now is over.
        """
        before, now = {rule.name: _without_place(rule) for rule in self._rules}, self._clock()
        self._rules = tuple(rules)
        kept = {rule.name: rule for rule in rules if before.get(rule.name) == _without_place(rule)}
        gone = [alert for name, alerts in self._alerts.items() if name not in kept for alert in alerts.values()]
        self._alerts = {rule.name: self._alerts.get(rule.name, {}) if rule.name in kept else {} for rule in rules}
        for rule in rules:
            if rule.name not in kept:
                self._told[rule.name] = TTLCache(MOST_SUBJECTS, rule.cool_down, timer=self._clock)
        events = [alert.resolve(now) for alert in gone if alert.state is State.FIRING]
        return [attrs.evolve(event, why="the rule has changed") for event in events if event is not None]

    def step(self) -> list[Event]:
        """Judge every rule once, and return what is to be told."""
        now, events = self._clock(), []
        for rule in self._rules:
            for alert in self._alerts_of(rule):
                event = alert.step(now, self._read(rule, alert.subject))
                if event is not None:
                    events.append(event)
        return events

    def acknowledge(self, name: str) -> list[str]:
        """Acknowledge what fires under a name: a rule's, or a rule's and an agent's as ``rule/agent``."""
        return [label_of(alert) for alert in self._named(name) if alert.acknowledge()]

    def resolve(self, name: str) -> tuple[list[str], list[Event]]:
        """Take what is now for the normal, by the same names.

        Returns:
            What was resolved, and what is to be told of it.
        """
        now = self._clock()
        found = [alert for alert in self._named(name) if alert.state is not State.INACTIVE]
        labels = [label_of(alert) for alert in found]
        return labels, [event for event in (alert.resolve(now) for alert in found) if event is not None]

    def status(self) -> list[dict[str, Any]]:
        """Describe every alert in plain values, those that fire first."""
        now = self._clock()
        found = [alert.describe(now) for rule in self._rules for alert in self._known(rule)]
        order = [State.FIRING.value, State.PENDING.value, State.INACTIVE.value]
        return sorted(found, key=lambda alert: order.index(alert["state"]))

    def firing(self) -> list[Alert]:
        """Return the alerts that fire."""
        return [alert for alerts in self._alerts.values() for alert in alerts.values() if alert.state is State.FIRING]

    def _alerts_of(self, rule: AlertRule) -> list[Alert]:
        known = self._alerts[rule.name]
        if not rule.measure.by_agent:
            wanted: Iterable[str] = ("",)
        else:
            wanted = self._subjects(rule)
        for subject in wanted:
            if subject not in known and len(known) < MOST_SUBJECTS:
                known[subject] = Alert(rule, subject, self._told[rule.name])
        return list(known.values())

    def _known(self, rule: AlertRule) -> list[Alert]:
        return list(self._alerts[rule.name].values()) or [Alert(rule, "", self._told[rule.name])]

    def _named(self, name: str) -> list[Alert]:
        wanted, _, subject = name.partition("/")
        found = self._alerts.get(wanted, {})
        return [alert for alert in list(found.values()) if not subject or alert.subject == subject]


def label_of(alert: Alert | Event) -> str:
    """Name an alert as people type it: ``rule``, or ``rule/agent``."""
    return f"{alert.rule.name}/{alert.subject}" if alert.subject else alert.rule.name


def _without_place(rule: AlertRule) -> AlertRule:
    return attrs.evolve(rule, place=None)
