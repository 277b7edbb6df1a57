"""Unfolds a trigger into a whole trace: who was asked, what each of them did and when, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, Literal

from tracing_proxies.testing.payloads import invent_all, invent_contact, invent_product, invent_reason
from tracing_proxies.testing.scenes import CHECKS, SCENES, TOOLS, Scene
from tracing_proxies.testing.steps import Step, Trigger, Workflow

_MILLISECOND: Final = 1_000_000
_SPREAD: Final = 0.45  # of the logarithm of a duration: the 95th percentile is twice the median
_MODEL: Final = "retail-offline-1"
_FATAL_SHARE: Final = 0.25
_FAILURES: Final = (
    ("ValueError", "stock of {product} must not be negative"),
    ("TimeoutError", "no answer about {product} within 2 s"),
    ("KeyError", "'{product}'"),
)


def unfold(trigger: Trigger, random: Random, *, fails: bool, personal: bool) -> Workflow:
    """Make the whole trace of a trigger.

    Args:
        random: all chance comes from here.
        fails: whether one of its tools fails.
        personal: whether what it is given and passes on holds personal data.
    """
    return _Unfolding(trigger, random, fails, personal).workflow()


class _Unfolding:
    def __init__(self, trigger: Trigger, random: Random, fails: bool, personal: bool) -> None:
        self.trigger = trigger
        self.scene: Scene = SCENES[trigger.kind]
        self.random = random
        self.contact = invent_contact(random) if personal else {}
        self.tools_left = -1  # until the tool that fails; below 0 none will
        self.fatal = False  # whether the agent does not recover from it
        if fails:
            self.tools_left, self.fatal = random.randrange(2), random.random() < _FATAL_SHARE

    def workflow(self) -> Workflow:
        trace_id = f"{self.random.getrandbits(128) | 1:032x}"
        return Workflow(trace_id, self.trigger, self._handle())

    def _handle(self) -> Step:
        trigger, scene = self.trigger, self.scene
        lead = scene.agents[0]
        parts = [lambda at: self._agent(lead, at), self._orchestrate]
        parts += [lambda at, name=name: self._collaborate(name, at) for name in scene.workflows]  # type: ignore[misc]
        parts += [lambda at: self._step("retail.agents.memory:AgentMemory.store_decision", "event", at, 0.6)]
        children, end = self._in_turn(parts, trigger.at)
        led = children[0]
        broken = led.error == "raised"
        status = "failed" if broken else "completed_with_errors" if self._troubled(children) else "completed"
        facts = {"trigger_id": trigger.id, "intensity": trigger.intensity, "products": list(trigger.products)}
        return self._step(
            "retail.simulation.consumer:TriggerConsumer.handle",
            "chain",
            trigger.at,
            until=end,
            name=f"simulation.{trigger.kind}",
            input={"trigger": {**facts, "trigger_type": trigger.kind, "conditions": dict(self.contact)}},
            output={"status": status, "decision": led.decision},
            error="returned" if broken else None,
            message=led.status_message if broken else None,
            decision=None if broken else led.decision,
            metadata={
                "trigger_source": trigger.source,
                "trigger_type": trigger.kind,
                **facts,
                "outcome.status": status,
            },
            children=children,
        )

    def _agent(self, agent: str, at: int) -> Step:
        own = [tool for tool in self.scene.tools if TOOLS[tool].owner == agent]
        chosen = own or [name for name, tool in TOOLS.items() if tool.owner == agent][:1]
        if len(chosen) < 2 and self.tools_left > 0:
            self.tools_left = 0
        parts: list[Callable[[int], Step]] = [self._think]
        parts += [lambda at, tool=tool: self._tool(tool, at) for tool in chosen]  # type: ignore[misc]
        parts.append(self._think)
        began = at + self._some(0.3)
        turns, end = self._in_turn(parts, began)
        broken = next((turn for turn in turns if turn.error), None)
        message = broken.status_message if broken is not None else None
        raised = broken is not None and self.fatal
        loop = self._step(
            "strands.agent.agent:Agent.__call__",
            "agent",
            began,
            until=end,
            name=agent,
            error="raised" if raised else None,
            message=message,
            children=turns,
        )
        children = [loop]
        if broken is not None and not raised:
            event = self._step(
                "retail.agents.base:RetailAgent.recover",
                "event",
                loop.end,
                0.1,
                level="WARNING",
                metadata={"outcome.recovery_action": "decide_without_it", "outcome.failed_tool": broken.name},
            )
            children.append(event)
        confidence = round(self.random.betavariate(7, 2) * (0.5 if broken else 1.0), 3)
        action, rationale = self.random.choice(self.scene.actions), invent_reason(self.random)
        return self._step(
            f"retail.agents.{agent}:{_class_of(agent)}.make_{agent.partition('_')[0]}_decision",
            "agent",
            at,
            until=children[-1].end,
            name=agent,
            input={"trigger_type": self.trigger.kind, "facts": {"product": self._product(), **self.contact}},
            output=None if raised else {"action_type": action, "confidence_score": confidence, "rationale": rationale},
            error="raised" if raised else None,
            message=message,
            decision=None if raised else action,
            confidence=None if raised else confidence,
            rationale=None if raised else rationale,
            children=children,
        )

    def _think(self, at: int) -> Step:
        question = f"{self.trigger.kind}: {', '.join(self.trigger.products)}"
        asked, answered = self.random.randrange(300, 1800), self.random.randrange(30, 400)
        return self._step(
            "strands.models:Model.stream", "generation", at, 320.0, name="OfflineModel.stream", model=_MODEL,
            input={"messages": [{"role": "user", "content": question}]},
            output={"role": "assistant", "content": invent_reason(self.random)},
            usage={"input": asked, "output": answered, "total": asked + answered},
        )  # fmt: skip

    def _tool(self, name: str, at: int) -> Step:
        tool = TOOLS[name]
        fails, self.tools_left = self.tools_left == 0, self.tools_left - 1
        asked = invent_all(tool.asked, self.random)
        if "product_data" in asked:
            asked["product_data"] = self._product()
        found = invent_all(tool.answers, self.random)
        confidence = round(self.random.betavariate(7, 2), 3) if tool.confidence else None
        if tool.confidence:
            found[tool.confidence] = confidence
        target = f"retail.agents.{tool.owner}:{_class_of(tool.owner)}.{name}"
        if not fails:
            rationale = found.get("rationale", found.get("recommendation"))
            return self._step(
                target, "tool", at, tool.milliseconds, name=name, input=asked, output=found,
                confidence=confidence, rationale=rationale,
            )  # fmt: skip
        kind, text = self.random.choice(_FAILURES)
        message = text.format(product=self.trigger.products[0])
        raised = self.fatal or self.random.random() < 0.4
        return self._step(
            target,
            "tool",
            at,
            tool.milliseconds,
            name=name,
            input=asked,
            output=None if raised else {"status": "error", "error": message},
            error="raised" if raised else "returned",
            message=f"{kind}: {message}" if raised else message,
            metadata={"error.type": kind, "error.message": message} if raised else {"error.returned": True},
        )

    def _orchestrate(self, at: int) -> Step:
        asked = self.scene.agents[1:]
        module = "retail.agents.orchestrator:RetailOptimizationOrchestrator"
        began = at + self._some(0.2)
        messages = [self._message(agent, began + self._some(0.2)) for agent in asked]  # gathered: side by side
        messages.sort(key=lambda message: message.start)
        end = max([message.end for message in messages], default=began)
        coordinate = self._step(f"{module}.coordinate_agents", "chain", began, until=end, children=messages)
        conflicts = int(len(asked) > 1 and self.random.random() < 0.4)
        names = ["detect_conflicts", *(["resolve_conflicts"] * conflicts), "synthesize"]
        parts = [
            lambda at, name=name: self._step(
                f"{module}.{name}", "chain", at, 0.8, metadata={"outcome.conflicts": conflicts}
            )
            for name in names
        ]
        rest, end = self._in_turn(parts, coordinate.end)
        return self._step(
            f"{module}.process_market_event", "chain", at, until=end,
            input={"event_type": self.trigger.kind, "intensity": self.trigger.intensity},
            output={"status": "completed", "responding_agents": list(asked), "conflicts_detected": conflicts},
            metadata={"outcome.agents": list(asked), "outcome.conflicts": conflicts},
            children=[coordinate, *rest],
        )  # fmt: skip

    def _message(self, agent: str, at: int) -> Step:
        child = self._agent(agent, at + self._some(0.2))
        broken = child.error is not None
        return self._step(
            "retail.agents.orchestrator:RetailOptimizationOrchestrator.send_message", "chain", at, until=child.end,
            name=f"message.{CHECKS[agent]}", output={"status": "failed" if broken else "completed"},
            error="returned" if broken else None, message=child.status_message,
            metadata={"sender": "orchestrator", "recipient": agent}, children=[child],
        )  # fmt: skip

    def _collaborate(self, name: str, at: int) -> Step:
        participants = [f"{part}_agent" for part in name.split("_to_")] if "_to_" in name else list(CHECKS)
        talk = self._step(
            f"retail.agents.collaboration:CollaborationWorkflow.{name}", "chain", at + self._some(0.2), 12.0,
            output={"status": "completed", "participants": participants},
            metadata={"outcome.participants": participants, "outcome.status": "completed"},
        )  # fmt: skip
        return self._step(
            "retail.agents.orchestrator:RetailOptimizationOrchestrator.trigger_collaboration_workflow", "chain", at,
            until=talk.end, name=f"workflow.{name}", metadata={"outcome.participants": participants}, children=[talk],
        )  # fmt: skip

    def _step(
        self,
        target: str,
        type: str,
        start: int,
        milliseconds: float = 0.0,
        *,
        until: int | None = None,
        name: str | None = None,
        error: Literal["raised", "returned"] | None = None,
        message: str | None = None,
        level: str = "DEFAULT",
        children: Sequence[Step] = (),
        **known: Any,
    ) -> Step:
        duration = self._some(milliseconds) if until is None else until + self._some(0.1) - start
        return Step(
            span_id=f"{self.random.getrandbits(64) | 1:016x}",
            target=target,
            name=name or target.partition(":")[2],
            type=type,
            start=start,
            duration=duration,
            level="ERROR" if error else level,
            status_message=message if error else None,
            error=error,
            children=tuple(children),
            **known,
        )

    def _in_turn(self, parts: Sequence[Callable[[int], Step]], at: int) -> tuple[list[Step], int]:
        steps: list[Step] = []
        for part in parts:
            steps.append(part(at + self._some(0.1)))
            at = steps[-1].end
            if steps[-1].error == "raised" and self.fatal:
                break
        return steps, at

    def _some(self, milliseconds: float) -> int:
        """Draw a duration, in nanoseconds, around a median."""
        return int(milliseconds * _MILLISECOND * self.random.lognormvariate(0.0, _SPREAD)) + 1

    def _product(self) -> dict[str, Any]:
        return invent_product(self.random, self.random.choice(self.trigger.products))

    def _troubled(self, steps: Sequence[Step]) -> bool:
        return any(step.error for top in steps for step in top.walk())


def _class_of(agent: str) -> str:
    return "".join(part.capitalize() for part in agent.split("_"))
