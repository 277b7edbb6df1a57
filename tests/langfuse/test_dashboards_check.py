"""`dashboards check` runs each widget's query as its chart does, and tells filled, empty and refused ones apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import ContractServer
from tests.langfuse.commands import run
from tracing_proxies.langfuse.dashboards.check import query_of

COUNT = [{"measure": "count", "agg": "count"}]
WIDGET = """
name: Shop
description: All of it.
widgets:
  - key: calls
    place: [0, 0, 6, 4]
    name: Calls
    description: How often.
    view: observations
    dimensions: [{ field: DIMENSION }]
    metrics: [{ measure: count, agg: count }]
    chartType: PIE
"""


def folder_with(tmp_path: Path, dimension: str) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "shop.yaml").write_text(WIDGET.replace("DIMENSION", dimension))
    return folder


def test_empty_widgets_are_told_and_are_wrong_only_where_they_must_be_filled(server: ContractServer) -> None:
    done = run(server, "dashboards", "check")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, f"{server.url}, the last 7d: 52 empty")
    assert "○ agents/latency-p50" in done.output
    assert run(server, "dashboards", "check", "--filled").exit_code == 1


def test_a_query_that_the_server_refuses_is_told_with_its_reason(server: ContractServer, tmp_path: Path) -> None:
    done = run(server, "dashboards", "check", "--from", folder_with(tmp_path, "mood"))
    assert done.exit_code == 1
    assert "✗ shop/calls" in done.output
    assert "Invalid dimension mood" in done.output


def test_grouping_by_metadata_is_refused_as_langfuse_does(server: ContractServer, tmp_path: Path) -> None:
    assert run(server, "dashboards", "check", "--from", folder_with(tmp_path, "metadata")).exit_code == 1


def test_a_server_without_metrics_ends_the_check(server: ContractServer) -> None:
    server.rules(lacks=["v2"])
    done = run(server, "dashboards", "check")
    assert done.exit_code == 1
    assert "LANGFUSE_MIGRATION_V4_WRITE_MODE" in str(done.exception)


@pytest.mark.parametrize(
    ("chart", "config", "expected"),
    [
        ("LINE_TIME_SERIES", {}, {"timeDimension": {"granularity": "auto"}}),
        ("NUMBER", {}, {}),
        (
            "HORIZONTAL_BAR",
            {"row_limit": 20},
            {"orderBy": [{"field": "count_count", "direction": "desc"}], "config": {"row_limit": 20}},
        ),
        ("HISTOGRAM", {"bins": 5}, {"config": {"bins": 5}}),
        (
            "PIVOT_TABLE",
            {"defaultSort": {"column": "name", "order": "ASC"}},
            {"orderBy": [{"field": "name", "direction": "asc"}]},
        ),
    ],
)
def test_a_chart_asks_for_what_it_draws(chart: str, config: dict[str, Any], expected: dict[str, Any]) -> None:
    dimensions = [] if chart in ("NUMBER", "HISTOGRAM") else [{"field": "name"}]
    body = {
        "view": "observations",
        "dimensions": dimensions,
        "metrics": COUNT,
        "chartType": chart,
        "chartConfig": config,
    }
    query = query_of(body)
    assert {key: query[key] for key in ("view", "dimensions", "filters")} == {
        "view": "observations",
        "dimensions": dimensions,
        "filters": [],
    }
    assert {key: value for key, value in query.items() if key in ("timeDimension", "orderBy", "config")} == expected
