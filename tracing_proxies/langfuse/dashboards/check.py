"""Verifies declared widgets by running the queries that their charts are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

import attrs

from tracing_proxies.langfuse.client import ApiError, LangfuseClient
from tracing_proxies.langfuse.dashboards.model import Collection, Widget
from tracing_proxies.langfuse.queries import NoMetrics, Period, Row, is_empty, run

_TIME_SERIES: Final = ("LINE_TIME_SERIES", "AREA_TIME_SERIES", "BAR_TIME_SERIES")


class Verdict(Enum):
    """What became of a widget's query."""

    FILLED = "filled"
    EMPTY = "empty"
    REFUSED = "refused"


@attrs.frozen
class Checked:
    """One widget, and what its query gave.

    Args:
        key: of its declaration: ``agents/latency``.
        metrics: the names that the metrics have in the rows.
        reason: why the server refuses the query.
    """

    key: str
    name: str
    verdict: Verdict
    metrics: Sequence[str] = ()
    rows: Sequence[Row] = ()
    reason: str = ""


def check(client: LangfuseClient, collection: Collection, period: Period) -> Iterator[Checked]:
    """Yield what each widget's query gives over a period.

    Raises:
        NoMetrics: the server has no API for queries.
        ApiError: it cannot be reached, or does not accept the keys.
    """
    for dashboard in collection.dashboards:
        for widget in dashboard.widgets:
            yield _check(client, f"{dashboard.key}/{widget.key}", widget, period)


def query_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query that a widget's chart is drawn from."""
    chart, config = body["chartType"], body.get("chartConfig") or {}
    metrics = [{"measure": metric["measure"], "aggregation": metric["agg"]} for metric in body["metrics"]]
    query: dict[str, Any] = {
        "view": body["view"],
        "dimensions": list(body.get("dimensions") or []),
        "metrics": metrics,
        "filters": list(body.get("filters") or []),
    }
    if chart in _TIME_SERIES:
        return {**query, "timeDimension": {"granularity": "auto"}}
    sort = config.get("defaultSort")
    if sort is not None:
        query["orderBy"] = [{"field": sort["column"], "direction": sort["order"].lower()}]
    elif query["dimensions"]:
        query["orderBy"] = [{"field": _column(metrics[0]), "direction": "desc"}]
    limits = {name: config[name] for name in ("row_limit", "bins") if name in config}
    return {**query, "config": limits} if limits else query


def _check(client: LangfuseClient, key: str, widget: Widget, period: Period) -> Checked:
    query = query_of(widget.body)
    names = [_column(metric) for metric in query["metrics"]]
    try:
        rows = run(client, period, query)
    except NoMetrics:
        raise
    except ApiError as error:
        if error.status != 400:
            raise
        return Checked(key, widget.name, Verdict.REFUSED, names, reason=str(error))
    return Checked(key, widget.name, Verdict.EMPTY if is_empty(rows, names) else Verdict.FILLED, names, rows)


def _column(metric: Mapping[str, str]) -> str:
    return f"{metric['aggregation']}_{metric['measure']}"
