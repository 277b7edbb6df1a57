"""Compares what is declared with what a server has: what is to be created, updated, left alone or deleted, and why."""

from __future__ import annotations

from collections.abc import Sequence, Set

from tracing_proxies.langfuse.dashboards.boards import EDITED, board_step
from tracing_proxies.langfuse.dashboards.marks import content_of, digest_of, signed
from tracing_proxies.langfuse.dashboards.model import Collection, Dashboard, Widget
from tracing_proxies.langfuse.dashboards.pruning import prune
from tracing_proxies.langfuse.dashboards.steps import Action, Found, Step, Thing, keys_on, mark_of, name_of, places_of


def plan(collection: Collection, found: Found, *, pruning: bool, force: bool) -> list[Step]:
    """Plan a sync, in the order in which its steps can be taken.

    Args:
        pruning: whether what was made from this collection and is no longer declared is deleted.
        force: whether what was edited by hand is overwritten, or deleted, all the same.
    """
    boards = _by_key(collection.key, found.dashboards)
    placed = {str(place.get("widgetId")) for board in boards.values() for place in places_of(board)}
    widgets = _by_key(collection.key, found.widgets, placed)
    for dashboard in collection.dashboards:
        _adopt(dashboard, boards.get(dashboard.key), widgets, found.widgets)
    declared = {dashboard.key for dashboard in collection.dashboards}
    declared |= {f"{board.key}/{widget.key}" for board in collection.dashboards for widget in board.widgets}
    doomed = prune(found, boards, widgets, declared, force) if pruning else []
    gone = {str(step.thing_id) for step in doomed if step.action is Action.DELETE}
    steps = [
        _widget_step(collection.key, dashboard, widget, widgets.get(f"{dashboard.key}/{widget.key}"), force)
        for dashboard in collection.dashboards
        for widget in dashboard.widgets
    ]
    for dashboard in collection.dashboards:
        keys = keys_on(dashboard.key, widgets)
        steps.append(board_step(collection.key, dashboard, boards.get(dashboard.key), keys, gone, force))
    return steps + doomed


def copies(found: Found, steps: Sequence[Step]) -> list[str]:
    """Return the names of widgets that carry the mark of another one: somebody has copied ours."""
    known = {step.thing_id: step.key for step in steps if step.kind == "widget"}
    marked = [(thing, mark_of(thing)) for thing in found.widgets if thing["id"] not in known]
    return [name_of(thing) for thing, mark in marked if mark is not None and mark.key in known.values()]


def _by_key(collection: str, things: Sequence[Thing], placed: Set[str] = frozenset()) -> dict[str, Thing]:
    """Return the things of a collection; of several with one mark, which are copies, the placed or else the oldest."""
    found: dict[str, Thing] = {}
    for thing in sorted(things, key=lambda thing: thing["id"] not in placed):
        mark = mark_of(thing)
        if mark is not None and mark.collection == collection:
            found.setdefault(mark.key, thing)
    return found


def _adopt(dashboard: Dashboard, board: Thing | None, widgets: dict[str, Thing], things: Sequence[Thing]) -> None:
    """Find the widgets again whose description, and the mark with it, was rewritten by hand: by their placements.

    They come before any copy that still carries the mark.
    """
    by_id = {thing["id"]: thing for thing in things}
    known = {widget.key for widget in dashboard.widgets}
    for place in places_of(board) if board is not None else ():
        thing = by_id.get(place.get("widgetId"))
        if thing is not None and mark_of(thing) is None and place.get("id") in known:
            widgets[f"{dashboard.key}/{place['id']}"] = thing


def _widget_step(collection: str, dashboard: Dashboard, widget: Widget, thing: Thing | None, force: bool) -> Step:
    key, content = f"{dashboard.key}/{widget.key}", content_of(widget.body)
    # A configuration is sent in any case: the one of before would stay otherwise.
    body = {"chartConfig": {}, **widget.body}
    body["description"] = signed(str(widget.body["description"]), collection, key, content)
    if thing is None:
        return Step(Action.CREATE, "widget", key, widget.name, body=body)
    there, mark = content_of(thing), mark_of(thing)
    if there == content and mark is not None and mark.digest == digest_of(content):
        return Step(Action.KEEP, "widget", key, widget.name, thing["id"])
    edited = there != content and (mark is None or mark.digest != digest_of(there))
    if edited and not force:
        return Step(Action.LEAVE, "widget", key, name_of(thing), thing["id"], reason=EDITED)
    return Step(Action.UPDATE, "widget", key, widget.name, thing["id"], body)
