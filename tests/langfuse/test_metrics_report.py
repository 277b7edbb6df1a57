"""The report of response times, success and throughput says what the server has, for now and for the period before."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import TRACES, ContractServer
from tests.langfuse.commands import run

HOUR = 3_600_000_000_000


def send(
    server: ContractServer,
    name: str,
    latencies: list[int],
    *,
    kind: str = "agent",
    age_in_hours: float = 0.5,
    failed: int = 0,
    **attributes: str,
) -> list[dict[str, str]]:
    """Send observations of these latencies in milliseconds; the first ``failed`` of them failed. Returns their ids."""
    begin = time.time_ns() - int(age_in_hours * HOUR)
    spans = []
    for number, latency in enumerate(latencies):
        given = {"langfuse.observation.type": kind, **attributes}
        if number < failed:
            given["langfuse.observation.level"] = "ERROR"
        spans.append(
            {
                "traceId": f"{begin:032x}",
                "spanId": f"{begin + number:016x}"[-16:],
                "parentSpanId": "1" * 16,
                "name": name,
                "startTimeUnixNano": str(begin),
                "endTimeUnixNano": str(begin + latency * 1_000_000),
                "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in given.items()],
            }
        )
    request = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": spans}]}]}
    assert call(server, "POST", TRACES, request)[0] == 200
    return [{"traceId": span["traceId"], "observationId": span["spanId"]} for span in spans]


def score(server: ContractServer, of: dict[str, str], name: str, value: float, age_in_hours: float = 0.5) -> None:
    moment = datetime.fromtimestamp(time.time() - age_in_hours * 3600, timezone.utc).isoformat()
    kind = "BOOLEAN" if name == "success" else "NUMERIC"
    body = {**of, "name": name, "value": value, "dataType": kind, "timestamp": moment}
    assert call(server, "POST", "/api/public/scores", body)[0] == 200


def report(server: ContractServer, *options: str) -> dict[str, Any]:
    done = run(server, "metrics", "--since", "1h", "--json", *options)
    assert done.exit_code == 0, done.output
    return {line["name"]: line for line in json.loads(done.stdout)["lines"]}


def test_each_agent_has_its_times_its_success_its_throughput_and_its_confidence(server: ContractServer) -> None:
    pricing = send(server, "pricing", [100, 200, 300, 400], failed=1)
    for number, of in enumerate(pricing):
        score(server, of, "success", int(number > 1))
        score(server, of, "confidence", 0.6 + number / 10)
    send(server, "stock", [50], failed=1)
    send(server, "a tool", [1], kind="tool")
    found = report(server)
    assert list(found) == ["pricing", "stock"]
    line = found["pricing"]
    assert (line["calls"], line["failed"], line["per_hour"], line["mean"], line["p50"]) == (4, 1, 4.0, 250.0, 250.0)
    assert line["p95"] == pytest.approx(385.0)
    assert (line["success"], line["scored"], line["confidence"]) == (0.5, 4, pytest.approx(0.75))
    assert (found["stock"]["success"], found["stock"]["scored"]) == (0.0, 0)
    assert line["before"] is None


def test_trends_are_against_the_period_of_the_same_length_before(server: ContractServer) -> None:
    for of in send(server, "pricing", [100, 100], age_in_hours=1.5):
        score(server, of, "success", 1, age_in_hours=1.5)
    send(server, "pricing", [1000], age_in_hours=2.5)
    for number, of in enumerate(send(server, "pricing", [200, 200, 200, 200])):
        score(server, of, "success", number % 2)
    line = report(server)["pricing"]
    assert (line["before"]["calls"], line["before"]["p95"]) == (2, 100.0)
    assert line["trend"] == pytest.approx({"calls": 1.0, "mean": 1.0, "p50": 1.0, "p95": 1.0, "success": -0.5})


def test_tools_triggers_and_models_have_reports_of_their_own(server: ContractServer) -> None:
    send(server, "get_price", [10, 20], kind="tool", failed=1)
    usage = {"langfuse.observation.usage_details": json.dumps({"input": 30, "output": 20})}
    prices = {"inputPrice": 0.1, "outputPrice": 0.0}
    call(server, "POST", "/api/public/models", {"modelName": "m", "matchPattern": "^m-", **prices})
    send(server, "turn", [500], kind="generation", **{"langfuse.observation.model.name": "m-1", **usage})
    root = {"langfuse.internal.is_app_root": "true"}
    send(server, "shop", [900], kind="chain", **root)
    tool = report(server, "--by", "tool")["get_price"]
    assert (tool["calls"], tool["success"], tool["tokens"]) == (2, 0.5, None)
    model = report(server, "--by", "model")["m-1"]
    assert (model["calls"], model["tokens"], model["cost"]) == (1, 50, pytest.approx(3.0))
    assert list(report(server, "--by", "trigger")) == ["shop"]


def test_the_table_fits_eighty_columns_however_long_names_and_numbers_are(server: ContractServer) -> None:
    long = "the agent whose name is as long as a sentence, and longer than any column of a table could ever be"
    send(server, long, [999_999] * 1200, failed=1)
    send(server, long, [5], age_in_hours=1.5)
    usage = {"langfuse.observation.usage_details": json.dumps({"input": 123_456_789, "output": 1})}
    send(server, "turn", [61_000], kind="generation", **{"langfuse.observation.model.name": long, **usage})
    for axis in ("agent", "model"):
        done = run(server, "metrics", "--since", "1h", "--by", axis)
        assert done.exit_code == 0
        assert max(map(len, done.output.splitlines())) <= 80
        assert "".join(done.output.split()).count("sentence") == 1
    assert "1,200" in run(server, "metrics", "--since", "1h").output
    assert "99.9%" in run(server, "metrics", "--since", "1h").output


def test_changes_stand_beside_the_figures(server: ContractServer) -> None:
    send(server, "pricing", [100, 100], age_in_hours=1.5)
    send(server, "pricing", [150, 150, 150])
    send(server, "young", [10])
    lines = {line.split()[0]: line.split() for line in run(server, "metrics", "--since", "1h").output.splitlines()}
    assert lines["pricing"][1:] == ["3", "+50%", "3.0", "150ms", "150ms", "+50%", "100.0%"]
    assert lines["young"][1:3] == ["1", "new"]


def test_comma_separated_values_can_be_read_again(server: ContractServer) -> None:
    send(server, 'a "quoted", name', [100, 300])
    send(server, 'a "quoted", name', [100], age_in_hours=1.5)
    done = run(server, "metrics", "--since", "1h", "--csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["agent"], row["calls"], row["p50"], row["calls_before"]) == ('a "quoted", name', "2", "200.0", "1")


def test_where_there_is_nothing_that_is_said(server: ContractServer) -> None:
    assert run(server, "metrics").output == "the server has no agent in the last 7d\n"
    assert report(server) == {}


def test_a_server_in_legacy_mode_is_told_of_with_what_to_do(server: ContractServer) -> None:
    server.rules(lacks=["v2"])
    done = run(server, "metrics")
    assert done.exit_code == 1
    assert "LANGFUSE_MIGRATION_V4_WRITE_MODE" in str(done.exception)


@pytest.mark.parametrize("age", ["yesterday", "0s", "-1h"])
def test_an_age_that_is_none_is_refused(server: ContractServer, age: str) -> None:
    assert run(server, "metrics", f"--since={age}").exit_code == 2


def test_a_missing_server_is_told_of(server: ContractServer) -> None:
    done = run(server, "metrics", LANGFUSE_BASE_URL="http://127.0.0.1:9")
    assert "cannot be reached" in str(done.exception)
    named_none = run(server, "metrics", LANGFUSE_BASE_URL="", LANGFUSE_HOST="")
    assert "set LANGFUSE_BASE_URL" in str(named_none.exception)
