"""Whatever people do to dashboards by hand, in whatever order: a sync converges, and touches only what is its own."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.routes import answer
from tests.contract.state import State
from tracing_proxies.langfuse.client import ApiError
from tracing_proxies.langfuse.dashboards.marks import content_of
from tracing_proxies.langfuse.dashboards.model import Collection, Dashboard, Place, Widget
from tracing_proxies.langfuse.dashboards.plan import plan
from tracing_proxies.langfuse.dashboards.steps import Action, mark_of
from tracing_proxies.langfuse.dashboards.sync import DASHBOARDS, WIDGETS, carry_out, look

EXAMPLES = int(os.environ.get("DASHBOARD_HISTORIES", "60"))
NAMES = ("calls", "errors", "latency")


class Direct:
    """The contract server's own answers, without the network between."""

    origin = "http://direct"

    def __init__(self) -> None:
        self.state = State()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        status, told = answer(self.state, method, path, b"" if body is None else json.dumps(body).encode(), "")
        if status != 200:
            raise ApiError(f"{method} {path}: {told}", status)
        return copy.deepcopy(told)

    def get(self, path: str, **query: object) -> Any:
        return self.send("GET", path)

    def pages(self, path: str) -> list[Any]:
        return list(self.send("GET", f"{path}?limit=100")["data"])


class History:
    """A server, a declaration, and what happens to both."""

    def __init__(self) -> None:
        self.client: Any = Direct()
        self.declared: dict[str, dict[str, tuple[Place, str]]] = {}
        self.strangers: list[tuple[str, Any]] = []

    def collection(self) -> Collection:
        return Collection("shop", tuple(self._board(key, widgets) for key, widgets in sorted(self.declared.items())))

    def _board(self, key: str, widgets: dict[str, tuple[Place, str]]) -> Dashboard:
        made = tuple(Widget(name, place, body_of(name, agg)) for name, (place, agg) in sorted(widgets.items()))
        return Dashboard(key, key.title(), "All of it.", made)

    def sync(self, *, pruning: bool, force: bool) -> list[Action]:
        steps = plan(self.collection(), look(self.client), pruning=pruning, force=force)
        carry_out(self.client, steps, lambda step: None)
        return [step.action for step in steps]

    def widgets(self) -> list[Any]:
        return sorted(self.client.pages(WIDGETS), key=lambda thing: str(thing["createdAt"]))

    def boards(self) -> list[Any]:
        return sorted(self.client.pages(DASHBOARDS), key=lambda thing: str(thing["createdAt"]))

    def do(self, what: str, which: int) -> None:
        """Do something by hand; where there is nothing to do it to, nothing is done."""
        widgets, boards = self.widgets(), self.boards()
        widget = widgets[which % len(widgets)] if widgets else None
        board = boards[which % len(boards)] if boards else None
        name, strange = NAMES[which % 3], [thing["id"] for _, thing in self.strangers]
        if what == "declare":
            cell = Place(4 * (which % 3), 4 * (which // 3 % 3), 4, 4)
            self.declared.setdefault("ab"[which % 2], {})[name] = (cell, ("p50", "p95")[which % 2])
        elif what == "undeclare":
            self.declared.get("ab"[which % 2], {}).pop(name, None)
            self.declared = {key: found for key, found in self.declared.items() if found}
        elif what == "strange":
            made = self.client.send("POST", WIDGETS, {**body_of(name, "max"), "description": "mine"})
            self.strangers.append((WIDGETS, made))
        elif what == "edit" and widget is not None and widget["id"] not in strange:
            self.client.send("PATCH", f"{WIDGETS}/{widget['id']}", {"metrics": [{"measure": "latency", "agg": "min"}]})
        elif what == "rewrite" and widget is not None and widget["id"] not in strange:
            self.client.send("PATCH", f"{WIDGETS}/{widget['id']}", {"description": "what I think of it"})
        elif what == "copy" and widget is not None:
            copied = {key: value for key, value in widget.items() if key not in ("id", "createdAt", "updatedAt")}
            self.client.send("POST", WIDGETS, copied)
        elif what == "delete board" and board is not None:
            self.client.send("DELETE", f"{DASHBOARDS}/{board['id']}")
        elif board is not None and (places := board["definition"]["widgets"]):
            path = f"{DASHBOARDS}/{board['id']}/placements"
            place = places[which % len(places)]
            if what == "move":
                self.client.send("PATCH", f"{path}/{place['id']}", {"y": place["y"] + 3})
            elif what == "take off":
                self.client.send("DELETE", f"{path}/{place['id']}")
            elif what == "put on" and self.strangers:
                made = self.strangers[which % len(self.strangers)][1]
                self.client.send("POST", path, {"type": "widget", "widgetId": made["id"]})

    def check_strangers(self) -> None:
        for path, thing in self.strangers:
            assert self.client.get(f"{path}/{thing['id']}") == thing


def body_of(name: str, agg: str) -> dict[str, Any]:
    filters = [{"column": "name", "operator": "=", "value": name, "type": "string"}]
    shown: dict[str, Any] = {"name": name, "description": f"{name} told.", "view": "observations", "dimensions": []}
    return {**shown, "metrics": [{"measure": "latency", "agg": agg}], "filters": filters, "chartType": "NUMBER"}


DEEDS = ("declare", "undeclare", "strange", "edit", "rewrite", "copy", "delete board", "move", "take off", "put on")
SYNCS = ("sync", "sync --prune", "sync --force", "sync --prune --force")


@settings(max_examples=EXAMPLES)
@given(st.lists(st.tuples(st.sampled_from(("declare", *DEEDS, *SYNCS)), st.integers(0, 8)), max_size=25))
def test_a_sync_converges_and_touches_nothing_that_is_not_its_own(deeds: list[tuple[str, int]]) -> None:
    history = History()
    for what, which in deeds:
        if not what.startswith("sync"):
            history.do(what, which)
            continue
        options = {"pruning": "--prune" in what, "force": "--force" in what}
        # Mostly the first sync does it. Where a tile that was taken off lands where it was declared to be before, or an
        # exact copy takes the place of what was pruned, there is one more step to be taken.
        for _ in range(2 + len(history.widgets())):
            again = history.sync(**options)
            if not {Action.CREATE, Action.UPDATE, Action.DELETE} & set(again):
                break
        else:
            raise AssertionError(f"it does not come to an end: {again}")
        if options["force"]:
            assert Action.LEAVE not in again or options["pruning"]
        history.check_strangers()
    history.sync(pruning=True, force=True)
    history.check_strangers()
    boards = {mark.key: board for board in history.boards() if (mark := mark_of(board)) is not None}
    by_id = {widget["id"]: widget for widget in history.widgets()}
    for key, declared in history.declared.items():
        ours = {place["id"]: place for place in boards[key]["definition"]["widgets"] if place["id"] in declared}
        for name, (cell, agg) in declared.items():
            place = ours[name]
            assert Place(place["x"], place["y"], place["width"], place["height"]) == cell
            assert content_of(by_id[place["widgetId"]]) == content_of(body_of(name, agg))
    assert set(boards) == set(history.declared)
