"""The SDK's own client of the public API, made from Langfuse's definition of it, understands the contract server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.server import ContractServer

langfuse_api = pytest.importorskip("langfuse.api.unstable", reason="this major of the SDK has no client for dashboards")

WIDGET: dict[str, Any] = {
    "name": "calls",
    "view": "observations",
    "dimensions": [{"field": "name"}],
    "metrics": [{"measure": "count", "agg": "count"}],
    "filters": [],
    "chart_type": "HORIZONTAL_BAR",
}


@pytest.fixture
def client(server: ContractServer) -> Any:
    from langfuse.api.client import LangfuseAPI

    return LangfuseAPI(base_url=server.url, username=server.public_key, password=server.secret_key)


def test_widgets_and_dashboards_are_made_listed_and_deleted(client: Any) -> None:
    from langfuse.api.unstable.errors import ConflictError

    unstable = client.unstable
    widget = unstable.dashboard_widgets.create(**WIDGET)
    board = unstable.dashboards.create(name="board", description="made by a test")
    place = unstable.dashboards.add_placement(board.id, request={"type": "widget", "widgetId": widget.id})
    assert [found.id for found in unstable.dashboard_widgets.list().data] == [widget.id]
    assert unstable.dashboards.list().data[0].definition.widgets[0].widget_id == widget.id
    with pytest.raises(ConflictError):
        unstable.dashboard_widgets.delete(widget.id)
    unstable.dashboards.delete_placement(board.id, place.id)
    unstable.dashboard_widgets.delete(widget.id)
    unstable.dashboards.delete(board.id)
    assert unstable.dashboards.list().meta.total_items == 0


def test_wrong_widgets_raise_the_errors_that_the_definition_names(client: Any) -> None:
    from langfuse.api.unstable.errors import BadRequestError, NotFoundError

    with pytest.raises(BadRequestError) as refused:
        client.unstable.dashboard_widgets.create(**{**WIDGET, "view": "traces"})
    assert refused.value.body.code == "invalid_body"
    with pytest.raises(NotFoundError):
        client.unstable.dashboard_widgets.get("none")


def test_health_projects_metrics_observations_and_scores_are_understood(client: Any) -> None:
    assert client.health.health().version == "4.16.0"
    assert client.projects.get().data[0].name == "test"
    query = {"view": "observations", "metrics": [{"measure": "count", "aggregation": "count"}]}
    times = {"fromTimestamp": "2023-01-01T00:00:00Z", "toTimestamp": "2023-01-02T00:00:00Z"}
    assert client.metrics.metrics(query=json.dumps({**query, **times})).data == [{"count_count": "0"}]
    assert client.observations.get_many(limit=10).data == []
    assert client.scores.get_many().data == []
