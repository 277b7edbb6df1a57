"""What looks after a runtime for people: its health, its alerts, and the ids on the application's log records.

What costs time to import, such as HTTP and mail, is imported when somebody asks for it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from tracing_proxies import destinations, finishing
from tracing_proxies.errors import ActivationError
from tracing_proxies.exclusion import importing
from tracing_proxies.monitoring.logging_ids import LogIds
from tracing_proxies.monitoring.server import Answer, Route
from tracing_proxies.recording.context import suppress
from tracing_proxies.registry.model import Registry

if TYPE_CHECKING:
    from tracing_proxies.monitoring.alerting import Alerting
    from tracing_proxies.monitoring.health_probe import Probe
    from tracing_proxies.monitoring.workers import Member

_LANGFUSE: Final = "langfuse"
_LAST_SEND: Final = "tracing_proxies_last_send_timestamp_seconds"
_LATELY: Final = 60.0
_JSON: Final = "application/json"


class Collector(Protocol):
    """The collected metrics, which can be asked to take note of what there is."""

    def look(self) -> object: ...

    def read(self, metric: str, window: float, *, before: float = 0.0, **labels: str) -> float | None: ...

    def labels(self, metric: str) -> list[dict[str, str]]: ...


class Watch:
    """Health, alerts and log ids of one runtime.

    Args:
        registry: what holds.
        environ: the environment: keys, and the secrets of channels.
        collector: the collected metrics.
        status: tells what the runtime says of itself.
        member: this process among those of its application.
    """

    def __init__(
        self,
        registry: Registry,
        environ: Mapping[str, str],
        collector: Collector,
        status: Callable[[], Mapping[str, Any]],
        member: Callable[[], Member | None],
    ) -> None:
        self._member = member
        self._registry = registry
        self._environ = environ
        self._collector = collector
        self._status = status
        self._ids = LogIds()
        self._alerting: Alerting | None = None
        self._asks: Probe | None = None

    def mark_logs(self, registry: Registry) -> None:
        """Have log records carry their ids or not, as a registry says: before anything of ours is logged."""
        self._ids.follow(registry.logging.trace_ids)

    def follow(self, registry: Registry) -> None:
        """Go over to what a registry says of alerts and log records."""
        self._registry = registry
        self.mark_logs(registry)
        if self._asks is not None:
            self._asks.forget()
        if registry.alerts.on:
            from tracing_proxies.monitoring.alerting import Speaker

            names = finishing.service_names(registry, self._environ)
            mask = finishing.make_masker(registry, self._environ).text
            self._alerts().follow(registry.alerts, Speaker(names.name, names.environment, mask))
        elif self._alerting is not None:
            self._alerting.close()
            self._alerting = None

    def close(self) -> None:
        """Leave `logging` as it was, and end the thread."""
        self._ids.follow(False)
        if self._alerting is not None:
            self._alerting.close()

    def pause(self) -> None:
        """Have no thread of ours beside a fork."""
        if self._alerting is not None:
            self._alerting.pause()

    def resume(self) -> None:
        """Go on after a fork, in the parent."""
        if self._alerting is not None:
            self._alerting.resume()

    def begin_in_child(self) -> None:
        """Begin anew in a forked child."""
        if self._asks is not None:
            self._asks.forget()
        if self._alerting is not None:
            self._alerting.after_fork()

    def routes(self) -> dict[str, Route]:
        """Return what is answered over HTTP: ``/livez`` and ``/readyz``.

        An orchestrator that restarts what is not alive must not do so because a server elsewhere is away. So ``/livez``
        only says that the process answers, and ``/readyz`` is refused where spans are being lost.
        """
        return {"/livez": lambda accept: (_JSON, b'{"state": "ok"}'), "/readyz": self._answer}

    def health(self) -> dict[str, Any]:
        """Look at everything now, and describe it in plain values; a server was asked half a minute ago at most."""
        with importing:
            from tracing_proxies.monitoring.health import check_all, describe, take_vitals

        self._collector.look()
        probe = self._probe()
        server, status = probe.ask(), self._status()
        checks = check_all(take_vitals(status, self._collector, server, probe.skew, self.firing()))
        return {"pid": os.getpid(), "program": status.get("program"), **describe(checks)}

    def firing(self) -> list[str] | None:
        """Name the alerts that fire; None where nothing is watched."""
        return None if self._alerting is None else self._alerting.firing()

    def alerts(self) -> dict[str, Any]:
        """Describe alerts and channels in plain values."""
        off = {"on": False, "every": 0.0, "alerts": [], "channels": {}}
        return off if self._alerting is None else self._alerting.status()

    def acknowledge(self, name: str) -> list[str]:
        """Acknowledge what fires under a name, and return it."""
        return [] if self._alerting is None else self._alerting.acknowledge(name)

    def resolve(self, name: str) -> list[str]:
        """Take what is now for the normal, and return what was wrong by then."""
        return [] if self._alerting is None else self._alerting.resolve(name)

    def _answer(self, accept: str) -> Answer:
        found = self.health()
        status = "503 Service Unavailable" if found["state"] == "failing" else "200 OK"
        return Answer(status, _JSON, json.dumps(found).encode())

    def _alerts(self) -> Alerting:
        if self._alerting is None:
            from tracing_proxies.monitoring.alert_measures import Measures
            from tracing_proxies.monitoring.alerting import Alerting

            self._probe()  # here, and not on the thread of alerts: in a forked child that must not wait for an import
            measures = Measures(self._collector, self._reachable)
            self._alerting = Alerting(measures, self._collector.look, self._environ, suppress, member=self._member)
        return self._alerting

    def _probe(self) -> Probe:
        if self._asks is None:
            with importing:
                from tracing_proxies.monitoring.health_probe import Probe

            self._asks = Probe(self._access)
        return self._asks

    def _access(self) -> tuple[str, str, str] | None:
        """Return the address and the keys of the server that traces go to, None if they go to none."""
        export = self._registry.export
        if export.explicit and export.langfuse is None:
            return None
        try:
            keys = destinations.langfuse_keys(self._environ)
            host = destinations.langfuse_host(self._environ)
        except ActivationError:  # a key's file is unreadable now; the sink goes on with the key that it has
            return None
        named = (export.langfuse.host if export.langfuse is not None else None) or host
        return None if not named or keys is None else (named, *keys)

    def _reachable(self) -> bool | None:
        """Tell whether the server can be used; it is asked only where nothing has been sent to it lately."""
        sent = self._collector.read(_LAST_SEND, _LATELY, sink=_LANGFUSE)
        if sent is not None and time.time() - sent < _LATELY:
            return None
        state = self._probe().ask()
        return None if state is None else state.ok
