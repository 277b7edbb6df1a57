"""The columns that metrics and filters see: what each view's dimensions and measures are of a row.

Rows of the view of observations are what `tests.contract.otlp` read; rows of the views of scores are scores beside the
observation that each belongs to. Times are nanoseconds in rows, milliseconds in measures.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from tests.contract.state import State
from tests.contract.times import nanoseconds

Row = dict[str, Any]
Column = Callable[[Row], Any]

HIGH_CARDINALITY = frozenset("id traceId userId sessionId parentObservationId observationId".split())
EXPLODED = frozenset({"toolNames", "calledToolNames"})
_NUMERIC = ("NUMERIC", "BOOLEAN")
_KINDS = {"scores-numeric": _NUMERIC, "scores-boolean": ("BOOLEAN",), "scores-categorical": ("CATEGORICAL",)}
VIEWS = ("observations", *_KINDS)


def _or_none(name: str) -> Column:
    return lambda row: row[name] or None


def _tokens(part: str) -> Column:
    return lambda row: sum(count for key, count in row["usage_details"].items() if part in key)


def _costs(part: str) -> Column:
    return lambda row: sum(cost for key, cost in row["cost_details"].items() if part in key)


def _latency(row: Row) -> float:
    return float((row["end_time"] - row["start_time"]) // 1_000_000)


def _month(row: Row) -> str:
    return datetime.datetime.fromtimestamp(row["start_time"] / 1e9, datetime.timezone.utc).strftime("%Y-%m")


def _to_first_token(row: Row) -> float | None:
    first = row["completion_start_time"]
    return None if first is None else float((first - row["start_time"]) // 1_000_000)


def _streaming(row: Row) -> float | None:
    first = row["completion_start_time"]
    return None if first is None else float((row["end_time"] - first) // 1_000_000)


_OBSERVATION_DIMENSIONS: dict[str, Column] = {
    "id": _or_none("id"),
    "traceId": _or_none("trace_id"),
    "parentObservationId": _or_none("parent_observation_id"),
    "environment": _or_none("environment"),
    "isRootObservation": lambda row: bool(row["is_root"]),
    "type": _or_none("type"),
    "name": lambda row: row["name"],
    "level": _or_none("level"),
    "version": _or_none("version"),
    "tags": lambda row: list(row["tags"]),
    "release": _or_none("release"),
    "traceName": lambda row: row["trace_name"] or (row["name"] if not row["parent_observation_id"] else None),
    "traceRelease": _or_none("release"),
    "traceVersion": _or_none("version"),
    "providedModelName": _or_none("model"),
    "promptName": lambda row: None,
    "promptVersion": lambda row: None,
    "userId": _or_none("user_id"),
    "sessionId": _or_none("session_id"),
    "startTimeMonth": _month,
    "toolNames": lambda row: [],
    "calledToolNames": lambda row: [],
}
_OBSERVATION_MEASURES: dict[str, Column] = {
    "count": lambda row: 1,
    "latency": _latency,
    "streamingLatency": _streaming,
    "timeToFirstToken": _to_first_token,
    "inputTokens": _tokens("input"),
    "outputTokens": _tokens("output"),
    "totalTokens": lambda row: row["usage_details"].get("total", 0),
    "inputCost": _costs("input"),
    "outputCost": _costs("output"),
    "totalCost": lambda row: row["cost_details"].get("total"),
    "countScores": lambda row: row["scores"],
    "toolCalls": lambda row: None,
    "uniqueUserIds": _or_none("user_id"),
    "uniqueSessionIds": _or_none("session_id"),
}
_TEXT_MEASURES = frozenset({"uniqueUserIds", "uniqueSessionIds"})


def _of_observation(name: str) -> Column:
    return lambda row: _OBSERVATION_DIMENSIONS[name](row["observation"]) if row["observation"] else None


_SCORE_DIMENSIONS: dict[str, Column] = {
    "id": lambda row: row["id"],
    "traceId": _or_none("traceId"),
    "observationId": _or_none("observationId"),
    "sessionId": _or_none("sessionId"),
    "environment": _or_none("environment"),
    "name": lambda row: row["name"],
    "source": lambda row: row["source"],
    "dataType": lambda row: row["dataType"],
    "configId": _or_none("configId"),
    "traceName": _of_observation("traceName"),
    "tags": _of_observation("tags"),
    "userId": _of_observation("userId"),
    "traceRelease": _of_observation("release"),
    "traceVersion": _of_observation("version"),
    "observationName": _of_observation("name"),
    "observationModelName": _of_observation("providedModelName"),
    "observationPromptName": lambda row: None,
    "observationPromptVersion": lambda row: None,
}
_OF_VIEW: dict[str, dict[str, Column]] = {
    "scores-numeric": {"value": lambda row: row["value"]},
    "scores-boolean": {"value": lambda row: row["value"], "booleanValue": lambda row: row["value"] == 1},
    "scores-categorical": {"stringValue": lambda row: row["value"]},
}


def dimensions_of(view: str) -> dict[str, Column]:
    """Return the dimensions of a view, by name."""
    return _OBSERVATION_DIMENSIONS if view == "observations" else {**_SCORE_DIMENSIONS, **_OF_VIEW[view]}


def measures_of(view: str) -> dict[str, Column]:
    """Return the measures of a view, by name."""
    if view == "observations":
        return _OBSERVATION_MEASURES
    count: dict[str, Column] = {"count": lambda row: 1}
    return count if view == "scores-categorical" else {**count, "value": lambda row: row["value"]}


def aggregations_of(measure: str) -> tuple[str, ...]:
    """Return how a measure can be aggregated."""
    every = tuple("sum avg count max min p50 p75 p90 p95 p99 histogram uniq".split())
    return ("count", "uniq") if measure in _TEXT_MEASURES else every


def rows_of(state: State, view: str) -> list[tuple[int, Row]]:
    """Return the rows of a view, each with its time in nanoseconds."""
    with state.lock:
        observations, scores = list(state.rows.values()), list(state.scores.values())
    if view == "observations":
        scored: dict[Any, int] = {}
        for score in scores:
            key = score["traceId"], score["observationId"]
            scored[key] = scored.get(key, 0) + 1
        return [
            (row["start_time"], {**row, "scores": scored.get((row["trace_id"], row["id"]), 0)}) for row in observations
        ]
    by_id = {(row["trace_id"], row["id"]): row for row in observations}
    roots = {row["trace_id"]: row for row in observations if row["is_root"]}
    found = []
    for score in scores:
        if score["dataType"] in _KINDS[view]:
            own = by_id.get((score["traceId"], score["observationId"]))
            observation = own if score["observationId"] else roots.get(score["traceId"])
            found.append((nanoseconds(score["timestamp"]), {**score, "observation": observation}))
    return found
