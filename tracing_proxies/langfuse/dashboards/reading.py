"""Reads the declarations of dashboards: one YAML file each, from the folder that is shipped or another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tracing_proxies.langfuse.dashboards.model import COLUMNS, Collection, Dashboard, DashboardError, Place, Widget
from tracing_proxies.registry.suggest import nearest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SHIPPED: Final = "shipped"
_PACKAGE: Final = "tracing_proxies.dashboards"
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_VIEWS: Final = ("observations", "scores-numeric", "scores-boolean", "scores-categorical")
_AGGREGATIONS: Final = ("sum", "avg", "count", "max", "min", "p50", "p75", "p90", "p95", "p99", "histogram", "uniq")
_CHARTS: Final = (
    "LINE_TIME_SERIES",
    "AREA_TIME_SERIES",
    "BAR_TIME_SERIES",
    "HORIZONTAL_BAR",
    "VERTICAL_BAR",
    "PIE",
    "NUMBER",
    "HISTOGRAM",
    "PIVOT_TABLE",
)
_OF_DASHBOARD: Final = ("name", "description", "widgets")
_OF_WIDGET: Final = (
    "key",
    "place",
    "name",
    "description",
    "view",
    "dimensions",
    "metrics",
    "filters",
    "chartType",
    "chartConfig",
)
_OF_FILTER: Final = ("column", "operator", "value", "type", "key")
_OF_CONFIG: Final = ("row_limit", "bins", "show_value_labels", "defaultSort")


def read_shipped() -> Collection:
    """Read the dashboards that come with the package."""
    return read_files(SHIPPED, _yaml_files(resources.files(_PACKAGE)))


def read_folder(folder: Path) -> Collection:
    """Read the dashboards of a folder; the folder's name tells them from other collections on the same server.

    Raises:
        DashboardError: there are none, or one of them is not right.
    """
    if not folder.is_dir():
        raise DashboardError(f"there is no folder {folder}")
    key = re.sub(r"[^a-z0-9]+", "-", folder.absolute().name.lower()).strip("-")[:40]
    if not key or key == SHIPPED:
        raise DashboardError(f"the folder's name {folder.absolute().name!r} does not tell its dashboards from others")
    return read_files(key, _yaml_files(folder))


def read_files(key: str, files: Iterable[tuple[str, str]]) -> Collection:
    """Read dashboards from the names and texts of files.

    Raises:
        DashboardError: there are none, or one of them is not right; it names the first mistake of each file.
    """
    dashboards, mistakes = [], []
    for name, text in sorted(files):
        try:
            dashboards.append(_read(name, text))
        except DashboardError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise DashboardError("\n".join(mistakes))
    if not dashboards:
        raise DashboardError("there is no dashboard (*.yaml) in the folder")
    return Collection(key, tuple(dashboards))


def _yaml_files(folder: Path | Traversable) -> Iterator[tuple[str, str]]:
    for file in folder.iterdir():
        if file.name.endswith(".yaml"):
            yield file.name, file.read_text(encoding="utf-8")


def _read(file: str, text: str) -> Dashboard:
    key = file.removesuffix(".yaml")
    if not _KEY.fullmatch(key):
        raise DashboardError("a file is named with small letters, digits and `-`")
    try:
        tree = yaml.load(text, Loader=yaml.SafeLoader)  # it is the safe one, written in Python
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DashboardError(f"no YAML ({' '.join(str(error).split())[:200]})") from None
    found = _mapping(tree, "the file", _OF_DASHBOARD)
    widgets = [_widget(item, f"widgets[{number}]") for number, item in enumerate(_list(found, "widgets", "the file"))]
    keys = [widget.key for widget in widgets]
    for widget in widgets:
        if keys.count(widget.key) > 1:
            raise DashboardError(f"two widgets have the key {widget.key!r}")
    for place, one in enumerate(widgets):
        for other in widgets[:place]:
            if overlap(one.place, other.place):
                raise DashboardError(f"{one.key} and {other.key} overlap on the grid")
    return Dashboard(key, _text(found, "name", "the file"), _text(found, "description", "the file"), tuple(widgets))


def overlap(one: Place, other: Place) -> bool:
    """Tell whether two places share a cell."""
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return not (beside or one.y + one.height <= other.y or other.y + other.height <= one.y)


def _widget(tree: Any, where: str) -> Widget:
    found = _mapping(tree, where, _OF_WIDGET)
    key = _text(found, "key", where)
    if not _KEY.fullmatch(key):
        raise DashboardError(f"{where}: a key has small letters, digits and `-`, not {key!r}")
    where = key
    body: dict[str, Any] = {
        "name": _text(found, "name", where),
        "description": _text(found, "description", where),
        "view": _one_of(found, "view", _VIEWS, where),
        "dimensions": [_dimension(item, where) for item in _list(found, "dimensions", where, least=0)],
        "metrics": [_metric(item, where) for item in _list(found, "metrics", where)],
        "filters": [_filter(item, where) for item in _list(found, "filters", where, least=0)],
        "chartType": _one_of(found, "chartType", _CHARTS, where),
    }
    if "chartConfig" in found:
        body["chartConfig"] = dict(_mapping(found["chartConfig"], f"{where}.chartConfig", _OF_CONFIG))
    if body["chartType"] != "PIVOT_TABLE" and (len(body["metrics"]) > 1 or len(body["dimensions"]) > 1):
        raise DashboardError(f"{where}: only a PIVOT_TABLE shows more than one metric or dimension")
    return Widget(key, _place(found.get("place"), where), body)


def _place(tree: Any, where: str) -> Place:
    sides = tree if isinstance(tree, list) else []
    if len(sides) != 4 or not all(type(side) is int and side >= 0 for side in sides):
        raise DashboardError(f"{where}: place must be [x, y, width, height], in cells")
    place = Place(*sides)
    if not place.width or not place.height or place.x + place.width > COLUMNS:
        raise DashboardError(f"{where}: place {sides} does not lie on a grid of {COLUMNS} columns")
    return place


def _dimension(tree: Any, where: str) -> dict[str, str]:
    return {"field": _text(_mapping(tree, f"{where}.dimensions", ("field",)), "field", where)}


def _metric(tree: Any, where: str) -> dict[str, str]:
    found = _mapping(tree, f"{where}.metrics", ("measure", "agg"))
    return {"measure": _text(found, "measure", where), "agg": _one_of(found, "agg", _AGGREGATIONS, where)}


def _filter(tree: Any, where: str) -> dict[str, Any]:
    found = _mapping(tree, f"{where}.filters", _OF_FILTER)
    for name in ("column", "operator", "type"):
        _text(found, name, f"{where}.filters")
    if "value" not in found:
        raise DashboardError(f"{where}.filters: value is missing")
    return dict(found)


def _mapping(tree: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise DashboardError(f"{where} must be a mapping")
    for name in tree:
        if name not in known:
            meant = nearest(str(name), known)
            hint = f" Did you mean {meant!r}?" if meant else f" It takes {', '.join(known)}."
            raise DashboardError(f"{where}: there is no field {name!r}.{hint}")
    return tree


def _required(tree: dict[str, Any], name: str, where: str, fits: Callable[[Any], bool], what: str) -> Any:
    if name not in tree:
        raise DashboardError(f"{where}: {name} is missing")
    if not fits(tree[name]):
        raise DashboardError(f"{where}: {name} must be {what}")
    return tree[name]


def _text(tree: dict[str, Any], name: str, where: str) -> str:
    text = _required(tree, name, where, lambda value: isinstance(value, str) and bool(value.strip()), "a text")
    return " ".join(str(text).split())


def _list(tree: dict[str, Any], name: str, where: str, least: int = 1) -> list[Any]:
    if not least and name not in tree:
        return []
    what = "a list that is not empty" if least else "a list"
    found = _required(tree, name, where, lambda value: isinstance(value, list) and len(value) >= least, what)
    return list(found)


def _one_of(tree: dict[str, Any], name: str, known: tuple[str, ...], where: str) -> str:
    text = _text(tree, name, where)
    if text not in known:
        meant = nearest(text, known)
        hint = f"Did you mean {meant!r}?" if meant else f"It takes {', '.join(known)}."
        raise DashboardError(f"{where}: {name} cannot be {text!r}. {hint}")
    return text
