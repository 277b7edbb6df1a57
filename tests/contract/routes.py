"""Leads a request of Langfuse's public API to the part of the contract server that answers it.

A rule ``lacks`` names what the server does not have: ``unstable``, the dashboards of newer servers, or ``v2``, what a
server in legacy mode leaves out. A rule ``version`` is what the health check says. ``forbidden`` has every
request answered with 403, as one with an organisation's key, or to a project that is suspended.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from tests.contract import boards, models, score_configs, scores, widgets
from tests.contract.metrics import answer_metrics
from tests.contract.observations import list_observations
from tests.contract.requests import Answer, Refused, Request, parse_json
from tests.contract.state import State

VERSION = "4.16.0"
_TRACES = "/api/public/otel/v1/traces"
_METRICS = "/api/public/v2/metrics"
_OBSERVATIONS = "/api/public/v2/observations"
_UNSTABLE = "/api/public/unstable/"


def answer(state: State, method: str, target: str, raw: bytes, problem: str) -> Answer:
    """Answer a request.

    Args:
        target: path and query.
        raw: the body.
        problem: what is wrong with the keys, "" for nothing.
    """
    parts = urllib.parse.urlsplit(target)
    if parts.path in ("/api/public/health", "/api/public/ready"):
        version = state.rules.get("version", VERSION)
        return (200, {"status": "OK", "version": version}) if method == "GET" else _not_allowed()
    if parts.path == _TRACES:
        return _not_allowed()
    if not parts.path.startswith("/api/public/"):
        return 404, {"message": "Not found"}
    if problem:
        return 401, {"message": problem}
    if state.rules.get("forbidden"):
        return 403, {"message": state.rules["forbidden"]}
    try:
        query = dict(urllib.parse.parse_qsl(parts.query))
        return _lead(state, Request(method, parts.path, query, parse_json(raw)))
    except Refused as refused:
        told: dict[str, Any] = {"message": refused.message}
        if refused.code:
            told["code"] = refused.code
        if refused.details is not None:
            told["details" if refused.code else "error"] = refused.details
        return refused.status, told


def _lead(state: State, request: Request) -> Answer:
    method, path = request.method, request.path
    if path == "/api/public/projects":
        project = {"id": "project", "name": "test", "metadata": {}, "organization": {"id": "org", "name": "Test"}}
        return (200, {"data": [project]}) if method == "GET" else _not_allowed()
    if path == scores.PATH:
        return scores.take_score(state, request.body) if method == "POST" else _not_allowed()
    if path in ("/api/public/v2/scores", "/api/public/v3/scores"):
        return scores.list_scores(state, request) if method == "GET" else _not_allowed()
    if path.startswith(scores.PATH + "/") and method == "DELETE":
        return scores.delete_score(state, path.rpartition("/")[2])
    if path == score_configs.PATH:
        return score_configs.answer_score_configs(state, request)
    if path == models.PATH:
        return models.answer_models(state, request)
    with state.lock:
        lacks = state.rules.get("lacks", [])
    if path in (_METRICS, _OBSERVATIONS) and "v2" not in lacks:
        if method != "GET":
            return _not_allowed()
        if path == _METRICS:
            return answer_metrics(state, request.query.get("query"))
        return list_observations(state, request)
    if path.startswith(_UNSTABLE) and "unstable" not in lacks:
        for part, lead in ((widgets.PATH, widgets.answer_widgets), (boards.PATH, boards.answer_boards)):
            if path == part or path.startswith(part + "/"):
                return lead(state, request)
    return 404, {"message": "Not found"}


def _not_allowed() -> Answer:
    return 405, {"message": "Method not allowed"}
