"""Follows each trigger of the retail simulation from its root trace to its final outcome."""

from __future__ import annotations

import threading
from typing import Any, Final

import attrs

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
_MOST_STEPS = 400


def install(hooks: Hooks, preset: Preset) -> None:
    """Watch the spans that end."""
    capture = SimulationEventCapture()
    hooks.recorder.observers.append(capture.observe)
    hooks.on_undo(lambda: hooks.recorder.observers.remove(capture.observe))


@attrs.define
class Propagation:
    """How far one trigger has reached: agents, tools, messages, workflows, conflicts and recoveries, each once."""

    agents: list[str] = attrs.field(factory=list)
    decisions: list[dict[str, Any]] = attrs.field(factory=list)
    tools: list[str] = attrs.field(factory=list)
    messages: int = 0
    workflows: list[str] = attrs.field(factory=list)
    conflicts: int = 0
    recoveries: list[str] = attrs.field(factory=list)
    errors: int = 0
    steps: int = 0


class SimulationEventCapture:
    """Maps trigger types to their root traces, and writes onto each root where its trigger led.

    Which spans are roots, messages, workflows or decisions is the registry's to say: a root carries the metadata
    ``trigger_type``, a decision ``outcome.decision``, a recovery ``outcome.recovery_action``; messages and workflows go
    by the names ``message.*`` and ``workflow.*``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, Propagation] = {}

    @staticmethod
    def category(trigger_type: str) -> str:
        """Return the part of the application that a trigger type belongs to, or ``unknown``."""
        return _CATEGORY.get(trigger_type, "unknown")

    def observe(self, span: Span) -> None:
        """Take note of a span that has just ended; a root gets the summary of its trace."""
        trace = span.trace
        if span.parent_id is None:
            with self._lock:
                reached = self._open.pop(trace.trace_id, None)
            trigger_type = span.metadata.get("trigger_type")
            if isinstance(trigger_type, str):
                self._conclude(span, trigger_type, reached or Propagation())
        elif not trace.ended:
            with self._lock:
                reached = self._open.get(trace.trace_id)
                if reached is None:
                    reached = self._open[trace.trace_id] = Propagation()
                reached.steps += 1
                if reached.steps <= _MOST_STEPS:
                    self._note(span, span.name, reached)

    def _note(self, span: Span, name: str, reached: Propagation) -> None:
        if span.level == "ERROR":
            reached.errors += 1
        if span.type == "tool":
            _once(reached.tools, name)
        if name.startswith("message."):
            reached.messages += 1
        elif name.startswith("workflow."):
            _once(reached.workflows, name.removeprefix("workflow."))
        decision, recovery = span.noted("outcome.decision"), span.noted("outcome.recovery_action")
        if decision is not None:
            confidence = span.noted("outcome.confidence")
            reached.decisions.append({"agent": name, "decision": decision, "confidence": confidence})
            _once(reached.agents, name)
        if recovery is not None:
            reached.recoveries.append(str(recovery))
        conflicts = span.noted("outcome.conflicts")
        if isinstance(conflicts, int):
            reached.conflicts = max(reached.conflicts, conflicts)

    def _conclude(self, span: Span, trigger_type: str, reached: Propagation) -> None:
        span.metadata["trigger_category"] = self.category(trigger_type)
        span.metadata["propagation"] = attrs.asdict(reached, recurse=False)  # nobody else holds its lists
        span.metadata["propagation.outcome"] = span.metadata.get("outcome.status", "unknown")


def _once(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
