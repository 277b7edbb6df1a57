"""What a registry says of alerts, as frozen data: what can be watched, against which limits, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import attrs

from tracing_proxies.registry.units import UnitError, parse_duration, parse_rate

if TYPE_CHECKING:
    from tracing_proxies.registry.alert_rules import AlertRule, ChannelSettings

DURATION: Final = "a duration such as 2s"
SHARE: Final = "a share such as 5%"
NUMBER: Final = "a number such as 10"
RATE: Final = "a rate such as 30/min"
SEVERITIES: Final = ("info", "warning", "critical")
COMPARISONS: Final = ("above", "below", "rises", "drops")
"""Against a limit that is written down, or against what the metric itself was before."""


@attrs.frozen(eq=False, repr=False)
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


@attrs.frozen(eq=False, repr=False)
class Limit:
    """A number with its unit, as a rule compares with it: seconds, a share of 1, a number, or a number per second."""

    value: float
    unit: str
    text: str


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
