"""Dashboards are made as they are declared, once, and what people did to them by hand is seen."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import ContractServer
from tests.langfuse.commands import run
from tracing_proxies.langfuse.client import LangfuseClient
from tracing_proxies.langfuse.dashboards.plan import plan
from tracing_proxies.langfuse.dashboards.reading import read_shipped
from tracing_proxies.langfuse.dashboards.sync import DASHBOARDS, WIDGETS, carry_out, look

CALLS = """
  - key: calls
    place: [0, 0, 6, 4]
    name: Calls
    description: How often.
    view: observations
    metrics: [{ measure: count, agg: count }]
    chartType: NUMBER
"""
ERRORS = """
  - key: errors
    place: [6, 0, 6, 4]
    name: Errors
    description: How often it failed.
    view: observations
    dimensions: [{ field: name }]
    metrics: [{ measure: count, agg: count }]
    filters: [{ column: level, operator: any of, value: [ERROR], type: stringOptions }]
    chartType: HORIZONTAL_BAR
    chartConfig: { row_limit: 5 }
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with one dashboard of two widgets."""
    folder = tmp_path / "shop"
    folder.mkdir()
    declare(folder, CALLS + ERRORS)
    return folder


def declare(folder: Path, widgets: str, name: str = "sales") -> None:
    (folder / f"{name}.yaml").write_text(f"name: {name.title()}\ndescription: All of it.\nwidgets:{widgets}")


def sync(server: ContractServer, folder: Path, *options: str) -> tuple[int, Counter[str], list[dict[str, Any]]]:
    """Sync a folder; returns the exit status, the number of each action, and the steps."""
    done = run(server, "dashboards", "sync", "--from", folder, "--json", *options)
    steps = json.loads(done.stdout)["steps"]
    return done.exit_code, Counter(step["action"] for step in steps), steps


def widgets(server: ContractServer) -> dict[str, Any]:
    return {item["name"]: item for item in call(server, "GET", f"{WIDGETS}?limit=100")[1]["data"]}


def boards(server: ContractServer) -> dict[str, Any]:
    return {item["name"]: item for item in call(server, "GET", f"{DASHBOARDS}?limit=100")[1]["data"]}


def places(server: ContractServer, board: str = "Sales") -> dict[str, tuple[int, int, int, int]]:
    found = boards(server)[board]["definition"]["widgets"]
    return {place["id"]: (place["x"], place["y"], place["width"], place["height"]) for place in found}


def edit(server: ContractServer, thing: dict[str, Any], **fields: Any) -> None:
    path = WIDGETS if "chartType" in thing else DASHBOARDS
    status, answer = call(server, "PATCH", f"{path}/{thing['id']}", fields)
    assert status == 200, answer


def test_the_shipped_dashboards_are_made_and_a_second_sync_changes_nothing(server: ContractServer) -> None:
    first = run(server, "dashboards", "sync")
    assert first.exit_code == 0, first.output
    made = widgets(server), boards(server)
    assert set(made[1]) == {
        "System overview",
        "Agent performance",
        "Tools",
        "From simulation to decision",
        "Cost and tokens",
        "Tracing health",
    }
    placed = [place["widgetId"] for board in made[1].values() for place in board["definition"]["widgets"]]
    every = call(server, "GET", f"{WIDGETS}?limit=100")[1]["data"]
    assert sorted(placed) == sorted(widget["id"] for widget in every)
    again = run(server, "dashboards", "sync")
    assert again.exit_code == 0
    assert "58 unchanged" in again.output
    assert (widgets(server), boards(server)) == made


def test_a_dry_run_says_what_would_be_done_and_does_nothing(server: ContractServer, shop: Path) -> None:
    status, actions, _ = sync(server, shop, "--dry-run")
    assert (status, actions) == (0, Counter(create=3))
    assert (widgets(server), boards(server)) == ({}, {})


def test_widgets_stand_where_they_are_declared_to(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    assert places(server) == {"calls": (0, 0, 6, 4), "errors": (6, 0, 6, 4)}
    assert widgets(server)["Errors"]["chartConfig"] == {"type": "HORIZONTAL_BAR", "row_limit": 5}


def test_a_changed_declaration_changes_the_server(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    known = widgets(server)["Calls"]["id"]
    declare(shop, CALLS.replace("name: Calls", "name: All calls").replace("[0, 0, 6, 4]", "[0, 4, 3, 4]") + ERRORS)
    status, actions, _ = sync(server, shop)
    assert (status, actions) == (0, Counter(update=2, unchanged=1))
    assert widgets(server)["All calls"]["id"] == known
    assert places(server)["calls"] == (0, 4, 3, 4)


def test_a_configuration_that_is_declared_no_longer_is_taken_away(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    declare(shop, CALLS + ERRORS.replace("    chartConfig: { row_limit: 5 }\n", ""))
    sync(server, shop)
    assert widgets(server)["Errors"]["chartConfig"] == {"type": "HORIZONTAL_BAR"}
    assert sync(server, shop)[1] == Counter(unchanged=3)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "My calls"},
        {"description": "Rewritten from the ground up."},
        {"chartType": "PIE", "dimensions": [{"field": "name"}]},
        {"metrics": [{"measure": "latency", "agg": "p95"}]},
        {"filters": [{"column": "environment", "operator": "any of", "value": ["prod"], "type": "stringOptions"}]},
    ],
    ids=lambda change: "+".join(change),
)
def test_a_widget_edited_by_hand_is_reported_and_left_alone_without_force(
    server: ContractServer, shop: Path, change: dict[str, Any]
) -> None:
    sync(server, shop)
    edit(server, widgets(server)["Calls"], **change)
    edited = widgets(server)
    done = run(server, "dashboards", "sync", "--from", shop)
    assert done.exit_code == 1
    assert "sales/calls" in done.output
    assert "edited by hand" in done.output
    assert widgets(server) == edited
    assert sync(server, shop, "--force")[:2] == (0, Counter(update=1, unchanged=2))
    assert widgets(server)["Calls"]["chartType"] == "NUMBER"
    assert sync(server, shop)[:2] == (0, Counter(unchanged=3))
    assert len(widgets(server)) == 2


def test_an_edit_that_was_taken_back_or_is_declared_by_now_is_no_edit(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    edit(server, widgets(server)["Calls"], name="All calls")
    declare(shop, CALLS.replace("name: Calls", "name: All calls") + ERRORS)
    assert sync(server, shop)[0] == 0
    assert sync(server, shop)[1] == Counter(unchanged=3)


def test_tiles_that_others_have_put_on_a_dashboard_stay_there(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    own = {**{name: widgets(server)["Calls"][name] for name in ("view", "metrics", "chartType")}, "name": "Mine"}
    mine = call(server, "POST", WIDGETS, {**own, "dimensions": [], "filters": []})[1]
    board = boards(server)["Sales"]
    call(
        server,
        "POST",
        f"{DASHBOARDS}/{board['id']}/placements",
        {"type": "widget", "id": "mine", "widgetId": mine["id"]},
    )
    assert sync(server, shop)[:2] == (0, Counter(unchanged=3))
    declare(shop, CALLS + ERRORS.replace("[6, 0, 6, 4]", "[0, 4, 6, 4]"))  # where that tile stands
    assert sync(server, shop)[0] == 0
    assert places(server) == {"calls": (0, 0, 6, 4), "errors": (0, 4, 6, 4), "mine": (0, 8, 6, 6)}


def test_a_layout_arranged_by_hand_is_kept_and_new_widgets_are_added_below(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    board = boards(server)["Sales"]
    call(server, "PATCH", f"{DASHBOARDS}/{board['id']}/placements/calls", {"x": 0, "y": 4, "width": 12})
    assert sync(server, shop)[:2] == (1, Counter({"unchanged": 2, "left alone": 1}))
    late = CALLS.replace("key: calls", "key: late").replace("name: Calls", "name: Late").replace("[0, 0,", "[0, 4,")
    declare(shop, CALLS + ERRORS + late)
    assert sync(server, shop)[1] == Counter(create=1, unchanged=2, update=1)
    assert places(server) == {"calls": (0, 4, 12, 4), "errors": (6, 0, 6, 4), "late": (0, 8, 6, 4)}
    assert sync(server, shop)[1] == Counter({"unchanged": 3, "left alone": 1})
    assert sync(server, shop, "--force")[0] == 0
    assert places(server)["calls"] == (0, 0, 6, 4)


def test_declaring_one_widget_no_longer_and_moving_another_is_no_edit_by_hand(
    server: ContractServer, shop: Path
) -> None:
    sync(server, shop)
    declare(shop, CALLS.replace("[0, 0, 6, 4]", "[0, 0, 12, 2]"))
    assert sync(server, shop)[:2] == (0, Counter(unchanged=1, update=1))
    assert places(server) == {"calls": (0, 0, 12, 2), "errors": (6, 2, 6, 4)}
    assert sync(server, shop)[:2] == (0, Counter(unchanged=2))


def test_what_was_deleted_by_hand_is_made_again(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    board, widget = boards(server)["Sales"], widgets(server)["Calls"]
    call(server, "DELETE", f"{DASHBOARDS}/{board['id']}")
    call(server, "DELETE", f"{WIDGETS}/{widget['id']}")
    assert sync(server, shop)[:2] == (0, Counter(create=2, unchanged=1))
    assert places(server) == {"calls": (0, 0, 6, 4), "errors": (6, 0, 6, 4)}


def test_things_of_the_same_name_that_others_made_are_not_touched(server: ContractServer, shop: Path) -> None:
    own = {"view": "observations", "dimensions": [], "filters": [], "metrics": [{"measure": "latency", "agg": "max"}]}
    mine = call(server, "POST", WIDGETS, {**own, "name": "Calls", "chartType": "NUMBER"})[1]
    other = call(server, "POST", DASHBOARDS, {"name": "Sales"})[1]
    assert sync(server, shop)[1] == Counter(create=3)
    assert call(server, "GET", f"{WIDGETS}/{mine['id']}")[1] == mine
    assert call(server, "GET", f"{DASHBOARDS}/{other['id']}")[1] == other


def test_a_copy_of_a_widget_is_told_of_and_not_looked_after(server: ContractServer, shop: Path) -> None:
    sync(server, shop)
    original = widgets(server)["Calls"]
    copy = {name: value for name, value in original.items() if name not in ("id", "createdAt", "updatedAt")}
    copied = call(server, "POST", WIDGETS, {**copy, "name": "Calls (copy)"})[1]
    done = run(server, "dashboards", "sync", "--prune", "--from", shop)
    assert done.exit_code == 0
    assert "Calls (copy)" in done.output
    assert call(server, "GET", f"{WIDGETS}/{copied['id']}")[1] == copied


def test_pruning_deletes_what_is_declared_no_longer_and_nothing_else(server: ContractServer, shop: Path) -> None:
    declare(shop, CALLS, name="old")
    sync(server, shop)
    run(server, "dashboards", "sync")
    shipped = {widget["id"] for widget in call(server, "GET", f"{WIDGETS}?limit=100")[1]["data"]}
    (shop / "old.yaml").unlink()
    declare(shop, CALLS)
    assert sync(server, shop)[1] == Counter(unchanged=1, update=1)  # without --prune both widgets stay where they are
    assert set(places(server)) == {"calls", "errors"}
    told = run(server, "dashboards", "sync", "--from", shop).output
    assert "3 made before and declared no longer: --prune deletes what is left of them." in told
    _, actions, steps = sync(server, shop, "--prune")
    assert actions == Counter(unchanged=1, update=1, delete=3)
    assert {step["key"] for step in steps if step["action"] == "delete"} == {"old", "old/calls", "sales/errors"}
    left = {widget["id"] for widget in call(server, "GET", f"{WIDGETS}?limit=100")[1]["data"]}
    assert len(shipped - left) == 2
    assert "Old" not in boards(server)
    assert set(places(server)) == {"calls"}
    assert sync(server, shop, "--prune")[1] == Counter(unchanged=2)
    assert "--prune" not in run(server, "dashboards", "sync", "--from", shop).output


def test_pruning_leaves_what_was_edited_by_hand_or_stands_on_somebody_elses_dashboard(
    server: ContractServer, shop: Path
) -> None:
    sync(server, shop)
    errors, calls = widgets(server)["Errors"], widgets(server)["Calls"]
    other = call(server, "POST", DASHBOARDS, {"name": "Mine"})[1]
    call(server, "POST", f"{DASHBOARDS}/{other['id']}/placements", {"type": "widget", "widgetId": errors["id"]})
    edit(server, calls, name="My calls")
    declare(shop, CALLS.replace("key: calls", "key: other").replace("[0, 0,", "[0, 8,"))
    status, actions, steps = sync(server, shop, "--prune")
    assert (status, actions) == (1, Counter({"create": 1, "update": 1, "left alone": 2}))
    assert {step["reason"] for step in steps} >= {"stands on the dashboard 'Mine'", "edited by hand"}
    assert {"My calls", "Errors", "Calls"} == set(widgets(server))
    call(server, "DELETE", f"{DASHBOARDS}/{other['id']}")
    assert sync(server, shop, "--prune", "--force")[0] == 0
    assert set(widgets(server)) == {"Calls"}


def test_a_sync_that_was_broken_off_is_continued_by_the_next(server: ContractServer) -> None:
    client = LangfuseClient(server.url, server.public_key, server.secret_key)
    steps = plan(read_shipped(), look(client), pruning=False, force=False)
    carry_out(client, steps[:20], lambda step: None)
    assert run(server, "dashboards", "sync").exit_code == 0
    assert "58 unchanged" in run(server, "dashboards", "sync").output
    assert call(server, "GET", f"{WIDGETS}?limit=1")[1]["meta"]["totalItems"] == 52


def test_a_server_without_the_api_is_told_of_in_plain_words(server: ContractServer) -> None:
    server.rules(lacks=["unstable"])
    done = run(server, "dashboards", "sync")
    assert "of version 4.16.0, which has no API for dashboards" in str(done.exception)
    assert done.exit_code == 1


def test_wrong_keys_are_told_of_and_not_shown(server: ContractServer) -> None:
    done = run(server, "dashboards", "sync", LANGFUSE_SECRET_KEY="sk-lf-wrong-1234567")
    assert "the keys are not accepted" in str(done.exception)
    assert "sk-lf-wrong" not in str(done.exception) + done.output
