"""Writes workflows as the records of the local store, so that a store of any size is there within seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.text import to_json
from tracing_proxies.recording.observation import Observation
from tracing_proxies.testing.steps import Step, Workflow

_BATCH: Final = 5_000
_FOREVER: Final = 10**30


def observations(
    workflow: Workflow, *, epoch: int = 0, session: str | None = None, weight: float = 1.0
) -> list[Observation]:
    """Turn a workflow into the observations that the local store would hold of it, each after those below it.

    Nothing is masked: personal data in them are invented.

    Args:
        epoch: when the stream began, in nanoseconds since the epoch.
        session: the id of the session.
        weight: how many calls each of them stands for.
    """
    root, trigger = workflow.root, workflow.trigger
    tags = ("simulation", trigger.source, trigger.kind, f"intensity:{trigger.intensity}")

    def record(step: Step, parent: str | None) -> Iterator[Observation]:
        for child in step.children:
            yield from record(child, step.span_id)
        yield Observation(
            trace_id=workflow.trace_id,
            id=step.span_id,
            parent_observation_id=parent,
            name=step.name,
            type=step.type,
            start_time=epoch + step.start,
            end_time=epoch + step.end,
            level=step.level,
            status_message=step.status_message,
            input=None if step.input is None else to_json(step.input),
            output=None if step.output is None else to_json(step.output),
            metadata=_metadata(step),
            model=step.model,
            usage_details=step.usage,
            user_id=None,
            session_id=session,
            tags=tags,
            trace_name=root.name,
            environment="test",
            release=None,
            version=None,
            sampling_weight=weight,
            app_root=parent is None,
            service_name="retail-optimizer",
        )

    return list(record(root, None))


def fill_store(path: Path, stream: Iterable[Workflow], *, epoch: int = 0, session: str | None = None) -> int:
    """Write workflows to the local store at a path, which is made if it is missing.

    Args:
        stream: bounded, as by ``itertools.islice``.
        epoch: when the stream began, in nanoseconds since the epoch.
        session: the id of their session.

    Returns:
        How many observations were written.

    Raises:
        OSError: the store did not take them; the message says why.
    """
    sink = LocalSink(path, retention_ns=_FOREVER, max_size=2**62)
    records = chain.from_iterable(observations(workflow, epoch=epoch, session=session) for workflow in stream)
    written = 0
    try:
        while batch := list(islice(records, _BATCH)):
            outcome = sink.write(batch)
            if outcome.delivered != len(batch):
                raise OSError(f"{path} took {outcome.delivered} of {len(batch)} observations: {outcome.reason}")
            written += len(batch)
    finally:
        sink.close()
    return written


def _metadata(step: Step) -> dict[str, object]:
    outcome = {"decision": step.decision, "confidence": step.confidence, "rationale": step.rationale}
    told = {f"outcome.{key}": value for key, value in outcome.items() if value is not None}
    return {"target": step.target, **step.metadata, **told}
