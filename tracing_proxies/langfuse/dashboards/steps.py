"""The steps of a sync, and what a server has that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import attrs

from tracing_proxies.langfuse.dashboards.layout import Layout
from tracing_proxies.langfuse.dashboards.marks import Mark, split

Thing = Mapping[str, Any]


class Action(Enum):
    """What is done with one widget or dashboard."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "unchanged"
    LEAVE = "left alone"
    DELETE = "delete"


@attrs.frozen
class Step:
    """One widget or dashboard, and what is done with it.

    Args:
        key: of its declaration: ``agents`` or ``agents/latency``.
        thing_id: the server's, None for what is not there yet.
        body: what is sent, as the server takes it, but for the places of a dashboard.
        layout: the places of a dashboard, None for a widget.
        reason: why it is left alone.
    """

    action: Action
    kind: str
    key: str
    name: str
    thing_id: str | None = None
    body: Mapping[str, Any] | None = None
    layout: Layout | None = None
    reason: str = ""


@attrs.frozen
class Found:
    """What a server has, in the order of its creation."""

    widgets: Sequence[Thing]
    dashboards: Sequence[Thing]


def mark_of(thing: Thing) -> Mark | None:
    """Return the mark of a widget or a dashboard."""
    return split(str(thing.get("description") or ""))[1]


def name_of(thing: Thing) -> str:
    """Return the title of a widget or a dashboard."""
    return str(thing.get("name"))


def places_of(board: Thing) -> list[Mapping[str, Any]]:
    """Return the placements of a dashboard."""
    places = (board.get("definition") or {}).get("widgets") or []
    return [place for place in places if isinstance(place, Mapping)]


def keys_on(dashboard: str, widgets: Mapping[str, Thing]) -> dict[str, str]:
    """Return the keys of a dashboard's widgets, by the server's ids.

    Args:
        widgets: those of a collection, by the keys of their declarations.
    """
    prefix = f"{dashboard}/"
    return {str(thing["id"]): key[len(prefix) :] for key, thing in widgets.items() if key.startswith(prefix)}
