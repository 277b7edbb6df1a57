"""What has ended below spans that go on, which is told of only when they have ended, too."""

from __future__ import annotations

import attrs

from tracing_proxies.monitoring.intervals import MOST, Interval, join


@attrs.define(eq=False, repr=False)
class Below:
    """What has ended below a span that has not ended yet.

    Args:
        tools: name, source, outcome, weight and target of each tool of which it is not known yet which agent has called
            it.
        agents: name, source, outcome, nanoseconds, weight and target of each agent that may be a part of another one.
        busy: when agents were at work.
        collaborations: name, outcome, nanoseconds and weight of each that is not part of another.
    """

    tools: list[tuple[str, str, str, float, str]] = attrs.field(factory=list)
    agents: list[tuple[str, str, str, int, float, str]] = attrs.field(factory=list)
    busy: list[Interval] = attrs.field(factory=list)
    collaborations: list[tuple[str, str, int, float]] = attrs.field(factory=list)

    def take(self, other: Below) -> None:
        """Add what another one holds."""
        self.tools += other.tools
        self.agents += other.agents
        self.busy += other.busy
        if len(self.busy) > MOST:  # they join when their length is asked for: before that only to be few
            self.busy = join(self.busy)
        self.collaborations += other.collaborations


@attrs.define(eq=False, repr=False)
class OpenTrace:
    """What is known of a trace that goes on, by the span that it is below of."""

    touched: float
    below: dict[str, Below] = attrs.field(factory=dict)
    ended: bool = False
