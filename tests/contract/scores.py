"""Takes scores one by one, as server 4.16 does, and gives them back.

``POST /api/public/scores`` takes one object; an array, which SDK 5 sends, is refused with 400, so that all of its
scores are lost. A score with the id of another one replaces it. ``GET /api/public/v2/scores`` gives pages,
``v3/scores`` goes on from a cursor.
"""

from __future__ import annotations

import base64
import time
import uuid
from datetime import datetime, timezone
from typing import Any

from tests.contract.requests import Answer, Refused, Request, page_of, whole_number
from tests.contract.score_configs import check_against_config
from tests.contract.state import State
from tests.contract.times import nanoseconds

PATH = "/api/public/scores"
_TYPES = ("NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT")
_TEXTS = (
    "id",
    "traceId",
    "observationId",
    "sessionId",
    "datasetRunId",
    "comment",
    "environment",
    "configId",
    "queueId",
)
_LONGEST_TEXT = 500
_FILTERS = ("id", "name", "traceId", "observationId", "sessionId", "environment", "dataType", "source")


def take_score(state: State, body: Any) -> Answer:
    """Keep a score; answers its id."""
    score = read_score(body)
    with state.lock:
        check_against_config(state, score)
        known = state.scores.get(score["id"])
        if known is not None:
            score["createdAt"] = known["createdAt"]
        state.scores[score["id"]] = score
        state.last = time.time()
    return 200, {"id": score["id"]}


def read_score(body: Any) -> dict[str, Any]:
    """Check a score and fill in what the server adds."""
    if not isinstance(body, dict):
        raise _wrong("", "Expected object, received " + ("array" if isinstance(body, list) else type(body).__name__))
    for name in _TEXTS:
        if body.get(name) is not None and not isinstance(body[name], str):
            raise _wrong(name, "Expected string")
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise _wrong("name", "Required")
    if not any(body.get(name) for name in ("traceId", "sessionId", "datasetRunId")):
        raise _wrong("traceId", "Provide exactly one of: traceId, sessionId, datasetRunId")
    if body.get("observationId") and not body.get("traceId"):
        raise _wrong("observationId", "needs a traceId")
    kind = _kind_of(body)
    now = _now()
    return {
        **{name: body.get(name) for name in _TEXTS},
        "id": body.get("id") or str(uuid.uuid4()),
        "projectId": "project",
        "name": body["name"],
        "value": body["value"],
        "dataType": kind,
        "source": "API",
        "environment": body.get("environment") or "default",
        "metadata": body.get("metadata"),
        "timestamp": _time(body, now),
        "createdAt": now,
        "updatedAt": now,
    }


def list_scores(state: State, request: Request) -> Answer:
    """Answer the scores that a query asks for, the newest first."""
    with state.lock:
        rows = [row for row in reversed(list(state.scores.values())) if _is_asked_for(row, request.query)]
    if request.path.endswith("/v2/scores"):
        return 200, page_of(request, [_second(row) for row in rows])
    limit = whole_number(request, "limit", 50, 100)
    begin = int(base64.urlsafe_b64decode(request.query["cursor"])) if request.query.get("cursor") else 0
    groups = set(filter(None, request.query.get("fields", "").split(",")))
    if groups - {"details", "subject", "annotation"}:
        raise _wrong("fields", "unknown group")
    meta: dict[str, Any] = {"limit": limit}
    if begin + limit < len(rows):
        meta["cursor"] = base64.urlsafe_b64encode(str(begin + limit).encode()).decode()
    return 200, {"data": [_third(row, groups) for row in rows[begin : begin + limit]], "meta": meta}


def delete_score(state: State, score_id: str) -> Answer:
    """Forget a score."""
    with state.lock:
        if state.scores.pop(score_id, None) is None:
            raise Refused(404, "Score not found")
    return 202, {"message": "Score deletion queued"}


def _kind_of(body: dict[str, Any]) -> str:
    value, kind = body.get("value"), body.get("dataType")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number and not isinstance(value, str):
        raise _wrong("value", "Expected number or string")
    if kind is None:
        return "NUMERIC" if number else "CATEGORICAL"
    if kind not in _TYPES:
        raise _wrong("dataType", "Expected " + " | ".join(_TYPES))
    if number != (kind in ("NUMERIC", "BOOLEAN")):
        raise _wrong("value", f"does not fit {kind}")
    if kind == "BOOLEAN" and value not in (0, 1):
        raise _wrong("value", "must be 0 or 1")
    if kind == "TEXT" and not 1 <= len(str(value)) <= _LONGEST_TEXT:
        raise _wrong("value", f"1 to {_LONGEST_TEXT} characters")
    return str(kind)


def _time(body: dict[str, Any], now: str) -> str:
    if body.get("timestamp") is None:
        return now
    try:
        nanoseconds(body["timestamp"])
    except (ValueError, AttributeError):
        raise _wrong("timestamp", "Invalid datetime") from None
    return str(body["timestamp"])


def _is_asked_for(row: dict[str, Any], query: dict[str, str]) -> bool:
    return all(name not in query or str(row[name]) in query[name].split(",") for name in _FILTERS)


def _second(row: dict[str, Any]) -> dict[str, Any]:
    texts = {"CATEGORICAL": row["value"], "TEXT": row["value"], "BOOLEAN": "True" if row["value"] == 1 else "False"}
    return {**row, "stringValue": texts.get(row["dataType"])}


def _third(row: dict[str, Any], groups: set[str]) -> dict[str, Any]:
    names = "id projectId name value dataType source timestamp environment createdAt updatedAt".split()
    shown = {name: row[name] for name in names}
    if row["dataType"] == "BOOLEAN":
        shown["value"] = row["value"] == 1
    if "details" in groups:
        shown |= {name: row[name] for name in ("comment", "configId", "metadata")}
    if "subject" in groups:
        subject = {"kind": "observation", "id": row["observationId"], "traceId": row["traceId"]}
        shown["subject"] = subject if row["observationId"] else {"kind": "trace", "id": row["traceId"]}
    return shown


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _wrong(name: str, message: str) -> Refused:
    return Refused(400, "Invalid request data", details=[{"path": [name] if name else [], "message": message}])
