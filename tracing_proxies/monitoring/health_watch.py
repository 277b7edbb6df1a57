"""What looks after a runtime for people: its health, its alerts, and the ids on the application's log records."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from tracing_proxies import destinations, finishing
from tracing_proxies.errors import ActivationError
from tracing_proxies.monitoring.alert_measures import Collector, Measures
from tracing_proxies.monitoring.alerting import Alerting, Speaker
from tracing_proxies.monitoring.health import Check, Vitals, check_all, describe, routes, take_vitals
from tracing_proxies.monitoring.health_probe import Probe
from tracing_proxies.monitoring.logging_ids import LogIds
from tracing_proxies.monitoring.server import Route
from tracing_proxies.recording.context import suppress
from tracing_proxies.registry.model import Registry

_LANGFUSE: Final = "langfuse"
_LAST_SEND: Final = "tracing_proxies_last_send_timestamp_seconds"
_LATELY: Final = 60.0


class LookedAt(Collector, Protocol):
    """The collected metrics, which can be asked to take note of what there is."""

    def look(self) -> object: ...


class Watch:
    """Health, alerts and log ids of one runtime.

    Args:
        registry: what holds.
        environ: the environment: keys, and the secrets of channels.
        collector: the collected metrics.
        status: tells what the runtime says of itself.
    """

    def __init__(
        self,
        registry: Registry,
        environ: Mapping[str, str],
        collector: LookedAt,
        status: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._registry = registry
        self._environ = environ
        self._collector = collector
        self._status = status
        self._probe = Probe(self._access)
        self._ids = LogIds()
        self.alerting = Alerting(Measures(collector, self._reachable), collector.look, environ, suppress)

    def routes(self) -> dict[str, Route]:
        """Return what a listener is to answer beside the metrics."""
        return routes(self.check)

    def follow(self, registry: Registry) -> None:
        """Go over to what a registry says of alerts and log records."""
        self._registry = registry
        self._probe.forget()
        self._ids.follow(registry.logging.trace_ids)
        if registry.alerts.on:
            names = finishing.service_names(registry, self._environ)
            mask = finishing.make_masker(registry, self._environ).text
            self.alerting.follow(registry.alerts, Speaker(names.name, names.environment, mask))
        else:
            self.alerting.close()

    def close(self) -> None:
        """Leave `logging` as it was, and end the thread."""
        self._ids.follow(False)
        self.alerting.close()

    def check(self) -> list[Check]:
        """Look at everything now; the server was asked half a minute ago at most."""
        self._collector.look()
        server = self._probe.ask()
        status = self._status()
        if not status.get("active"):
            return check_all(Vitals(status))
        return check_all(take_vitals(status, self._collector, server, self._probe.skew, self.alerting.firing()))

    def health(self) -> dict[str, Any]:
        """Describe the health in plain values."""
        status = self._status()
        return {"pid": os.getpid(), "program": status.get("program"), **describe(self.check())}

    def _access(self) -> tuple[str, str, str] | None:
        """Return the address and the keys of the server that traces go to, None if they go to none."""
        export = self._registry.export
        try:
            keys = destinations.langfuse_keys(self._environ)
            host = destinations.langfuse_host(self._environ)
        except ActivationError:  # a key's file is unreadable now; the sink goes on with the key that it has
            return None
        if export.explicit and export.langfuse is None:
            return None
        named = (export.langfuse.host if export.langfuse is not None else None) or host
        return None if not named or keys is None else (named, *keys)

    def _reachable(self) -> bool | None:
        """Tell whether the server can be used; it is asked only where nothing has been sent to it lately."""
        sent = self._collector.read(_LAST_SEND, _LATELY, sink=_LANGFUSE)
        if sent is not None and time.time() - sent < _LATELY:
            return None
        state = self._probe.ask()
        return None if state is None else state.ok
