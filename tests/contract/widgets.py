"""The unstable API for widgets: what one must be, and how they are kept.

Names are not unique; a widget that stands on a dashboard cannot be deleted (409); a change of the chart's type without
a configuration resets the configuration. The list has those first that were updated last.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

from tests.contract.columns import VIEWS, aggregations_of, dimensions_of, measures_of
from tests.contract.filters import check_shape, compile_filters
from tests.contract.requests import Answer, Refused, Request, page_of
from tests.contract.state import State

PATH = "/api/public/unstable/dashboard-widgets"
CHARTS = (
    "LINE_TIME_SERIES AREA_TIME_SERIES BAR_TIME_SERIES HORIZONTAL_BAR VERTICAL_BAR PIE NUMBER HISTOGRAM PIVOT_TABLE"
).split()
_FIELDS = ("name", "description", "view", "dimensions", "metrics", "filters", "chartType", "chartConfig")
_AGGREGATIONS = "sum avg count max min p50 p75 p90 p95 p99 histogram uniq".split()
_TOTALS = ("HORIZONTAL_BAR", "VERTICAL_BAR", "PIE", "NUMBER", "HISTOGRAM", "PIVOT_TABLE")


def answer_widgets(state: State, request: Request) -> Answer:
    """Answer a request below ``dashboard-widgets``."""
    widget_id = request.path[len(PATH) + 1 :]
    with state.lock:
        if not widget_id:
            if request.method == "GET":
                return 200, page_of(request, newest(state.widgets))
            if request.method == "POST":
                return 200, _create(state, request.body)
        else:
            widget = find(state.widgets, widget_id, "Dashboard widget")
            if request.method == "GET":
                return 200, widget
            if request.method == "PATCH":
                return 200, _change(widget, request.body)
            if request.method == "DELETE":
                return 200, _delete(state, widget_id)
    raise Refused(405, "Method not allowed", "method_not_allowed")


def wrong(message: str, field: str = "", **details: Any) -> Refused:
    """Return the refusal of a body."""
    return Refused(400, message, "invalid_body", {"field": field, **details} if field else details)


def find(things: dict[str, dict[str, Any]], thing_id: str, kind: str) -> dict[str, Any]:
    """Return the thing of an id; 404 where there is none."""
    if thing_id not in things:
        raise Refused(404, f"{kind} not found", "resource_not_found")
    return things[thing_id]


def newest(things: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return things in the order of their updates, the last first."""
    return sorted(things.values(), key=lambda thing: str(thing["updatedAt"]), reverse=True)


def now() -> str:
    """Return the time as the API writes it; finer, so that no two updates are at once."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def body_of(body: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return the known fields of a body; others are not looked at."""
    if not isinstance(body, dict):
        raise wrong("Expected object")
    known = {name: body[name] for name in fields if name in body}
    for name, value in known.items():
        if value is None:
            raise wrong(f"{name} must not be null", name)
    return known


def _create(state: State, body: Any) -> dict[str, Any]:
    given = body_of(body, _FIELDS)
    for name in ("name", "view", "dimensions", "metrics", "filters", "chartType"):
        if name not in given:
            raise wrong(f"{name} is required", name)
    time = now()
    widget = {"id": str(uuid.uuid4()), "createdAt": time, "updatedAt": time, "description": "", **_checked(given)}
    state.widgets[widget["id"]] = widget
    return widget


def _change(widget: dict[str, Any], body: Any) -> dict[str, Any]:
    given = body_of(body, _FIELDS)
    if not given:
        raise wrong("At least one field is required")
    merged = {name: widget[name] for name in _FIELDS} | given
    if given.get("chartType", widget["chartType"]) != widget["chartType"] and "chartConfig" not in given:
        del merged["chartConfig"]
    widget.update(_checked(merged), updatedAt=now())
    return widget


def _delete(state: State, widget_id: str) -> dict[str, str]:
    for dashboard in state.dashboards.values():
        if any(place.get("widgetId") == widget_id for place in dashboard["definition"]["widgets"]):
            raise Refused(409, "Dashboard widget is still placed on a dashboard", "conflict")
    del state.widgets[widget_id]
    return {"message": "Dashboard widget successfully deleted"}


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(given["name"], str) or not given["name"]:
        raise wrong("Widget name is required", "name")
    if not isinstance(given.get("description", ""), str):
        raise wrong("Expected string", "description")
    view, chart = given["view"], given["chartType"]
    if view not in VIEWS:
        raise wrong(f"Invalid view {view!r}", "view", allowedValues=list(VIEWS))
    if chart not in CHARTS:
        raise wrong(f"Invalid chart type {chart!r}", "chartType", allowedValues=CHARTS)
    columns, measures = dimensions_of(view), measures_of(view)
    for dimension in _objects(given["dimensions"], "dimensions"):
        if dimension.get("field") not in columns:
            raise wrong(f"Invalid dimension {dimension.get('field')!r}", "dimensions", allowedValues=list(columns))
    metrics = _objects(given["metrics"], "metrics")
    if not metrics:
        raise wrong("at least one metric is required", "metrics")
    for metric in metrics:
        if metric.get("measure") not in measures:
            raise wrong(f"Invalid measure {metric.get('measure')!r}", "metrics", allowedValues=list(measures))
        if metric.get("agg") not in _AGGREGATIONS or metric["agg"] not in aggregations_of(metric["measure"]):
            raise wrong(f"Invalid aggregation {metric.get('agg')!r}", "metrics", allowedValues=_AGGREGATIONS)
    compile_filters(check_shape(given["filters"], "invalid_body"), columns, "invalid_body")
    return {**given, "chartConfig": _configuration(given.get("chartConfig", {}), chart)}


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise wrong(f"{name} must be an array of objects", name)
    return value


def _configuration(given: Any, chart: str) -> dict[str, Any]:
    if not isinstance(given, dict) or given.get("type", chart) != chart:
        raise wrong("chartConfig.type must match chartType", "chartConfig")
    config: dict[str, Any] = {"type": chart}
    if "show_value_labels" in given:
        config["show_value_labels"] = bool(given["show_value_labels"])
    if chart in _TOTALS and "row_limit" in given:
        config["row_limit"] = _bounded(given["row_limit"], 1000, "row_limit")
    if chart == "HISTOGRAM":
        config["bins"] = _bounded(given.get("bins", 10), 100, "bins")
    if chart == "PIVOT_TABLE" and "defaultSort" in given:
        sort = given["defaultSort"]
        if (
            not isinstance(sort, dict)
            or sort.get("order") not in ("ASC", "DESC")
            or not isinstance(sort.get("column"), str)
        ):
            raise wrong("defaultSort needs a column and an order", "chartConfig")
        config["defaultSort"] = {"column": sort["column"], "order": sort["order"]}
    return config


def _bounded(value: Any, most: int, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise wrong(f"{name} is 1 to {most}", "chartConfig")
    return value
