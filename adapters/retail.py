"""Follows each trigger of the retail simulation from its root trace to its final outcome."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from tracing_proxies.recording.span import Span
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.hooks import Hooks

TRIGGER_TYPES: Final = {
    "pricing": (
        "demand_spike", "competitor_price_change", "slow_moving_inventory", "seasonal_analysis", "market_research",
    ),
    "inventory": (
        "stock_alert", "demand_forecast_update", "safety_buffer_breach", "pattern_analysis", "optimization_review",
    ),
    "promotion": (
        "social_trend", "bundle_opportunity", "seasonal_promotion", "agent_coordination", "performance_review",
    ),
    "orchestrator": ("multi_category_event", "compliance_check", "system_monitoring"),
    "collaboration": ("cross_category_learning", "influencer_campaign", "market_event_coordination"),
}  # fmt: skip
_CATEGORY: Final = {kind: category for category, kinds in TRIGGER_TYPES.items() for kind in kinds}
_MOST_STEPS, _MOST_OPEN = 400, 10_000


def install(hooks: Hooks, preset: Preset) -> None:
    """Read the spans that have ended, where the application waits for nothing."""
    capture = SimulationEventCapture()
    hooks.recorder.readers.append(capture.observe)
    hooks.on_undo(lambda: hooks.recorder.readers.remove(capture.observe))


class Propagation:
    """How far one trigger has reached: what has ended below its root, in the order in which it did.

    Its lists are only ever appended to, which threads may do at the same time without a lock: after a reload there are
    two workers for a while. Those that most triggers leave empty are made when they are needed: what is alive as long
    as a trigger is what the collector goes through.
    """

    __slots__ = ("names", "rare", "tools")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.tools: list[str] = []
        self.rare: dict[str, Any] = {}

    def note(self, kind: str, value: Any) -> None:
        """Append to one of the rare lists: ``decisions``, ``failed``, ``recoveries`` or ``conflicts``."""
        self.rare.setdefault(kind, []).append(value)

    def pass_by(self) -> None:
        """Count one more than are looked at."""
        next(self.rare.setdefault("beyond", count()))

    def describe(self) -> dict[str, Any]:
        """Sum up: agents, tools and workflows each once."""
        agents: dict[str, None] = {}
        workflows: dict[str, None] = {}
        messages = 0
        decisions = self.rare.get("decisions", [])
        for decision in decisions:
            agents[decision["agent"]] = None
        for name in self.names:
            if name.startswith("message."):
                messages += 1
            elif name.startswith("workflow."):
                workflows[name.removeprefix("workflow.")] = None
        return {
            "agents": list(agents),
            "decisions": decisions,
            "tools": list(dict.fromkeys(self.tools)),
            "messages": messages,
            "workflows": list(workflows),
            "conflicts": max(self.rare.get("conflicts", ()), default=0),
            "recoveries": self.rare.get("recoveries", []),
            "errors": len(self.rare.get("failed", ())),
            "steps": len(self.names) + next(self.rare.get("beyond", count())),
        }


class SimulationEventCapture:
    """Maps trigger types to their root traces, and writes onto each root where its trigger led.

    Which spans are roots, messages, workflows or decisions is the registry's to say: a root carries the metadata
    ``trigger_type``, a decision ``outcome.decision``, a recovery ``outcome.recovery_action``; messages and workflows go
    by the names ``message.*`` and ``workflow.*``.
    """

    def __init__(self) -> None:
        # Of the triggers that are under way; the oldest ones go where there are too many, as those whose root is lost.
        self._open: dict[int, Propagation] = {}

    @staticmethod
    def category(trigger_type: str) -> str:
        """Return the part of the application that a trigger type belongs to, or ``unknown``."""
        return _CATEGORY.get(trigger_type, "unknown")

    def observe(self, span: Span) -> None:
        """Take note of a span that has ended; a root gets the summary of its trace."""
        if span.noted("sampling.detail") in ("stub", "late"):  # its trace was not recorded, or has been summed up
            return
        trace_id = span.trace.trace_id
        if span.parent_id is None:
            reached = self._open.pop(trace_id, None)
            trigger_type = span.noted("trigger_type")
            if isinstance(trigger_type, str):
                self._conclude(span, trigger_type, reached or Propagation())
            return
        reached = self._open.get(trace_id)
        if reached is None:
            reached = self._open.setdefault(trace_id, Propagation())
            while len(self._open) > _MOST_OPEN:
                self._open.pop(next(iter(self._open)), None)
        if len(reached.names) >= _MOST_STEPS:
            reached.pass_by()
            return
        name = span.name
        reached.names.append(name)
        if span.level == "ERROR":
            reached.note("failed", name)
        if span.type == "tool":
            reached.tools.append(name)
        if not span.has_metadata:
            return
        decision, recovery = span.noted("outcome.decision"), span.noted("outcome.recovery_action")
        if decision is not None:
            confidence = span.noted("outcome.confidence")
            reached.note("decisions", {"agent": name, "decision": decision, "confidence": confidence})
        if recovery is not None:
            reached.note("recoveries", str(recovery))
        conflicts = span.noted("outcome.conflicts")
        if isinstance(conflicts, int):
            reached.note("conflicts", conflicts)

    def _conclude(self, span: Span, trigger_type: str, reached: Propagation) -> None:
        metadata = span.metadata
        metadata["trigger_category"] = self.category(trigger_type)
        metadata["propagation"] = reached.describe()
        metadata["propagation.outcome"] = metadata.get("outcome.status", "unknown")
