"""Scores: what an observation earns by itself, what its rule declares, and what others say of a trace later."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from tracing_proxies.delivery.text import clean, to_json
from tracing_proxies.recording.observation import Observation
from tracing_proxies.registry.model import ScoreSettings

NUMERIC: Final = "NUMERIC"
BOOLEAN: Final = "BOOLEAN"
CATEGORICAL: Final = "CATEGORICAL"
TEXT: Final = "TEXT"
TYPES: Final = (NUMERIC, BOOLEAN, CATEGORICAL, TEXT)
SUCCESS: Final = "success"
CONFIDENCE: Final = "confidence"
DECLARED: Final = "score."
"""What the names begin with under which a rule's scores stand in an observation's metadata."""
RECORD: Final = "score"
"""The type of an observation that is the record of a score on its way."""

_NAMESPACE: Final = uuid.UUID("5d0d3b52-9f5e-5d0f-8a9b-1b8f1d6f7c11")
_ID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_ID_OF_SPAN: Final = re.compile(r"[0-9a-f]{16}").fullmatch
_LONGEST_TEXT: Final = 500
_LONGEST_COMMENT: Final = 2_000
_DETAILS: Final = ("sessionId", "datasetRunId", "configId", "timestamp", "metadata")


@attrs.frozen(eq=False, repr=False)
class Score:
    """One score, as it is handed in.

    Args:
        trace_id: of the trace that it is of; "" for a session's or an experiment's.
        name: what is judged.
        value: a number, a truth value, or a text.
        observation_id: of the observation, None for the trace as a whole.
        comment: why.
        data_type: one of ``TYPES``.
        id: its own; another score of this id takes its place.
        environment: None for that of the service.
        masked: whether nothing in it needs masking any more.
        made: when what it judges was over, or it was made, in nanoseconds since the epoch; 0 for now.
        details: what else the server takes, by the server's names.
    """

    trace_id: str
    name: str
    value: bool | int | float | str
    observation_id: str | None = None
    comment: str | None = None
    data_type: str = NUMERIC
    id: str = ""
    environment: str | None = None
    masked: bool = False
    made: int = 0
    details: dict[str, Any] = attrs.field(factory=dict)


def make_score(
    trace_id: str,
    name: str,
    value: bool | int | float | str,
    *,
    observation_id: str | None = None,
    comment: str | None = None,
    data_type: str | None = None,
    id: str | None = None,
    environment: str | None = None,
) -> Score:
    """Make a score, and refuse what the server would.

    Args:
        data_type: one of ``TYPES``; None goes by the value's type.
        id: None for one that follows from trace, observation and name, so that repeating it changes nothing.

    Raises:
        ValueError: there is no name, an id is not hexadecimal, or the value does not fit the type.
    """
    if not name:
        raise ValueError("a score needs a name")
    _require_hexadecimal("trace_id", trace_id, 32)
    if observation_id is not None:
        _require_hexadecimal("observation_id", observation_id, 16)
    kind = data_type or _type_of(value)
    if kind is None or not _fits(value, kind):
        raise ValueError(f"{value!r} is no value of a score" + (f" of type {kind}" if kind else ""))
    return Score(
        trace_id=trace_id,
        name=name,
        value=value,
        observation_id=observation_id,
        comment=comment,
        data_type=kind,
        id=id or score_id(trace_id, observation_id, name),
        environment=environment,
        made=time.time_ns(),
    )


def score_id(trace_id: str, observation_id: str | None, name: str) -> str:
    """Return the id of the one score of this name that a trace, or an observation in it, has."""
    return str(uuid.uuid5(_NAMESPACE, f"{trace_id}\n{observation_id or ''}\n{clean(name)}"))


def scores_of(observation: Observation, settings: ScoreSettings) -> Iterator[Score]:
    """Yield what a finished observation is scored by itself; everything in it has been masked.

    That is whether an agent succeeded, the confidence of its decision, and what its rule declares. Of values that are
    no scores (None, lists, numbers that masking has made a text of) there is none.
    """
    found: dict[str, Any] = {}
    metadata = observation.metadata
    if settings.success and observation.type == "agent":
        found[SUCCESS] = observation.level != "ERROR"
    if settings.confidence:
        confidence = metadata.get("outcome.confidence")
        if type(confidence) in (int, float):
            found[CONFIDENCE] = confidence
    for key, value in metadata.items():
        if type(key) is str and key.startswith(DECLARED):
            found[key[len(DECLARED) :]] = value
    for name, value in found.items():
        kind = _type_of(value)
        if name and kind is not None and _fits(value, kind):
            yield Score(
                trace_id=observation.trace_id,
                name=name,
                value=value,
                observation_id=observation.id,
                data_type=kind,
                id=score_id(observation.trace_id, observation.id, name),
                environment=observation.environment,
                masked=True,
                made=observation.end_time,
            )


def to_record(score: Score, environment: str) -> Observation:
    """Return a score as what pipelines carry; ``to_body`` makes the server's request of it.

    Args:
        environment: of the service.
    """
    now = score.made or time.time_ns()
    value = score.value
    return Observation(
        trace_id=score.trace_id,
        id=score.id,
        parent_observation_id=score.observation_id,
        name=score.name,
        type=RECORD,
        start_time=now,
        end_time=now,
        level="DEFAULT",
        status_message=None,
        input=score.comment,
        output=to_json(int(value) if score.data_type == BOOLEAN and type(value) is bool else value),
        metadata={"data_type": score.data_type, **{k: v for k, v in score.details.items() if k in _DETAILS}},
        model=None,
        usage_details={},
        user_id=None,
        session_id=None,
        tags=(),
        trace_name="",
        environment=score.environment or environment,
        release=None,
        version=None,
        sampling_weight=1.0,
        app_root=False,
        service_name="",
    )


def to_body(record: Observation) -> bytes:
    """Encode one score as the body of ``POST /api/public/scores``: one object, never an array.

    It says when it was made: however late it arrives, and however often, it is the same row of the same day.
    """
    from tracing_proxies.delivery.encoder import normalise_environment

    value = record.output or "null"
    details = {key: item for key, item in record.metadata.items() if key in _DETAILS}
    fields: dict[str, Any] = {"id": record.id}
    if record.trace_id:
        fields["traceId"] = record.trace_id
    if record.parent_observation_id is not None:
        fields["observationId"] = record.parent_observation_id
    fields |= {"name": record.name, "dataType": record.metadata["data_type"]}
    if record.input:
        fields["comment"] = record.input
    fields["environment"] = normalise_environment(record.environment)
    fields["timestamp"] = to_timestamp(record.start_time)
    return f'{to_json({**fields, **details})[:-1]},"value":{value}}}'.encode("utf-8", "backslashreplace")


def to_timestamp(moment: int) -> str:
    """Write nanoseconds since the epoch as the server takes them."""
    seconds, rest = divmod(moment, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest // 1_000_000:03d}Z"


def masked(score: Score, mask: Callable[[str, Any], Any], mask_name: Callable[[str], str]) -> Score:
    """Return a score with its texts masked, each under its name.

    Args:
        mask: takes a name and a value; returns None where nothing is left of it.
        mask_name: takes what is a name itself, or an id.
    """
    if score.masked:
        return score
    value = score.value
    if type(value) is str:
        value = str(mask(score.name, value) or "")
    comment = score.comment
    if comment is not None:
        comment = mask("comment", comment[:_LONGEST_COMMENT])
        comment = None if comment is None else str(comment)
    details = {key: mask(key, item) for key, item in score.details.items() if key in _DETAILS and item is not None}
    observation_id = score.observation_id
    if observation_id is not None and not _ID_OF_SPAN(observation_id):
        observation_id = _masked_id(observation_id, mask_name)
    return attrs.evolve(
        score,
        trace_id=_masked_id(score.trace_id, mask_name),
        observation_id=observation_id,
        id=_masked_id(score.id, mask_name),
        name=mask_name(score.name),
        value=value,
        comment=comment,
        environment=None if score.environment is None else mask_name(score.environment),
        details=details,
        masked=True,
    )


def _masked_id(found: str, mask_name: Callable[[str], str]) -> str:
    """Return an id that tells nothing: a new one for one that is made of data, such as an e-mail address.

    What is left of it after masking may be that of another score, whose place it would take.
    """
    if not found or _ID(found) or mask_name(found) == found:
        return found
    return str(uuid.uuid4())


def _type_of(value: Any) -> str | None:
    if type(value) is bool:
        return BOOLEAN
    if type(value) in (int, float):
        return NUMERIC
    return CATEGORICAL if type(value) is str else None


def _fits(value: Any, kind: str) -> bool:
    if kind == BOOLEAN:
        return type(value) is bool or (type(value) in (int, float) and value in (0, 1))
    if kind == NUMERIC:
        return type(value) in (int, float) and math.isfinite(value)
    return kind in (CATEGORICAL, TEXT) and type(value) is str and 0 < len(value) <= _LONGEST_TEXT


def _require_hexadecimal(what: str, text: str, digits: int) -> None:
    try:
        right = len(text) == digits and int(text, 16) > 0
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(f"{what} has {digits} hexadecimal digits, not {text!r}")
