"""The unstable API for dashboards: a name, a description, and a grid of placements that refer to widgets."""

from __future__ import annotations

import uuid
from typing import Any

from tests.contract.filters import check_shape
from tests.contract.requests import Answer, Refused, Request, page_of
from tests.contract.state import State
from tests.contract.widgets import body_of, find, newest, now, wrong

PATH = "/api/public/unstable/dashboards"
_FIELDS = ("name", "description", "definition", "filters")
_SIDES = ("x", "y", "width", "height")
_PRESETS = ("home-score-analytics",)
_DEFAULT_SIZE = 6


def answer_boards(state: State, request: Request) -> Answer:
    """Answer a request below ``dashboards``."""
    parts = request.path[len(PATH) + 1 :].split("/")
    with state.lock:
        if parts == [""]:
            if request.method == "GET":
                return 200, page_of(request, newest(state.dashboards))
            if request.method == "POST":
                return 200, _create(state, request.body)
        else:
            board = find(state.dashboards, parts[0], "Dashboard")
            if len(parts) == 1:
                return 200, _one(state, board, request)
            if parts[1:] == ["placements"] and request.method == "POST":
                return 200, _place(state, board, request.body)
            if len(parts) == 3 and parts[1] == "placements":
                return 200, _placement(board, parts[2], request)
    raise Refused(405, "Method not allowed", "method_not_allowed")


def _create(state: State, body: Any) -> dict[str, Any]:
    given = body_of(body, _FIELDS)
    if "name" not in given:
        raise wrong("name is required", "name")
    time = now()
    board = {"id": str(uuid.uuid4()), "createdAt": time, "updatedAt": time, "description": "", "filters": []}
    board |= {"definition": {"widgets": []}, **_checked(state, given)}
    state.dashboards[str(board["id"])] = board
    return board


def _one(state: State, board: dict[str, Any], request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return board
    if request.method == "PATCH":
        given = body_of(request.body, _FIELDS)
        if not given:
            raise wrong("At least one field is required")
        board.update(_checked(state, given), updatedAt=now())
        return board
    if request.method == "DELETE":
        del state.dashboards[board["id"]]
        return {"message": "Dashboard successfully deleted"}
    raise Refused(405, "Method not allowed", "method_not_allowed")


def _checked(state: State, given: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given.get("name", "-"), str) or not given.get("name", "-"):
        raise wrong("name must be a text", "name")
    if not isinstance(given.get("description", ""), str):
        raise wrong("description must be a text", "description")
    if "filters" in given:
        check_shape(given["filters"], "invalid_body")
    if "definition" in given:
        definition = given["definition"]
        places = definition.get("widgets") if isinstance(definition, dict) else None
        if not isinstance(places, list):
            raise wrong("definition needs widgets", "definition")
        checked = [_checked_place(state, place) for place in places]
        if len({place["id"] for place in checked}) < len(checked):
            raise wrong("placement ids must be unique", "definition")
        given = {**given, "definition": {"widgets": checked}}
    return given


def _checked_place(state: State, place: Any) -> dict[str, Any]:
    kind = place.get("type") if isinstance(place, dict) else None
    if kind not in ("widget", "preset"):
        raise wrong("a placement is of type widget or preset", "definition")
    if not isinstance(place.get("id"), str) or not place["id"]:
        raise wrong("a placement needs an id", "definition")
    for side in _SIDES:
        least = 1 if side in ("width", "height") else 0
        if not isinstance(place.get(side), int) or isinstance(place[side], bool) or place[side] < least:
            raise wrong(f"{side} must be a whole number from {least} on", "definition")
    if kind == "widget":
        find(state.widgets, str(place.get("widgetId")), "Dashboard widget")
        return {name: place[name] for name in ("type", "id", "widgetId", *_SIDES)}
    if place.get("presetId") not in _PRESETS:
        raise Refused(404, "Preset not found", "resource_not_found")
    return {name: place[name] for name in ("type", "id", "presetId", *_SIDES)}


def _place(state: State, board: dict[str, Any], body: Any) -> dict[str, Any]:
    places = board["definition"]["widgets"]
    below = max((place["y"] + place["height"] for place in places), default=0)
    default = {"id": str(uuid.uuid4()), "x": 0, "y": below, "width": _DEFAULT_SIZE, "height": _DEFAULT_SIZE}
    place = _checked_place(state, {**default, **(body if isinstance(body, dict) else {})})
    if any(other["id"] == place["id"] for other in places):
        raise Refused(409, "a placement of this id is there", "conflict")
    places.append(place)
    board["updatedAt"] = now()
    return place


def _placement(board: dict[str, Any], place_id: str, request: Request) -> dict[str, Any]:
    places = {place["id"]: place for place in board["definition"]["widgets"]}
    place = find(places, place_id, "Placement")
    if request.method == "PATCH":
        moved = {name: value for name, value in body_of(request.body, _SIDES).items() if isinstance(value, int)}
        if not moved:
            raise wrong("At least one field is required")
        place.update(moved)
    elif request.method == "DELETE":
        board["definition"]["widgets"].remove(place)
    else:
        raise Refused(405, "Method not allowed", "method_not_allowed")
    board["updatedAt"] = now()
    return place if request.method == "PATCH" else {"message": "Placement successfully deleted"}
