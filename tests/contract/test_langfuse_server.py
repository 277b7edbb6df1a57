"""The contract server keeps the contract: checked with requests that our own code does not make."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import TRACES, ContractServer

SPAN = {
    "traceId": "a" * 32,
    "spanId": "b" * 16,
    "name": "plan",
    "startTimeUnixNano": "1700000000000000000",
    "endTimeUnixNano": "1700000001000000000",
    "attributes": [{"key": "langfuse.observation.type", "value": {"stringValue": "agent"}}],
}


def request(*spans: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "langfuse-sdk"}, "spans": list(spans)}]}]}


def test_json_is_taken_as_well_as_protobuf(server: ContractServer) -> None:
    assert call(server, "POST", TRACES, request(SPAN))[0] == 200
    (row,) = server.observations()
    assert (row["type"], row["name"], row["is_root"]) == ("AGENT", "plan", True)


def test_gzip_is_taken(server: ContractServer) -> None:
    body = gzip.compress(json.dumps(request(SPAN)).encode())
    assert call(server, "POST", TRACES, body, Content_Encoding="gzip")[0] == 200
    assert call(server, "POST", TRACES, body[:20], Content_Encoding="gzip")[0] == 400


def test_an_empty_batch_is_answered_with_an_empty_object(server: ContractServer) -> None:
    assert call(server, "POST", TRACES, request()) == (200, {})


@pytest.mark.parametrize(
    "span", [{**SPAN, "traceId": ""}, {**SPAN, "spanId": "ab"}, {**SPAN, "attributes": {"key": "no array"}}]
)
def test_one_bad_span_has_the_whole_batch_refused(server: ContractServer, span: dict[str, Any]) -> None:
    assert call(server, "POST", TRACES, request(SPAN, span))[0] == 400
    assert server.observations() == []


def test_keys_and_ingestion_version_are_checked(server: ContractServer) -> None:
    assert call(server, "POST", TRACES, request(SPAN), Authorization="Basic eA==")[0] == 401
    assert call(server, "POST", TRACES, request(SPAN), x_langfuse_ingestion_version="5")[0] == 400
    assert call(server, "POST", TRACES, request(SPAN), x_langfuse_ingestion_version="4")[0] == 200
    assert call(server, "GET", "/api/public/projects", Authorization="Basic eA==")[0] == 401
    assert call(server, "GET", "/api/public/projects")[0] == 200


def test_health_needs_no_keys(server: ContractServer) -> None:
    status, answer = call(server, "GET", "/api/public/health", Authorization="")
    assert (status, answer["status"]) == (200, "OK")
    assert call(server, "GET", "/api/public/ready", Authorization="")[0] == 200


def test_an_organisations_key_is_refused_with_403(server: ContractServer) -> None:
    server.rules(forbidden="organisation-scoped key")
    assert call(server, "POST", TRACES, request(SPAN))[0] == 403
    assert call(server, "GET", "/api/public/projects")[0] == 403


def test_other_paths_and_methods_are_refused(server: ContractServer) -> None:
    assert call(server, "GET", TRACES)[0] == 405
    assert call(server, "GET", "/api/public/otel")[0] == 404
    assert call(server, "POST", "/api/public/otel", {})[0] == 404


def test_a_row_is_known_by_its_ids_and_start_and_the_last_one_wins(server: ContractServer) -> None:
    call(server, "POST", TRACES, request(SPAN))
    call(server, "POST", TRACES, request({**SPAN, "name": "again"}))
    call(server, "POST", TRACES, request({**SPAN, "startTimeUnixNano": "1700000000000000001"}))
    received = server.received()
    assert [row["name"] for row in received["observations"]] == ["again", "plan"]
    assert (received["unique"], received["repeated"]) == (2, 1)


def test_unknown_types_become_spans(server: ContractServer) -> None:
    odd = {**SPAN, "attributes": [{"key": "langfuse.observation.type", "value": {"stringValue": "wizard"}}]}
    call(server, "POST", TRACES, request(odd))
    assert server.observations()[0]["type"] == "SPAN"


def test_faults_follow_the_script_and_then_end(server: ContractServer) -> None:
    server.script([{"status": 503, "headers": {"Retry-After": "7"}}, {"status": 413}])
    assert [call(server, "POST", TRACES, request(SPAN))[0] for _ in range(3)] == [503, 413, 200]
    assert [note["status"] for note in server.requests()] == [503, 413, 200]
