"""A score that the application makes with Langfuse's SDK, in our terms."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any, Final

from tracing_proxies.langfuse.scores import CATEGORICAL, NUMERIC, TYPES, Score

_FIELDS: Final = ("trace_id", "observation_id", "name", "value", "comment", "data_type", "id", "environment")
_DETAILS: Final = {
    "session_id": "sessionId",
    "dataset_run_id": "datasetRunId",
    "config_id": "configId",
    "metadata": "metadata",
}


def score_of(task: Any) -> Score | None:
    """Read what ``add_score_task`` is given: the body itself in SDK 5, before that an event with a model of it.

    Returns:
        The score; None for one of a kind that is not ours to send.
    """
    body = task.get("body", task) if isinstance(task, dict) else task

    def read(name: str) -> Any:
        if isinstance(body, dict):
            return body.get(_camel(name))
        found = getattr(body, name, None)
        return getattr(body, _camel(name), None) if found is None else found  # models of SDK 4 keep either name

    fields = {name: read(name) for name in _FIELDS}
    value = fields["value"]
    kind = fields["data_type"] or (CATEGORICAL if type(value) is str else NUMERIC)
    kind = getattr(kind, "value", kind)  # an enumeration in SDK 3 and 4
    if kind not in TYPES or not fields["name"] or type(value) not in (str, int, float, bool):
        return None
    details = {theirs: read(ours) for ours, theirs in _DETAILS.items()}
    return Score(
        trace_id=fields["trace_id"] or "",
        name=str(fields["name"]),
        value=bool(value) if kind == "BOOLEAN" else value,
        observation_id=fields["observation_id"],
        comment=fields["comment"],
        data_type=str(kind),
        id=str(fields["id"] or uuid.uuid4()),
        environment=fields["environment"],
        made=_moment_of(task),
        details={key: found for key, found in details.items() if found is not None},
    )


def _moment_of(task: Any) -> int:
    """Return when the application says that a score was made, in nanoseconds since the epoch; 0 where it does not."""
    told = task.get("timestamp") if isinstance(task, dict) else None  # in SDK 5 the body's, before that the event's
    if not isinstance(told, datetime):
        return 0
    moment = told if told.tzinfo is not None else told.replace(tzinfo=timezone.utc)  # as the SDK itself reads it
    return int(moment.timestamp() * 1_000) * 1_000_000


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
