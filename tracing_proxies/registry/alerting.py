"""What a registry says of alerts, as frozen data: what can be watched, rules, the shipped ones, and channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.units import UnitError, parse_duration, parse_rate

DURATION: Final = "a duration such as 2s"
SHARE: Final = "a share such as 5%"
NUMBER: Final = "a number such as 10"
RATE: Final = "a rate such as 30/min"
SEVERITIES: Final = ("info", "warning", "critical")
COMPARISONS: Final = ("above", "below", "rises", "drops")
"""Against a limit that is written down, or against what the metric itself was before."""
LOG: Final = "log"
"""The channel that needs no settings."""


@attrs.frozen
class Measure:
    """Something that a rule can watch.

    Args:
        unit: what its limits are written as.
        doc: what it is, in one sentence.
        by_agent: whether there is one of it for each agent.
        calls: whether it is made of calls, so that a few of them say little.
    """

    unit: str
    doc: str
    by_agent: bool = False
    calls: bool = False


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "agent_error_rate": Measure(SHARE, "The share of an agent's calls that failed.", by_agent=True, calls=True),
        "agent_latency_p50": Measure(DURATION, "How long half of an agent's calls take.", by_agent=True, calls=True),
        "agent_latency_p95": Measure(
            DURATION, "How long 95 % of an agent's calls take at most.", by_agent=True, calls=True
        ),
        "agent_latency_p99": Measure(
            DURATION, "How long 99 % of an agent's calls take at most.", by_agent=True, calls=True
        ),
        "agent_throughput": Measure(RATE, "How many calls of an agent end.", by_agent=True, calls=True),
        "throughput": Measure(RATE, "How many traced calls end, over all targets.", calls=True),
        "error_rate": Measure(SHARE, "The share of all traced calls that failed.", calls=True),
        "calls_held_up": Measure(NUMBER, "How many calls tracing has held up for longer than `sampling.max_latency`."),
        "agent_overhead": Measure(
            DURATION, "How much CPU recording takes for each call of an agent, on its thread, on average."
        ),
        "trace_success": Measure(SHARE, "Of the spans that were not left out on purpose, the share that is not lost."),
        "langfuse_reachable": Measure(
            NUMBER, "1 while the Langfuse server answers and takes the keys, 0 while it does not."
        ),
        "delivery_lag": Measure(DURATION, "How old the oldest span is that waits for its destination."),
        "clock_skew": Measure(DURATION, "By how much this computer's clock and that of a destination differ."),
        "spool_fill": Measure(SHARE, "How full the spool is, of its `max_size`."),
        "degradation": Measure(NUMBER, "How many steps of detail the budget has taken away; 0 for full detail."),
        "internal_failures": Measure(RATE, "How often the tracing layer itself fails."),
    }
)


@attrs.frozen
class Limit:
    """A number with its unit, as a rule compares with it: seconds, a share of 1, a number, or a number per second."""

    value: float
    unit: str
    text: str


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


@attrs.frozen
class AlertSettings:
    """What holds of alerts; nothing is judged where `every` is 0.

    Args:
        every: seconds between two judgements.
    """

    every: float = 0.0
    rules: tuple[AlertRule, ...] = ()
    channels: tuple[ChannelSettings, ...] = ()

    @property
    def on(self) -> bool:
        """Whether anything is watched."""
        return self.every > 0 and bool(self.rules)


_SHARE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)\s*%")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


def parse_limit(text: str) -> Limit:
    """Read a limit: a duration, a share, a rate or a number.

    Raises:
        UnitError: it is none of them.
    """
    text = text.strip()
    share = _SHARE.fullmatch(text)
    if share is not None:
        return Limit(float(Decimal(share[1]) / 100), SHARE, text)
    if _NUMBER.fullmatch(text):
        return Limit(float(text), NUMBER, text)
    if "/" in text:
        many, period = parse_rate(text)
        return Limit(many * 1e9 / period, RATE, text)
    if text[:1].isdigit():
        return Limit(parse_duration(text) / 1e9, DURATION, text)
    raise UnitError(f"expected a limit such as 2s, 5%, 30/min or 10, found {text[:40]!r}")
