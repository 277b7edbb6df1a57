"""Widgets and dashboards are kept by the unstable API's rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import ContractServer

WIDGETS = "/api/public/unstable/dashboard-widgets"
BOARDS = "/api/public/unstable/dashboards"
WIDGET = {
    "name": "calls",
    "view": "observations",
    "dimensions": [{"field": "name"}],
    "metrics": [{"measure": "count", "agg": "count"}],
    "filters": [{"column": "type", "operator": "any of", "value": ["TOOL"], "type": "stringOptions"}],
    "chartType": "HORIZONTAL_BAR",
}


def create(server: ContractServer, path: str, body: dict[str, Any]) -> Any:
    status, answer = call(server, "POST", path, body)
    assert status == 200, answer
    return answer


def test_a_widget_is_created_read_changed_and_deleted(server: ContractServer) -> None:
    widget = create(server, WIDGETS, WIDGET)
    assert (widget["description"], widget["chartConfig"]) == ("", {"type": "HORIZONTAL_BAR"})
    path = f"{WIDGETS}/{widget['id']}"
    assert call(server, "GET", path) == (200, widget)
    changed = call(server, "PATCH", path, {"chartConfig": {"row_limit": 5}})[1]
    assert changed["chartConfig"] == {"type": "HORIZONTAL_BAR", "row_limit": 5}
    reset = call(server, "PATCH", path, {"chartType": "PIE"})[1]
    assert reset["chartConfig"] == {"type": "PIE"}
    assert call(server, "DELETE", path)[0] == 200
    assert call(server, "GET", path)[0] == 404
    assert call(server, "DELETE", path)[1]["code"] == "resource_not_found"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"view": "traces"},
        {"dimensions": [{"field": "metadata"}]},
        {"metrics": []},
        {"metrics": [{"measure": "ratio", "agg": "avg"}]},
        {"metrics": [{"measure": "latency", "agg": "p42"}]},
        {"metrics": [{"measure": "uniqueUserIds", "agg": "sum"}]},
        {"filters": [{"column": "type", "operator": "=", "value": ["TOOL"], "type": "stringOptions"}]},
        {"filters": [{"column": "mood", "operator": "=", "value": "good", "type": "string"}]},
        {"filters": [{"column": "metadata", "operator": "=", "value": "x", "type": "stringObject"}]},
        {"filters": [{"column": "isRootObservation", "operator": "=", "value": 1, "type": "boolean"}]},
        {"chartType": "GAUGE"},
        {"chartConfig": {"type": "PIE"}},
        {"chartConfig": {"row_limit": 0}},
        {"description": None},
    ],
)
def test_what_is_no_widget_is_refused_by_both_creation_and_change(
    server: ContractServer, wrong: dict[str, Any]
) -> None:
    status, answer = call(server, "POST", WIDGETS, {**WIDGET, **wrong})
    assert (status, answer["code"]) == (400, "invalid_body")
    widget = create(server, WIDGETS, WIDGET)
    assert call(server, "PATCH", f"{WIDGETS}/{widget['id']}", wrong)[0] == 400
    assert call(server, "GET", f"{WIDGETS}/{widget['id']}") == (200, widget)


def test_lists_have_pages_and_those_first_that_were_updated_last(server: ContractServer) -> None:
    ids = [create(server, WIDGETS, {**WIDGET, "name": str(n)})["id"] for n in range(3)]
    call(server, "PATCH", f"{WIDGETS}/{ids[0]}", {"name": "first again"})
    page = call(server, "GET", f"{WIDGETS}?page=1&limit=2")[1]
    assert [widget["id"] for widget in page["data"]] == [ids[0], ids[2]]
    assert page["meta"] == {"page": 1, "limit": 2, "totalItems": 3, "totalPages": 2}
    assert call(server, "GET", f"{WIDGETS}?limit=101")[0] == 400


def test_a_placed_widget_cannot_be_deleted(server: ContractServer) -> None:
    widget = create(server, WIDGETS, WIDGET)
    place = {"type": "widget", "id": "p", "widgetId": widget["id"], "x": 0, "y": 0, "width": 4, "height": 3}
    board = create(server, BOARDS, {"name": "b", "definition": {"widgets": [place]}})
    status, answer = call(server, "DELETE", f"{WIDGETS}/{widget['id']}")
    assert (status, answer["code"]) == (409, "conflict")
    call(server, "PATCH", f"{BOARDS}/{board['id']}", {"definition": {"widgets": []}})
    assert call(server, "DELETE", f"{WIDGETS}/{widget['id']}")[0] == 200


def test_definitions_refer_to_widgets_that_are_there_with_ids_of_their_own(server: ContractServer) -> None:
    widget = create(server, WIDGETS, WIDGET)
    place = {"type": "widget", "id": "p", "widgetId": widget["id"], "x": 0, "y": 0, "width": 4, "height": 3}
    missing = {"name": "b", "definition": {"widgets": [{**place, "widgetId": "none"}]}}
    assert call(server, "POST", BOARDS, missing)[0] == 404
    twice = {"name": "b", "definition": {"widgets": [place, place]}}
    assert call(server, "POST", BOARDS, twice)[0] == 400
    assert call(server, "POST", BOARDS, {"name": "b", "definition": {"widgets": [{**place, "width": 0}]}})[0] == 400
    assert call(server, "POST", BOARDS, {"description": "nameless"})[0] == 400


def test_placements_come_below_the_others_move_and_go(server: ContractServer) -> None:
    widget = create(server, WIDGETS, WIDGET)
    board = create(server, BOARDS, {"name": "b"})
    path = f"{BOARDS}/{board['id']}/placements"
    call(server, "POST", path, {"type": "widget", "id": "p", "widgetId": widget["id"], "y": 0, "height": 3})
    below = call(server, "POST", path, {"type": "widget", "widgetId": widget["id"]})[1]
    assert (below["x"], below["y"], below["width"], below["height"]) == (0, 3, 6, 6)
    assert call(server, "POST", path, {"type": "widget", "id": "p", "widgetId": widget["id"]})[0] == 409
    assert call(server, "PATCH", f"{path}/p", {"x": 4})[1]["x"] == 4
    assert call(server, "DELETE", f"{path}/p")[0] == 200
    assert call(server, "DELETE", f"{path}/p")[0] == 404
    assert len(call(server, "GET", f"{BOARDS}/{board['id']}")[1]["definition"]["widgets"]) == 1


def test_a_server_that_lacks_the_api_answers_404(server: ContractServer) -> None:
    server.rules(lacks=["unstable"])
    assert call(server, "GET", WIDGETS)[0] == 404
    assert call(server, "POST", BOARDS, {"name": "b"})[0] == 404
    assert call(server, "GET", "/api/public/v2/metrics?query={}")[0] == 400


def test_a_server_in_legacy_mode_has_no_second_version_of_reads(server: ContractServer) -> None:
    server.rules(lacks=["v2"])
    assert call(server, "GET", "/api/public/v2/metrics?query={}")[0] == 404
    assert call(server, "GET", "/api/public/v2/observations")[0] == 404
    assert call(server, "GET", "/api/public/v2/scores")[0] == 200
