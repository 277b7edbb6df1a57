"""Queries of Langfuse's metrics API, version 2: a span of time, a query, and rows whose numbers are numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import attrs

from tracing_proxies.langfuse.client import ApiError, LangfuseClient

PATH: Final = "/api/public/v2/metrics"
MOST_ROWS: Final = 1000

Row = dict[str, Any]


class NoMetrics(ApiError):
    """Says that a server has no metrics of version 2."""


@attrs.frozen
class Period:
    """A span of time, with zones."""

    begin: datetime
    end: datetime

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.end - self.begin) / timedelta(hours=1)

    def before(self) -> Period:
        """Return the one of the same length that ends where this one begins."""
        return Period(self.begin - (self.end - self.begin), self.begin)


def period_until(now: datetime, nanoseconds: int) -> Period:
    """Return the period of a length that ends at a time."""
    return Period(now - timedelta(microseconds=nanoseconds // 1000), now)


def condition(column: str, *values: str) -> dict[str, Any]:
    """Return the filter that lets those rows pass whose column is one of some texts."""
    return {"column": column, "operator": "any of", "value": list(values), "type": "stringOptions"}


def run(client: LangfuseClient, period: Period, query: Mapping[str, Any]) -> list[Row]:
    """Run a query over a period.

    Args:
        query: view and metrics, and perhaps dimensions, filters, timeDimension, orderBy and config, in the server's
            terms.

    Returns:
        Its rows. Metrics are numbers, though the server writes counts as texts; None where there was nothing to
        aggregate. A time series has rows for empty times.

    Raises:
        NoMetrics: the server has no such endpoint.
        ApiError: it refuses the query, or cannot be reached.
    """
    times = {"fromTimestamp": _time(period.begin), "toTimestamp": _time(period.end)}
    whole = {"dimensions": [], "filters": [], **query, **times}
    try:
        answer = client.get(PATH, query=json.dumps(whole, separators=(",", ":")))
    except ApiError as error:
        if error.missing:
            raise NoMetrics(
                f"{client.origin} has no metrics of version 2. It is older than Langfuse 4, or writes in legacy mode: "
                "set LANGFUSE_MIGRATION_V4_WRITE_MODE to `dual` or `events_only` on the server",
                error.status,
            ) from None
        raise
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ApiError(f"{client.origin} answers a query of metrics with no rows")
    names = {f"{metric['aggregation']}_{metric['measure']}" for metric in query["metrics"]}
    return [{key: _number(value) if key in names else value for key, value in row.items()} for row in rows]


def is_empty(rows: Sequence[Row], names: Sequence[str]) -> bool:
    """Tell whether no row has anything but nothing in its metrics."""
    return not any(row.get(name) for row in rows for name in names)


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value) if not value.lstrip("-").isdigit() else int(value)
        except ValueError:
            return value
    return value


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
