"""Configurations of scores, and whether a score that names one complies with it."""

from __future__ import annotations

import uuid
from typing import Any

from tests.contract.requests import Answer, Refused, Request, page_of
from tests.contract.state import State

PATH = "/api/public/score-configs"
_TYPES = ("NUMERIC", "BOOLEAN", "CATEGORICAL")


def answer_score_configs(state: State, request: Request) -> Answer:
    """List the configurations, or take one more."""
    with state.lock:
        if request.method == "GET":
            return 200, page_of(request, list(state.score_configs.values()))
        if request.method != "POST":
            return 405, {"message": "Method not allowed"}
        body = request.body if isinstance(request.body, dict) else {}
        if not isinstance(body.get("name"), str) or body.get("dataType") not in _TYPES:
            raise Refused(400, "Invalid request data", details=[{"path": ["name"], "message": "Required"}])
        if body["dataType"] == "CATEGORICAL" and not body.get("categories"):
            raise Refused(400, "Invalid request data", details=[{"path": ["categories"], "message": "Required"}])
        config = {"id": str(uuid.uuid4()), "projectId": "project", "isArchived": False, **body}
        state.score_configs[config["id"]] = config
        return 200, config


def check_against_config(state: State, score: dict[str, Any]) -> None:
    """Refuse a score that does not comply with the configuration that it names."""
    if score.get("configId") is None:
        return
    config = state.score_configs.get(score["configId"])
    if config is None:
        raise Refused(404, "Score config not found")
    if (score["name"], score["dataType"]) != (config["name"], config["dataType"]):
        raise Refused(400, "name and type of the score are not those of its config")
    low, high = config.get("minValue"), config.get("maxValue")
    value = score["value"]
    if (low is not None and value < low) or (high is not None and value > high):
        raise Refused(400, "the value is out of the config's bounds")
    categories = {category["label"] for category in config.get("categories") or []}
    if config["dataType"] == "CATEGORICAL" and value not in categories:
        raise Refused(400, "the value is none of the config's categories")
