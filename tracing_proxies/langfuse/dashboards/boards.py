"""Compares a declared dashboard with the server's: its name, its description, and where our widgets stand on it.

Tiles that are not ours are nobody's business here: they are kept, and moved down where ours are to stand.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Set
from typing import Any

import attrs

from tracing_proxies.langfuse.dashboards.layout import lay_out
from tracing_proxies.langfuse.dashboards.marks import digest_of, signed, split
from tracing_proxies.langfuse.dashboards.model import Dashboard, Place
from tracing_proxies.langfuse.dashboards.steps import Action, Step, Thing, mark_of, name_of, places_of

EDITED = "edited by hand"


def board_step(
    collection: str, dashboard: Dashboard, board: Thing | None, keys: Mapping[str, str], gone: Set[str], force: bool
) -> Step:
    """Return what is done with a dashboard.

    Args:
        board: the server's, None where there is none yet.
        keys: of our widgets on it, also of those that are declared no longer, by the server's ids.
        gone: the ids of widgets that are about to be deleted.
        force: whether what was edited by hand is overwritten.
    """
    wanted = {widget.key: widget.place for widget in dashboard.widgets}
    content = _content(dashboard.name, dashboard.description, wanted)
    head = {"name": dashboard.name, "description": signed(dashboard.description, collection, dashboard.key, content)}
    step = Step(Action.KEEP, "dashboard", dashboard.key, dashboard.name)
    if board is None:
        return attrs.evolve(step, action=Action.CREATE, body=head, layout=lay_out(wanted, [], {}))
    step = attrs.evolve(step, thing_id=str(board["id"]))
    places = [place for place in places_of(board) if place.get("widgetId") not in gone]
    declared = {thing_id: key for thing_id, key in keys.items() if key in wanted}
    ours = {declared[place["widgetId"]]: place for place in places if place.get("widgetId") in declared}
    others = [_renamed(place, wanted) for place in places if place.get("widgetId") not in declared]
    there = content_of_board(board, declared)
    mark = mark_of(board)
    complete = set(ours) == set(wanted) and len(places) == len(places_of(board))
    if there == content and complete and mark is not None and mark.digest == digest_of(content):
        return step
    written = (digest_of(there), digest_of(content_of_board(board, keys)))
    edited = there != content and (mark is None or mark.digest not in written)
    if not edited or force:
        return attrs.evolve(step, action=Action.UPDATE, body=head, layout=lay_out(wanted, others, {}))
    step = attrs.evolve(step, name=name_of(board), reason=EDITED)
    if complete:
        return attrs.evolve(step, action=Action.LEAVE)
    # What is new or gone among the widgets is put right; name, description and places stay as somebody wants them.
    layout = lay_out(wanted, others, ours)
    as_declared = _content(there["name"], there["description"], layout.ours) == content
    return attrs.evolve(step, action=Action.UPDATE, body=head if as_declared else {}, layout=layout)


def content_of_board(board: Thing, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return what matters of a dashboard of the server, comparable.

    Args:
        keys: of our widgets on it, by the server's ids.
    """
    places = {keys[place["widgetId"]]: place for place in places_of(board) if place.get("widgetId") in keys}
    found = {key: Place(place["x"], place["y"], place["width"], place["height"]) for key, place in places.items()}
    return _content(name_of(board), split(str(board.get("description") or ""))[0], found)


def _renamed(place: Mapping[str, Any], taken: Container[str]) -> Mapping[str, Any]:
    """Return a placement under an id that none of ours has."""
    return {**place, "id": f"other-{place.get('widgetId')}"} if place.get("id") in taken else place


def _content(name: str, description: str, places: Mapping[str, Place]) -> dict[str, Any]:
    cells = {key: list(attrs.astuple(place)) for key, place in sorted(places.items())}
    return {"name": name, "description": description, "places": cells}
