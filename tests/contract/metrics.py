"""Computes queries of the metrics API, version 2, over what the contract server has received.

Counts come as texts and averages as numbers, as ClickHouse writes them; a time series is filled with buckets that hold
nothing, whose dimensions are empty.
"""

from __future__ import annotations

import datetime
import json
import math
from collections import defaultdict
from typing import Any

from tests.contract.columns import (
    EXPLODED,
    HIGH_CARDINALITY,
    VIEWS,
    Row,
    aggregations_of,
    dimensions_of,
    measures_of,
    rows_of,
)
from tests.contract.filters import check_shape, compile_filters
from tests.contract.requests import Answer, Refused
from tests.contract.state import State
from tests.contract.times import nanoseconds

_GRANULARITIES = ("auto", "minute", "hour", "day", "week", "month")
_STEPS = {"minute": datetime.timedelta(minutes=1), "hour": datetime.timedelta(hours=1)}
_STEPS |= {"day": datetime.timedelta(days=1), "week": datetime.timedelta(days=7)}
_DEFAULT_LIMIT, _MOST_ROWS, _MOST_BINS, _DEFAULT_BINS = 100, 1000, 100, 10
_WHOLE = frozenset({"count", "uniq"})
_CODE = ""


def answer_metrics(state: State, text: str | None) -> Answer:
    """Answer a query, or say what is wrong with it."""
    try:
        query = json.loads(text or "")
    except ValueError:
        raise Refused(400, "query is no JSON") from None
    if not isinstance(query, dict):
        raise Refused(400, "query is no object")
    return 200, {"data": run_query(state, query)}


def run_query(state: State, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Compute the rows of a query; a wrong one is refused."""
    view = query.get("view")
    if view not in VIEWS:
        raise Refused(400, f"Invalid view {view!r}. Must be one of {', '.join(VIEWS)}")
    columns, measures = dimensions_of(view), measures_of(view)
    fields = _fields(query, columns)
    metrics = _metrics(query, measures)
    begin, end = _times(query)
    tests = compile_filters(check_shape(query.get("filters", []), _CODE), columns, _CODE)
    granularity = _granularity(query, begin, end)
    limit, bins = _config(query)
    _refuse_high_cardinality(query, fields, granularity)
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for moment, row in rows_of(state, view):
        if begin <= moment <= end and all(passes(row) for passes in tests):
            bucket = () if granularity is None else (_bucket(moment, granularity),)
            for values in _explode([(name, columns[name](row)) for name in fields]):
                groups[(*bucket, *values)].append(row)
    if not fields and granularity is None:
        groups.setdefault((), [])
    names = ([] if granularity is None else ["time_dimension"]) + fields
    found = []
    for values, rows in groups.items():
        row = {
            name: list(value) if isinstance(value, tuple) else value for name, value in zip(names, values, strict=True)
        }
        found.append(row | {f"{how}_{what}": _aggregate(measures[what], how, rows, bins) for what, how in metrics})
    if granularity is not None:
        found += _fill({row["time_dimension"] for row in found}, granularity, begin, end, fields, metrics)
    return _order(found, query, granularity is not None)[:limit]


def _fields(query: dict[str, Any], columns: dict[str, Any]) -> list[str]:
    found = []
    for dimension in query.get("dimensions") or []:
        field = dimension.get("field") if isinstance(dimension, dict) else None
        if field not in columns:
            raise Refused(400, f"Invalid dimension {field}. Must be one of {', '.join(columns)}")
        found.append(str(field))
    return found


def _metrics(query: dict[str, Any], measures: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for metric in query.get("metrics") or []:
        measure, how = (metric.get("measure"), metric.get("aggregation")) if isinstance(metric, dict) else (None, None)
        if measure not in measures:
            raise Refused(400, f"Invalid metric {measure}. Must be one of {', '.join(measures)}")
        if how not in aggregations_of(measure):
            raise Refused(400, f"Invalid aggregation {how} of {measure}")
        found.append((str(measure), str(how)))
    if not found:
        raise Refused(400, "at least one metric is required")
    return found


def _times(query: dict[str, Any]) -> tuple[int, int]:
    try:
        begin, end = (nanoseconds(query[name]) for name in ("fromTimestamp", "toTimestamp"))
    except (KeyError, ValueError, AttributeError):
        raise Refused(400, "fromTimestamp and toTimestamp must be ISO times") from None
    if begin >= end:
        raise Refused(400, "fromTimestamp must be before toTimestamp")
    return begin, end


def _granularity(query: dict[str, Any], begin: int, end: int) -> str | None:
    dimension = query.get("timeDimension")
    if dimension is None:
        return None
    granularity = dimension.get("granularity")
    if granularity not in _GRANULARITIES:
        raise Refused(400, f"Invalid time granularity {granularity}")
    if granularity != "auto":
        return str(granularity)
    hours = (end - begin) / 3.6e12
    return next(
        (name for name, most in (("minute", 2), ("hour", 72), ("day", 1440), ("week", 8760)) if hours < most), "month"
    )


def _config(query: dict[str, Any]) -> tuple[int, int]:
    config = query.get("config") or {}
    limit, bins = config.get("row_limit", _DEFAULT_LIMIT), config.get("bins", _DEFAULT_BINS)
    if (
        not isinstance(limit, int)
        or not 1 <= limit <= _MOST_ROWS
        or not isinstance(bins, int)
        or not 1 <= bins <= _MOST_BINS
    ):
        raise Refused(400, "config: row_limit is 1 to 1000, bins 1 to 100")
    return limit, bins


def _refuse_high_cardinality(query: dict[str, Any], fields: list[str], granularity: str | None) -> None:
    high = HIGH_CARDINALITY & set(fields)
    descending = [item for item in query.get("orderBy") or [] if item.get("direction") == "desc"]
    if high and (granularity or not descending or "row_limit" not in (query.get("config") or {})):
        raise Refused(400, f"High cardinality dimension(s) {', '.join(sorted(high))} need a row_limit and an order")


def _bucket(moment: int, granularity: str) -> str:
    time = datetime.datetime.fromtimestamp(moment / 1e9, datetime.timezone.utc).replace(second=0, microsecond=0)
    if granularity == "minute":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")
    time = time.replace(minute=0)
    if granularity == "hour":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")
    if granularity == "week":
        time -= datetime.timedelta(days=time.weekday())
    return time.strftime("%Y-%m-01" if granularity == "month" else "%Y-%m-%d")


def _fill(
    there: set[str], granularity: str, begin: int, end: int, fields: list[str], metrics: list[tuple[str, str]]
) -> list[dict[str, Any]]:
    step = _STEPS.get(granularity)
    if step is None:
        return []
    nothing: dict[str, Any] = dict.fromkeys(fields)
    nothing |= {f"{how}_{what}": "0" if how in _WHOLE else 0 for what, how in metrics}
    every = range(begin, end, int(step.total_seconds() * 1e9))
    missing = sorted({_bucket(moment, granularity) for moment in every} - there)
    return [{"time_dimension": bucket, **nothing} for bucket in missing]


def _explode(pairs: list[tuple[str, Any]]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [()]
    for name, value in pairs:
        values = value if name in EXPLODED else [tuple(value) if isinstance(value, list) else value]
        found = [(*before, item) for before in found for item in values]
    return found


def _aggregate(column: Any, how: str, rows: list[Row], bins: int) -> Any:
    values = [value for value in (column(row) for row in rows) if value is not None]
    if how == "count":
        return str(len(rows))
    if how == "uniq":
        return str(len(set(values)))
    if how == "histogram":
        return _histogram(sorted(values), bins)
    if not values:
        return 0 if how == "sum" else None
    if how == "sum":
        total = sum(values)
        return str(total) if isinstance(total, int) else total
    if how in ("max", "min"):
        return max(values) if how == "max" else min(values)
    if how == "avg":
        return sum(values) / len(values)
    return _quantile(sorted(values), int(how[1:]) / 100)


def _quantile(ordered: list[float], share: float) -> float:
    """Interpolate between the neighbours, as ClickHouse's ``quantile`` does."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _histogram(ordered: list[float], bins: int) -> list[list[float]]:
    if not ordered:
        return []
    low, width = ordered[0], (ordered[-1] - ordered[0]) / bins or 1.0
    heights = [0] * bins
    for value in ordered:
        heights[min(bins - 1, int((value - low) / width))] += 1
    return [[low + place * width, low + (place + 1) * width, height] for place, height in enumerate(heights) if height]


def _order(rows: list[dict[str, Any]], query: dict[str, Any], by_time: bool) -> list[dict[str, Any]]:
    if by_time:
        return sorted(rows, key=lambda row: str(row["time_dimension"]))
    for item in reversed(query.get("orderBy") or []):
        field = item.get("field")
        if rows and field not in rows[0]:
            raise Refused(400, f"Invalid orderBy field {field}. Must be one of {', '.join(rows[0])}")
        rows = sorted(rows, key=lambda row: _rank(row[field]), reverse=item.get("direction") == "desc")
    return rows


def _rank(value: Any) -> tuple[bool, float, str]:
    try:
        return value is not None, float(value), ""
    except (TypeError, ValueError):
        return value is not None, 0.0, str(value)
