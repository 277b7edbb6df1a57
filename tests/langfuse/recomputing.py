"""Works out what a widget must show from the local store alone: by other code, from other data than the server's."""

from __future__ import annotations

import json
import sqlite3
import statistics
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Groups = dict[tuple[Any, ...], dict[str, Any]]


class Store:
    """What the local store holds of a run.

    Args:
        price: of a token that is read, in US dollars; those that are written cost twice as much.
    """

    def __init__(self, path: Path, price: float) -> None:
        connection = sqlite3.connect(path)
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute("SELECT * FROM observations")]
        connection.close()
        for row in rows:
            usage = json.loads(row["usage_details"] or "{}")
            row |= {"tags": json.loads(row["tags"] or "[]"), "metadata": json.loads(row["metadata"] or "{}")}
            row |= {"input": usage.get("input", 0), "output": usage.get("output", 0), "total": usage.get("total", 0)}
            row["cost"] = (row["input"] + 2 * row["output"]) * price
            row["type"], row["root"] = row["type"].upper(), row["parent_observation_id"] is None
            row["minute"] = minute_of(row["start_time"])
        names = {row["trace_id"]: row["name"] for row in rows if row["root"]}
        for row in rows:
            row["trace"] = row["trace_name"] or (names.get(row["trace_id"]) if row["root"] else None)
        self.observations = rows

    def scores(self, view: str) -> list[Row]:
        """Return the scores that the observations have earned."""
        found = []
        for row in self.observations:
            confidence = row["metadata"].get("outcome.confidence")
            if row["type"] == "AGENT":
                found.append({**row, "score": "success", "value": int(row["level"] != "ERROR")})
            if view == "scores-numeric" and type(confidence) in (int, float):
                found.append({**row, "score": "confidence", "value": confidence})
        return found

    def show(self, widget: Mapping[str, Any], arrivals: Mapping[tuple[str, str], str]) -> Groups:
        """Return what a widget must show: by the values of its dimensions, each metric's value.

        In a time series the minute stands before the dimensions.

        Args:
            arrivals: the minute at which each score came, by its observation and name.
        """
        observations = widget["view"] == "observations"
        columns = _COLUMNS if observations else _SCORE_COLUMNS
        fields = [item["field"] for item in widget["dimensions"]]
        if widget["chartType"].endswith("TIME_SERIES"):
            fields.insert(0, "minute")
        groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in self.observations if observations else self.scores(widget["view"]):
            if not observations:
                row["minute"] = arrivals[row["id"], row["score"]]
            if all(_passes(columns[item["column"]](row), item) for item in widget["filters"]):
                groups[tuple(row["minute"] if name == "minute" else columns[name](row) for name in fields)].append(row)
        return {
            key: {f"{m['agg']}_{m['measure']}": self._figure(rows, m["measure"], m["agg"]) for m in widget["metrics"]}
            for key, rows in groups.items()
        }

    def _figure(self, rows: list[Row], measure: str, how: str) -> Any:
        if measure == "countScores":
            return sum(1 + (type(row["metadata"].get("outcome.confidence")) in (int, float)) for row in rows)
        values = [_MEASURES[measure](row) for row in rows]
        if how == "count":
            return len(values)
        if how == "uniq":
            return len({value for value in values if value})
        if how == "histogram":
            return len(values)
        if how in ("sum", "max", "avg"):
            return {"sum": sum, "max": max, "avg": statistics.fmean}[how](values)
        if len(values) == 1:
            return values[0]
        return statistics.quantiles(values, n=100, method="inclusive")[int(how[1:]) - 1]


def minute_of(nanoseconds: int) -> str:
    """Return the time that a row of a series by minutes has."""
    return datetime.fromtimestamp(nanoseconds / 1e9, timezone.utc).strftime("%Y-%m-%dT%H:%M:00Z")


def _passes(value: Any, condition: Mapping[str, Any]) -> bool:
    if condition["operator"] == "any of":
        return value in condition["value"]
    assert condition["operator"] == "=", condition
    return bool(value == condition["value"])


_COLUMNS: dict[str, Any] = {
    "name": lambda row: row["name"],
    "type": lambda row: row["type"],
    "level": lambda row: row["level"],
    "isRootObservation": lambda row: row["root"],
    "traceName": lambda row: row["trace"],
    "tags": lambda row: tuple(row["tags"]),
    "environment": lambda row: row["environment"],
    "release": lambda row: row["release"] or None,
    "providedModelName": lambda row: row["model"],
}
_SCORE_COLUMNS: dict[str, Any] = {
    "name": lambda row: row["score"],
    "observationName": lambda row: row["name"],
    "traceName": lambda row: row["trace"],
}
_MEASURES: dict[str, Any] = {
    "count": lambda row: 1,
    "latency": lambda row: (row["end_time"] - row["start_time"]) // 1_000_000,
    "value": lambda row: row["value"],
    "inputTokens": lambda row: row["input"],
    "outputTokens": lambda row: row["output"],
    "totalTokens": lambda row: row["total"],
    "totalCost": lambda row: row["cost"],
    "uniqueSessionIds": lambda row: row["session_id"],
}
