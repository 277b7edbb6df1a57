"""Finds what a collection has made on a server and declares no longer."""

from __future__ import annotations

from collections.abc import Mapping, Set

import attrs

from tracing_proxies.langfuse.dashboards.boards import EDITED, content_of_board
from tracing_proxies.langfuse.dashboards.marks import content_of, digest_of
from tracing_proxies.langfuse.dashboards.steps import Action, Found, Step, Thing, keys_on, mark_of, name_of, places_of


def prune(
    found: Found,
    boards: Mapping[str, Thing],
    widgets: Mapping[str, Thing],
    declared: Set[str],
    force: bool,
) -> list[Step]:
    """Return the steps for what is no longer declared, dashboards before the widgets that stand on them.

    Args:
        boards, widgets: what the collection has made, by the keys of the declarations.
        declared: the keys of what is declared.
        force: whether what was edited by hand is deleted all the same.
    """
    steps = [
        _deletion("dashboard", key, board, edited=_is_edited(key, board, widgets), force=force)
        for key, board in boards.items()
        if key not in declared
    ]
    deleted = {step.thing_id for step in steps if step.action is Action.DELETE}
    ours = deleted | {board["id"] for key, board in boards.items() if key in declared}
    elsewhere = {
        place.get("widgetId"): name_of(board)
        for board in found.dashboards
        if board["id"] not in ours
        for place in places_of(board)
    }
    for key, widget in widgets.items():
        if key in declared:
            continue
        mark = mark_of(widget)
        edited = mark is None or mark.digest != digest_of(content_of(widget))
        step = _deletion("widget", key, widget, edited=edited, force=force)
        if widget["id"] in elsewhere:
            reason = f"stands on the dashboard {elsewhere[widget['id']]!r}"
            step = attrs.evolve(step, action=Action.LEAVE, reason=reason)
        steps.append(step)
    return steps


def _is_edited(key: str, board: Thing, widgets: Mapping[str, Thing]) -> bool:
    mark = mark_of(board)
    keys = keys_on(key, widgets)
    strange = any(place.get("widgetId") not in keys for place in places_of(board))
    return strange or mark is None or mark.digest != digest_of(content_of_board(board, keys))


def _deletion(kind: str, key: str, thing: Thing, *, edited: bool, force: bool) -> Step:
    action, reason = (Action.LEAVE, EDITED) if edited and not force else (Action.DELETE, "")
    return Step(action, kind, key, name_of(thing), thing["id"], reason=reason)
