"""Reports from the server: response times, success and throughput of agents, tools, triggers, models; with trends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.langfuse.client import LangfuseClient
from tracing_proxies.langfuse.queries import MOST_ROWS, Period, Row, condition, run

_ROOT: Final = {"column": "isRootObservation", "operator": "=", "value": True, "type": "boolean"}
_FAILED: Final = condition("level", "ERROR")
_SHAPE: Final = (("count", "count"), ("latency", "avg"), ("latency", "p50"), ("latency", "p95"))
_SPENT: Final = (("totalTokens", "sum"), ("totalCost", "sum"))


@attrs.frozen
class Axis:
    """What a report has a line for each of.

    Args:
        filters: of observations.
        dimension: of observations, which names the line.
        scored_by: the dimension of scores that has the same names, None where success is read off levels alone.
        spends: whether tokens and cost are told.
    """

    filters: Sequence[Mapping[str, Any]]
    dimension: str
    scored_by: str | None = None
    spends: bool = False


AXES: Final[Mapping[str, Axis]] = {
    "agent": Axis([condition("type", "AGENT")], "name", scored_by="observationName"),
    "tool": Axis([condition("type", "TOOL")], "name", scored_by="observationName"),
    "trigger": Axis([_ROOT], "name"),
    "model": Axis([condition("type", "GENERATION")], "providedModelName", spends=True),
}


@attrs.frozen
class Figures:
    """What one agent, tool, trigger or model did in a period.

    Args:
        calls: how many began.
        failed: those of level ERROR.
        per_hour: calls.
        mean, p50, p95: response times in milliseconds.
        success: the share that succeeded, from 0 to 1: as it was scored, else by level.
        scored: how many calls have a score for it; 0 where it was read off levels.
        confidence: on average, None where none was told.
        tokens, cost: None where they are not asked for; cost in US dollars.
    """

    calls: int
    failed: int
    per_hour: float
    mean: float | None
    p50: float | None
    p95: float | None
    success: float | None
    scored: int = 0
    confidence: float | None = None
    tokens: int | None = None
    cost: float | None = None


@attrs.frozen
class Line:
    """One name's figures, beside those of the period before, None where it had none."""

    name: str
    now: Figures
    before: Figures | None

    def trend(self, figure: str) -> float | None:
        """Return by which share a figure has changed, None where that cannot be said."""
        now = getattr(self.now, figure)
        before = None if self.before is None else getattr(self.before, figure)
        return None if now is None or not before else now / before - 1

    def change(self, figure: str) -> float | None:
        """Return by how much a figure has changed, None where that cannot be said."""
        now = getattr(self.now, figure)
        before = None if self.before is None else getattr(self.before, figure)
        return None if now is None or before is None else now - before


@attrs.frozen
class Report:
    """Lines, those with most calls first.

    Args:
        complete: whether all names are there, or only the first thousand.
    """

    by: str
    period: Period
    lines: Sequence[Line]
    complete: bool


def read_report(client: LangfuseClient, by: str, period: Period) -> Report:
    """Read the figures of a period and of the one before it.

    Args:
        by: one of ``AXES``.

    Raises:
        NoMetrics: the server has no API for that.
        ApiError: it cannot be reached, or refuses.
    """
    axis = AXES[by]
    now, complete = _read(client, axis, period)
    before, _ = _read(client, axis, period.before())
    lines = [Line(name, figures, before.get(name)) for name, figures in now.items()]
    return Report(by, period, sorted(lines, key=lambda line: (-line.now.calls, line.name)), complete)


def _read(client: LangfuseClient, axis: Axis, period: Period) -> tuple[dict[str, Figures], bool]:
    metrics = _SHAPE + (_SPENT if axis.spends else ())
    rows = _ask(client, period, "observations", axis.dimension, metrics, axis.filters)
    failed = _ask(client, period, "observations", axis.dimension, (("count", "count"),), [*axis.filters, _FAILED])
    failures = {_name(row, axis.dimension): int(row["count_count"]) for row in failed}
    success = _scores(client, period, axis, "scores-boolean", "success")
    confidence = _scores(client, period, axis, "scores-numeric", "confidence")
    found = {}
    for row in rows:
        name, calls = _name(row, axis.dimension), int(row["count_count"])
        wrong = failures.get(name, 0)
        scored, rate = success.get(name, (0, None))
        found[name] = Figures(
            calls=calls,
            failed=wrong,
            per_hour=calls / period.hours,
            mean=row["avg_latency"],
            p50=row["p50_latency"],
            p95=row["p95_latency"],
            success=rate if scored else (1 - wrong / calls if calls else None),
            scored=scored,
            confidence=confidence.get(name, (0, None))[1],
            tokens=int(row["sum_totalTokens"] or 0) if axis.spends else None,
            cost=float(row["sum_totalCost"] or 0) if axis.spends else None,
        )
    return found, len(rows) < MOST_ROWS


def _scores(
    client: LangfuseClient, period: Period, axis: Axis, view: str, name: str
) -> dict[str, tuple[int, float | None]]:
    """Return by name how many scores there are, and their average."""
    if axis.scored_by is None:
        return {}
    wanted = {"column": "name", "operator": "=", "value": name, "type": "string"}
    rows = _ask(client, period, view, axis.scored_by, (("count", "count"), ("value", "avg")), [wanted])
    return {_name(row, axis.scored_by): (int(row["count_count"]), row["avg_value"]) for row in rows}


def _ask(
    client: LangfuseClient,
    period: Period,
    view: str,
    dimension: str,
    metrics: Sequence[tuple[str, str]],
    filters: Sequence[Mapping[str, Any]],
) -> list[Row]:
    query = {
        "view": view,
        "dimensions": [{"field": dimension}],
        "metrics": [{"measure": measure, "aggregation": how} for measure, how in metrics],
        "filters": list(filters),
        "orderBy": [{"field": "count_count", "direction": "desc"}],
        "config": {"row_limit": MOST_ROWS},
    }
    return run(client, period, query)


def _name(row: Row, dimension: str) -> str:
    return str(row.get(dimension) or "(none)")
