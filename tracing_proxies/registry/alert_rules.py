"""Rules of alerts, the shipped ones, and the channels that are told, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.alerting import MEASURES, Measure

LOG: Final = "log"
"""The channel that needs no settings."""


@attrs.frozen
class AlertRule:
    """One rule. Times are seconds.

    Args:
        metric: one of `MEASURES`.
        comparison: one of `COMPARISONS`.
        limit: what it is compared with; for ``rises`` and ``drops`` the share by which.
        window: over which time the metric is taken.
        baseline: from which time before the metric's own usual value is taken.
        hold: for how long it must be so before it is told.
        agent: of which agents, a name or a glob.
        at_least: calls that the window must hold.
        tell: names of channels.
        place: where it is written, None for a shipped rule.
    """

    name: str
    metric: str
    comparison: str
    limit: float
    window: float = 300.0
    baseline: float = 3_600.0
    hold: float = 60.0
    severity: str = "warning"
    cool_down: float = 1_800.0
    agent: str = "*"
    at_least: int = 0
    tell: tuple[str, ...] = (LOG,)
    summary: str = ""
    place: Place | None = None

    @property
    def measure(self) -> Measure:
        """What it watches."""
        return MEASURES[self.metric]

    @property
    def is_relative(self) -> bool:
        """Whether the metric is compared with what it was before."""
        return self.comparison in ("rises", "drops")


SHIPPED: Final[Mapping[str, AlertRule]] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            AlertRule("tracing_overhead", "calls_held_up", "above", 0.0, hold=0.0,
                      summary="tracing holds an agent's operations up"),
            AlertRule("agent_overhead", "agent_overhead", "above", 0.1,
                      summary="tracing adds too much to an agent's operations"),
            AlertRule("trace_success", "trace_success", "below", 0.95, severity="critical",
                      summary="traces are lost"),
            AlertRule("langfuse_unreachable", "langfuse_reachable", "below", 1.0, window=60.0, severity="critical",
                      summary="the Langfuse server cannot be reached, or does not accept the keys"),
            AlertRule("delivery_lag", "delivery_lag", "above", 60.0, window=60.0,
                      summary="spans arrive late"),
            AlertRule("clock_skew", "clock_skew", "above", 30.0, window=60.0,
                      summary="this computer's clock is not the server's: traces appear at the wrong time"),
            AlertRule("throughput_drop", "throughput", "drops", 0.1, hold=300.0,
                      summary="fewer calls end than usual"),
            AlertRule("agent_errors", "agent_error_rate", "above", 0.1, severity="critical", at_least=10,
                      summary="an agent fails too often"),
            AlertRule("agent_latency", "agent_latency_p95", "rises", 1.0, hold=180.0, at_least=50,
                      summary="an agent takes much longer than usual"),
            AlertRule("spool_nearly_full", "spool_fill", "above", 0.8, window=60.0, severity="critical",
                      summary="the spool is nearly full; the oldest spans give way soon"),
            AlertRule("degraded", "degradation", "above", 0.0, window=60.0, severity="info",
                      summary="the budget has taken detail from the traces"),
        )
    }
)  # fmt: skip


@attrs.frozen
class ChannelSettings:
    """One way to tell somebody. No secret is in it: only the names of the variables that hold them.

    Args:
        kind: slack, webhook, pagerduty, email or command.
        secret: the variable that holds the address or key; for e-mail the password's, None where there is none.
        to: the e-mail's recipients.
        sender: the e-mail's.
        server: the mail server's host and port.
        user: what the mail server knows us as.
        security: starttls, tls or none.
        argv: the command with its arguments.
        timeout: seconds for one attempt.
        rate: the most notifications per second.
    """

    name: str
    kind: str
    secret: str | None = None
    to: tuple[str, ...] = ()
    sender: str = ""
    server: str = ""
    user: str = ""
    security: str = "starttls"
    argv: tuple[str, ...] = ()
    timeout: float = 10.0
    rate: float = 10 / 60
