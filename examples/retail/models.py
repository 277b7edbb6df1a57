"""What the parts hand to each other: triggers, refusals, messages, decisions, conflicts and outcomes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trigger:
    """One market situation that asks for a reaction, with the simulated time at which it arose and lapses."""

    trigger_id: str
    name: str
    agent_type: str
    trigger_type: str
    intensity: str
    run_id: str
    products: list[str]
    conditions: dict[str, Any]
    effects: dict[str, Any]
    triggered_at: str
    expires_at: str


@dataclass(frozen=True)
class EngineEvent:
    """What the trigger engine did with a scenario: activated, refused, expired or cancelled it, and why."""

    status: str
    name: str
    trigger_id: str | None
    reason: str
    tick: int


@dataclass(frozen=True)
class AgentMessage:
    """One message from the orchestrator, a workflow or an agent to an agent."""

    sender: str
    recipient: str
    message_type: str
    content: dict[str, Any]


@dataclass
class Decision:
    """What an agent decided on; `parameters["error"]` is set when the decisive tool failed."""

    agent_id: str
    action_type: str
    product_ids: list[str]
    parameters: dict[str, Any]
    confidence_score: float
    rationale: str
    status: str = "decided"


@dataclass(frozen=True)
class MessageReceipt:
    """What came back for a message: delivered with the recipient's decision, or failed with the reason."""

    status: str
    sender: str
    recipient: str
    message_type: str
    decision: Decision | None = None
    error: str | None = None


@dataclass(frozen=True)
class Conflict:
    """Two decisions on the same products that cannot both be carried out."""

    kind: str
    product_ids: list[str]
    first: Decision
    second: Decision


@dataclass
class TriggerOutcome:
    """Everything that was decided for one trigger."""

    trigger_id: str
    name: str
    agent_type: str
    trigger_type: str
    intensity: str
    status: str
    decision: Decision | None = None
    orchestration: dict[str, Any] = field(default_factory=dict)
    workflows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as plain dicts and lists, for printing."""
        return asdict(self)
