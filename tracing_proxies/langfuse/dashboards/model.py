"""Dashboards and widgets as they are declared: in the server's own terms, with a key each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from tracing_proxies.errors import TracingProxiesError

COLUMNS: Final = 12
"""How wide the server's grid is."""


class DashboardError(TracingProxiesError, ValueError):
    """Says what is wrong with a declaration."""


@attrs.frozen
class Place:
    """Where a widget stands on the grid, in cells from the left and from the top."""

    x: int
    y: int
    width: int
    height: int


@attrs.frozen
class Widget:
    """One chart.

    Args:
        key: its name within its dashboard; it stays the same when the title changes.
        body: name, description, view, dimensions, metrics, filters, chartType, chartConfig, as the server takes them.
    """

    key: str
    place: Place
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its title."""
        return str(self.body["name"])


@attrs.frozen
class Dashboard:
    """Widgets on a grid.

    Args:
        key: the name of its file.
    """

    key: str
    name: str
    description: str
    widgets: tuple[Widget, ...]


@attrs.frozen
class Collection:
    """The dashboards of one folder; what is pruned is compared with this, and no other's dashboards are touched.

    Args:
        key: tells collections on one server apart.
    """

    key: str
    dashboards: tuple[Dashboard, ...]
