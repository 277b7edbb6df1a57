"""Lays widgets out on a dashboard's grid: ours where they are declared, other tiles kept beside or below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from tracing_proxies.langfuse.dashboards.model import Place
from tracing_proxies.langfuse.dashboards.reading import overlap


@attrs.frozen
class Layout:
    """All placements of a dashboard.

    Args:
        ours: by the key of the widget, which is the placement's id as well.
        others: as the server has them, perhaps moved down.
    """

    ours: Mapping[str, Place]
    others: Sequence[Mapping[str, Any]]

    def definition(self, dashboard: str, ids: Mapping[str, str]) -> dict[str, Any]:
        """Return it as the server takes it.

        Args:
            ids: the server's, by the keys of the widgets' declarations.
        """
        places = [
            {"type": "widget", "id": key, "widgetId": ids[f"{dashboard}/{key}"], **attrs.asdict(place)}
            for key, place in self.ours.items()
        ]
        return {"widgets": [*places, *map(dict, self.others)]}


def lay_out(
    wanted: Mapping[str, Place], others: Sequence[Mapping[str, Any]], there: Mapping[str, Mapping[str, Any]]
) -> Layout:
    """Lay out the widgets that are declared.

    Args:
        wanted: where each is declared to stand.
        others: placements that are not ours.
        there: our placements that keep where they are; what is missing among them is put below everything.
    """
    if not there:
        bottom = max((place.y + place.height for place in wanted.values()), default=0)
        hidden = any(overlap(_place(other), ours) for other in others for ours in wanted.values())
        top = min((_place(other).y for other in others), default=0)
        moved = [{**other, "y": other["y"] - top + bottom} for other in others] if hidden else list(others)
        return Layout(dict(wanted), moved)
    kept = {key: _place(place) for key, place in there.items()}
    every = [*kept.values(), *map(_place, others)]
    bottom = max((place.y + place.height for place in every), default=0)
    added = {key: place for key, place in wanted.items() if key not in kept}
    top = min((place.y for place in added.values()), default=0)
    return Layout(
        {**kept, **{key: attrs.evolve(place, y=place.y - top + bottom) for key, place in added.items()}}, others
    )


def _place(placement: Mapping[str, Any]) -> Place:
    return Place(placement["x"], placement["y"], placement["width"], placement["height"])
