"""Prices of models, and what observations cost by them: worked out as they arrive."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.contract.requests import Answer, Refused, Request, page_of
from tests.contract.state import State

PATH = "/api/public/models"


def answer_models(state: State, request: Request) -> Answer:
    """List the models that have prices, or take one more."""
    if request.method == "GET":
        with state.lock:
            return 200, page_of(request, list(state.models))
    if request.method != "POST":
        return 405, {"message": "Method not allowed"}
    body = request.body if isinstance(request.body, dict) else {}
    if not isinstance(body.get("modelName"), str) or not isinstance(body.get("matchPattern"), str):
        raise Refused(400, "Invalid request data", details=[{"path": ["modelName"], "message": "Required"}])
    try:
        re.compile(body["matchPattern"])
    except re.error:
        raise Refused(
            400, "Invalid request data", details=[{"path": ["matchPattern"], "message": "no pattern"}]
        ) from None
    model = {"id": str(uuid.uuid4()), "unit": "TOKENS", "isLangfuseManaged": False, **body}
    with state.lock:
        state.models.append(model)
    return 200, model


def price(row: dict[str, Any], models: list[dict[str, Any]]) -> None:
    """Fill in the total of an observation's tokens and what they cost, where that was not sent."""
    usage = row["usage_details"]
    if usage and "total" not in usage:
        usage["total"] = sum(usage.values())
    if row["cost_details"]:
        row["cost_details"].setdefault("total", sum(row["cost_details"].values()))
        return
    model = next((item for item in reversed(models) if row["model"] and _matches(item, row["model"])), None)
    if model is None or not usage:
        return
    costs = {
        part: usage.get(part, 0) * model[f"{part}Price"] for part in ("input", "output") if model.get(f"{part}Price")
    }
    row["cost_details"] = {**costs, "total": sum(costs.values())}


def _matches(model: dict[str, Any], name: str) -> bool:
    return re.search(model["matchPattern"], name) is not None
