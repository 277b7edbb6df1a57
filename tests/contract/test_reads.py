"""Observations, metrics and prices are read as Langfuse gives them."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import TRACES, ContractServer

START = 1_700_000_000_000_000_000
FROM, TO = "2023-11-14T22:00:00Z", "2023-11-14T23:00:00Z"


def span(number: int, name: str, kind: str, milliseconds: int, **attributes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"langfuse.observation.type": kind, "langfuse.trace.name": "shop"}
    given |= {key.replace("__", "."): value for key, value in attributes.items()}
    encoded = [
        {"key": key, "value": {"arrayValue": {"values": [{"stringValue": item} for item in value]}}}
        if isinstance(value, list)
        else {"key": key, "value": {"stringValue": value}}
        for key, value in given.items()
    ]
    begin = START + number * 60_000_000_000
    return {
        "traceId": "a" * 32,
        "spanId": f"{number:016x}",
        "parentSpanId": "" if number == 0 else f"{0:016x}",
        "name": name,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + milliseconds * 1_000_000),
        "attributes": encoded,
    }


@pytest.fixture
def filled(server: ContractServer) -> ContractServer:
    usage = {"langfuse__observation__usage_details": json.dumps({"input": 10, "output": 5})}
    call(server, "POST", "/api/public/models", {"modelName": "m", "matchPattern": "(?i)^m$", "inputPrice": 0.5})
    spans = [
        span(0, "shop", "chain", 1000, langfuse__trace__tags=["red", "big"]),
        span(1, "agent", "agent", 100),
        span(2, "agent", "agent", 300, langfuse__observation__level="ERROR"),
        span(3, "tool", "tool", 50, langfuse__observation__metadata__who="ann"),
        span(4, "turn", "generation", 70, langfuse__observation__model__name="m", **usage),
    ]
    request = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": spans}]}]}
    assert call(server, "POST", TRACES, request)[0] == 200
    for number, value in ((1, 1), (2, 0)):
        score = {"traceId": "a" * 32, "observationId": f"{number:016x}", "name": "success", "value": value}
        assert call(server, "POST", "/api/public/scores", {**score, "dataType": "BOOLEAN"})[0] == 200
    return server


def ask(server: ContractServer, **query: Any) -> tuple[int, Any]:
    whole = {"view": "observations", "fromTimestamp": FROM, "toTimestamp": TO, **query}
    return call(server, "GET", "/api/public/v2/metrics?query=" + urllib.parse.quote(json.dumps(whole)))


def rows(server: ContractServer, **query: Any) -> list[dict[str, Any]]:
    status, answer = ask(server, **query)
    assert status == 200, answer
    return answer["data"]  # type: ignore[no-any-return]


COUNT = [{"measure": "count", "aggregation": "count"}]


def test_metrics_are_grouped_filtered_aggregated_ordered_and_limited(filled: ContractServer) -> None:
    latency = [{"measure": "latency", "aggregation": how} for how in ("p50", "max", "avg")]
    agents = [{"column": "type", "operator": "any of", "value": ["AGENT"], "type": "stringOptions"}]
    found = rows(filled, dimensions=[{"field": "name"}], metrics=COUNT + latency, filters=agents)
    assert found == [
        {"name": "agent", "count_count": "2", "p50_latency": 200.0, "max_latency": 300.0, "avg_latency": 200.0}
    ]
    order = [{"field": "count_count", "direction": "desc"}]
    top = rows(filled, dimensions=[{"field": "name"}], metrics=COUNT, orderBy=order, config={"row_limit": 1})
    assert top == [{"name": "agent", "count_count": "2"}]


def test_time_series_are_filled_where_nothing_was(filled: ContractServer) -> None:
    found = rows(filled, dimensions=[{"field": "type"}], metrics=COUNT, timeDimension={"granularity": "auto"})
    there = [row for row in found if row["type"]]
    assert [row["time_dimension"] for row in there][:2] == ["2023-11-14T22:13:00Z", "2023-11-14T22:14:00Z"]
    assert {"time_dimension": "2023-11-14T22:00:00Z", "type": None, "count_count": "0"} in found
    by_day = rows(filled, metrics=COUNT, timeDimension={"granularity": "day"})
    assert by_day == [{"time_dimension": "2023-11-14", "count_count": "5"}]


def test_tags_are_grouped_by_as_a_whole_and_filtered_one_by_one(filled: ContractServer) -> None:
    assert {"tags": ["red", "big"], "count_count": "1"} in rows(filled, dimensions=[{"field": "tags"}], metrics=COUNT)
    red = [{"column": "tags", "operator": "any of", "value": ["red"], "type": "arrayOptions"}]
    assert rows(filled, metrics=COUNT, filters=red) == [{"count_count": "1"}]


def test_metadata_is_filtered_by_and_not_grouped_by(filled: ContractServer) -> None:
    ann = [{"column": "metadata", "operator": "=", "key": "who", "value": "ann", "type": "stringObject"}]
    assert rows(filled, metrics=COUNT, filters=ann) == [{"count_count": "1"}]
    assert ask(filled, metrics=COUNT, dimensions=[{"field": "metadata"}])[0] == 400


def test_lists_and_filters_have_the_first_two_hundred_characters_only(server: ContractServer) -> None:
    long = {"langfuse__observation__input": "x" * 300, "langfuse__observation__metadata__long": "y" * 199 + "ab"}
    spans = [span(0, "shop", "chain", 1, **long)]
    request = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": spans}]}]}
    call(server, "POST", TRACES, request)
    (row,) = call(server, "GET", "/api/public/v2/observations?fields=io,metadata")[1]["data"]
    assert (len(row["input"]), len(row["metadata"]["long"])) == (200, 200)
    ends = {"column": "metadata", "operator": "ends with", "key": "long", "type": "stringObject"}
    assert rows(server, metrics=COUNT, filters=[{**ends, "value": "ya"}]) == [{"count_count": "1"}]
    assert rows(server, metrics=COUNT, filters=[{**ends, "value": "b"}]) == [{"count_count": "0"}]


def test_the_average_of_a_boolean_score_is_the_rate_of_truth(filled: ContractServer) -> None:
    # Scores have the time at which they came.
    times = {"fromTimestamp": "2023-01-01T00:00:00Z", "toTimestamp": "2099-01-01T00:00:00Z"}
    average = [{"measure": "value", "aggregation": "avg"}]
    fields = [{"field": "observationName"}, {"field": "traceName"}]
    found = rows(filled, view="scores-boolean", metrics=average, dimensions=fields, **times)
    assert found == [{"observationName": "agent", "traceName": "shop", "avg_value": 0.5}]
    assert rows(filled, view="scores-categorical", metrics=COUNT, **times) == [{"count_count": "0"}]


def test_tokens_are_summed_up_and_cost_what_the_model_costs(filled: ContractServer) -> None:
    sums = [{"measure": name, "aggregation": "sum"} for name in ("inputTokens", "totalTokens", "totalCost")]
    assert rows(filled, metrics=sums) == [{"sum_inputTokens": "10", "sum_totalTokens": "15", "sum_totalCost": 5.0}]
    assert len(call(filled, "GET", "/api/public/models")[1]["data"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"view": "traces"},
        {"metrics": []},
        {"metrics": [{"measure": "latency", "aggregation": "median"}]},
        {"dimensions": [{"field": "mood"}]},
        {"dimensions": [{"field": "userId"}]},
        {"filters": [{"column": "mood", "operator": "=", "value": "x", "type": "string"}]},
        {"timeDimension": {"granularity": "year"}},
        {"toTimestamp": FROM},
        {"fromTimestamp": "yesterday"},
        {"config": {"row_limit": 5000}},
        {"orderBy": [{"field": "mood", "direction": "asc"}]},
    ],
)
def test_wrong_queries_are_refused(filled: ContractServer, wrong: dict[str, Any]) -> None:
    status, answer = ask(filled, **{"metrics": COUNT, **wrong})
    assert status == 400
    assert answer["message"]


def test_observations_come_by_pages_with_the_fields_that_were_asked_for(filled: ContractServer) -> None:
    path = "/api/public/v2/observations"
    first = call(filled, "GET", f"{path}?limit=3&fields=basic,usage,metadata,trace_context")[1]
    rest = call(filled, "GET", f"{path}?limit=3&cursor={urllib.parse.quote(first['meta']['cursor'])}")[1]
    assert [row["name"] for row in first["data"]] == ["turn", "tool", "agent"]
    assert [row["name"] for row in rest["data"]] == ["agent", "shop"]
    assert rest["meta"] == {}
    assert first["data"][0]["usageDetails"] == {"input": 10, "output": 5, "total": 15}
    assert first["data"][1]["metadata"] == {"who": "ann"}
    assert "metadata" not in rest["data"][0]
    errors = call(filled, "GET", f"{path}?level=ERROR&type=AGENT&traceId={'a' * 32}")[1]["data"]
    assert [row["id"] for row in errors] == [f"{2:016x}"]
    assert call(filled, "GET", f"{path}?limit=1001")[0] == 400
    assert call(filled, "GET", f"{path}?fields=everything")[0] == 400
