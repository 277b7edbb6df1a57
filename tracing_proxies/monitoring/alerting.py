"""Watches one process: a thread that judges the rules now and then, and tells what they find by the channels."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from tracing_proxies import debugging
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.delivery.native import RLock
from tracing_proxies.failures import contain
from tracing_proxies.monitoring.alert_measures import Measures
from tracing_proxies.monitoring.alert_sharing import SharedAlerts
from tracing_proxies.monitoring.alert_state import Event
from tracing_proxies.monitoring.alerts import Alerts, label_of
from tracing_proxies.monitoring.channel_messages import Notification, write_amount
from tracing_proxies.monitoring.channels import LogChannel, open_channel
from tracing_proxies.monitoring.outbox import Outbox
from tracing_proxies.monitoring.workers import Member
from tracing_proxies.registry.alert_rules import LOG
from tracing_proxies.registry.alerting import AlertSettings

_PATIENCE: Final = 0.5
_OFF: Final = AlertSettings()


@attrs.frozen
class Speaker:
    """In whose name something is told.

    Args:
        mask: masks a text.
    """

    service: str
    environment: str
    mask: Callable[[str], str]


class Alerting:
    """The alerts of a runtime, from activation to deactivation, and through forks.

    Nothing is started, and nothing of it costs anything, until a registry asks for alerts.

    Args:
        measures: reads what the rules watch.
        look: has the metrics taken note of first.
        environ: where the channels' secrets are.
        suppress: switches tracing off for the thread that calls it.
        clock: seconds, monotonic.
        wall: seconds since the epoch.
        member: this process among those of its application; None where each tells for itself.
    """

    def __init__(
        self,
        measures: Measures,
        look: Callable[[], object],
        environ: Mapping[str, str],
        suppress: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        member: Callable[[], Member | None] = lambda: None,
    ) -> None:
        self._measures = measures
        self._look = look
        self._environ = environ
        self._suppress = suppress
        self._clock = clock
        self._wall = wall
        self._shared = SharedAlerts(member, clock)
        self._settings = _OFF
        self._speaker = Speaker("python", "default", str)
        self._loop: Loop | None = None
        self._forget()

    def _forget(self) -> None:
        self._lock = RLock()
        self._alerts = Alerts((), self._measures.read, self._measures.subjects, self._clock)
        self._outboxes: dict[str, Outbox] = {}
        self._judged_at = -float("inf")

    def follow(self, settings: AlertSettings, speaker: Speaker) -> None:
        """Go over to the alerts of a registry: rules and channels that are the same go on as they are."""
        with self._lock:
            kept = {one.name for one in settings.channels if one in self._settings.channels}
            self._settings, self._speaker = settings, speaker
            self._tell(self._alerts.follow(settings.rules if settings.on else ()))
            made = {one.name: one for one in settings.channels}
            self._outboxes = {
                LOG: self._outboxes.get(LOG) or Outbox(LOG, LogChannel(), None, self._clock),
                **{name: self._outboxes[name] for name in kept if name in self._outboxes},
                **{
                    name: Outbox(name, open_channel(one, self._environ), one.rate, self._clock)
                    for name, one in made.items()
                    if name not in kept
                },
            }
        if not settings.on:
            self.close()
        elif self._loop is None:
            self._begin()
        else:
            self._loop.wake()

    def close(self) -> None:
        """End the thread; what waits for a channel is dropped with it."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop(_PATIENCE)
        self._shared.leave()

    def pause(self) -> None:
        """Have no thread at the moment of a fork."""
        if self._loop is not None:
            self._loop.stop(_PATIENCE)

    def resume(self) -> None:
        """Go on after a fork, in the parent."""
        if self._loop is not None:
            self._begin()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what fires in the parent is the parent's to tell."""
        settings, speaker, self._loop = self._settings, self._speaker, None
        self._forget()
        self._shared.after_fork()
        self._settings = _OFF
        if settings.on:
            self.follow(settings, speaker)

    def firing(self) -> list[str] | None:
        """Name what fires; None where nothing is watched."""
        if not self._settings.on:
            return None
        with self._lock:
            return [label_of(alert) for alert in self._alerts.firing()]

    def status(self) -> dict[str, Any]:
        """Describe alerts and channels in plain values."""
        with self._lock:
            return {
                "on": self._settings.on,
                "every": self._settings.every,
                "alerts": self._alerts.status() if self._settings.on else [],
                "channels": {name: outbox.status() for name, outbox in self._outboxes.items()},
            }

    def acknowledge(self, name: str) -> list[str]:
        """Acknowledge what fires under a name, and return it."""
        with self._lock:
            labels = self._alerts.acknowledge(name)
            self._shared.acknowledge(labels)
        return labels

    def resolve(self, name: str) -> list[str]:
        """Take what is now for the normal, and return what was wrong by then."""
        with self._lock:
            labels, events = self._alerts.resolve(name)
            self._tell(events)
        self._wake()
        return labels

    def judge(self) -> float:
        """Judge the rules if that is due, tell what they find, and return the seconds until there is more to do."""
        now, every = self._clock(), self._settings.every
        if now - self._judged_at >= every:
            self._judged_at = now
            try:
                self._look()
                with self._lock:
                    self._tell(self._alerts.step())
                    self._tell_of_orphans()
            except Exception as exc:
                contain("alerts", exc)
        with self._lock:
            outboxes = list(self._outboxes.values())
        # Without the lock: a channel may wait for somebody.
        pauses = [pause for pause in (outbox.step() for outbox in outboxes) if pause is not None]
        return max(0.01, min([self._judged_at + every - self._clock(), *pauses]))

    def _begin(self) -> None:
        self._loop = Loop("tracing-alerts", self.judge, suppress=self._suppress)
        self._loop.start()

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            debugging.tell("alerts", event.what, alert=label_of(event), value=event.value, usual=event.usual)
            if self._shared.admits(event):
                self._put(event)

    def _tell_of_orphans(self) -> None:
        """Tell what is over since the processes that had found it have ended."""
        rules = {rule.name: rule for rule in self._settings.rules}
        for orphan in self._shared.take_orphans():
            if orphan.name in rules:
                lasted = self._clock() - orphan.since
                why = "the process has ended in which it was so"
                self._put(Event(rules[orphan.name], "resolved", orphan.subject, None, None, lasted, why))

    def _put(self, event: Event) -> None:
        notification = self.describe(event)
        for name in event.rule.tell:
            outbox = self._outboxes.get(name)
            if outbox is not None:
                outbox.put(notification)

    def describe(self, event: Event) -> Notification:
        """Say in words what has happened, masked."""
        speaker, rule = self._speaker, event.rule
        mask, label = speaker.mask, label_of(event)
        return Notification(
            key=f"tracing_proxies/{speaker.service}/{speaker.environment}/{label}",
            name=rule.name,
            what=event.what,
            severity=rule.severity,
            subject=mask(event.subject),
            text=mask(_in_words(event)),
            service=mask(speaker.service),
            environment=mask(speaker.environment),
            process=f"{socket.gethostname()}:{os.getpid()}",
            at=self._wall(),
        )


def _in_words(event: Event) -> str:
    rule, unit = event.rule, event.rule.measure.unit
    value = write_amount(event.value, unit)
    if event.what == "resolved":
        why = f" ({event.why})" if event.why else ""
        return f"{rule.summary or rule.name}: over after {event.lasted:.0f} s{why}; {rule.metric} is {value}"
    limit = f"{rule.limit:.0%}" if rule.is_relative else write_amount(rule.limit, unit)
    usual = f", usually {write_amount(event.usual, unit)}" if event.usual is not None else ""
    return f"{rule.summary or rule.name}: {rule.metric} is {value}{usual} ({rule.comparison} {limit} is wrong)"
