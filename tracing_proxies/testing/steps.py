"""A workflow as data: its trigger, its trace, and every step of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import attrs


@attrs.frozen
class Trigger:
    """What starts a workflow.

    Args:
        kind: one of `KINDS`.
        source: who watches for it: pricing, inventory, promotion, orchestrator or collaboration.
        intensity: low, medium or high.
        at: nanoseconds of virtual time since the stream began.
    """

    id: str
    kind: str
    source: str
    intensity: str
    products: tuple[str, ...]
    at: int


@attrs.frozen
class Step:
    """One call of a workflow, as a span would show it, with the calls that it made.

    Args:
        target: what a registry would name it by: ``module:Class.method``.
        type: the observation's: agent, tool, generation, chain, retriever or event.
        start: nanoseconds of virtual time since the stream began.
        duration: nanoseconds.
        input: plain JSON values.
        output: plain JSON values, None where the call raised.
        error: ``raised``, ``returned``, or None where it did not fail.
        children: in the order of their starts; each lies within this one.
    """

    span_id: str
    target: str
    name: str
    type: str
    start: int
    duration: int
    input: Any = None
    output: Any = None
    level: str = "DEFAULT"
    status_message: str | None = None
    error: Literal["raised", "returned"] | None = None
    decision: str | None = None
    confidence: float | None = None
    rationale: str | None = None
    model: str | None = None
    usage: dict[str, int] = attrs.field(factory=dict)
    metadata: dict[str, Any] = attrs.field(factory=dict)
    children: tuple[Step, ...] = ()

    @property
    def end(self) -> int:
        """Nanoseconds of virtual time since the stream began."""
        return self.start + self.duration

    def walk(self) -> Iterator[Step]:
        """Yield this step and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()


@attrs.frozen
class Workflow:
    """A trigger, what was decided, and the trace of how it came to that."""

    trace_id: str
    trigger: Trigger
    root: Step

    @property
    def decision(self) -> str | None:
        """The action that was chosen, None where the workflow failed."""
        return self.root.decision

    @property
    def failed(self) -> bool:
        """Whether anything in it went wrong, recovered from or not."""
        return any(step.error is not None for step in self.root.walk())
