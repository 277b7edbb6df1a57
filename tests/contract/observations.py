"""Gives observations back by ``GET /api/public/v2/observations``: groups of fields, filters, a cursor."""

from __future__ import annotations

import base64
from typing import Any

from tests.contract.columns import dimensions_of
from tests.contract.requests import Answer, Refused, Request, whole_number
from tests.contract.state import State
from tests.contract.times import iso_time, nanoseconds

_MOST = 1000
_SHORT = 200
_GROUPS: dict[str, dict[str, str]] = {
    "core": {"id": "id", "traceId": "trace_id", "parentObservationId": "parent_observation_id", "type": "type"},
    "basic": {
        "name": "name",
        "level": "level",
        "statusMessage": "status_message",
        "version": "version",
        "environment": "environment",
        "userId": "user_id",
        "sessionId": "session_id",
        "isRootObservation": "is_root",
    },
    "time": {},
    "io": {"input": "input", "output": "output"},
    "metadata": {},
    "model": {"model": "model"},
    "usage": {"usageDetails": "usage_details", "costDetails": "cost_details"},
    "prompt": {},
    "metrics": {},
    "trace_context": {"tags": "tags", "release": "release"},
}
_FILTERS = "name type level environment traceId userId sessionId version parentObservationId".split()


def list_observations(state: State, request: Request) -> Answer:
    """Answer the observations that a query asks for, the newest first."""
    query = request.query
    limit = whole_number(request, "limit", 50, _MOST)
    groups = ["core", *filter(None, query.get("fields", "core,basic").split(","))]
    unknown = sorted(set(groups) - set(_GROUPS))
    if unknown:
        raise Refused(400, f"Invalid fields: {', '.join(unknown)}")
    if query.get("parseIoAsJson") == "true":
        raise Refused(400, "parseIoAsJson is deprecated")
    try:
        begin = nanoseconds(query["fromStartTime"]) if "fromStartTime" in query else 0
        end = nanoseconds(query["toStartTime"]) if "toStartTime" in query else 2**63
        skip = int(base64.b64decode(query["cursor"])) if query.get("cursor") else 0
    except ValueError:
        raise Refused(400, "Invalid request data") from None
    columns = dimensions_of("observations")
    wanted = {name: query[name] for name in _FILTERS if name in query}
    with state.lock:
        rows = list(state.rows.values())
    rows = [
        row
        for row in sorted(rows, key=lambda row: (-row["start_time"], row["id"]))
        if begin <= row["start_time"] < end
        and all((columns[name](row) or "") in value.split(",") for name, value in wanted.items())
        and query.get("isRootObservation", str(row["is_root"]).lower()) == str(row["is_root"]).lower()
    ]
    meta = {} if skip + limit >= len(rows) else {"cursor": base64.b64encode(str(skip + limit).encode()).decode()}
    expanded = set(query.get("expandMetadata", "").split(","))
    return 200, {"data": [_show(row, groups, expanded) for row in rows[skip : skip + limit]], "meta": meta}


def _show(row: dict[str, Any], groups: list[str], expanded: set[str]) -> dict[str, Any]:
    shown = {"projectId": "project", "startTime": iso_time(row["start_time"]), "endTime": iso_time(row["end_time"])}
    for group in groups:
        shown |= {name: row[key] for name, key in _GROUPS[group].items()}
    if "io" in groups:
        shown |= {name: _shorten(shown[name], False) for name in ("input", "output")}
    if "usage" in groups:
        shown["totalCost"] = row["cost_details"].get("total")
    if "metrics" in groups:
        shown["latency"] = (row["end_time"] - row["start_time"]) / 1e9
    if "trace_context" in groups:
        shown["traceName"] = dimensions_of("observations")["traceName"](row)
    if "metadata" in groups:
        shown["metadata"] = {key: _shorten(value, key in expanded) for key, value in row["metadata"].items()}
    return shown


def _shorten(value: Any, whole: bool) -> Any:
    return value[:_SHORT] if isinstance(value, str) and not whole else value
