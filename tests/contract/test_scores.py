"""Scores go in one by one and come out again, as Langfuse does it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.asking import call
from tests.contract.server import ContractServer

SCORE = {
    "id": "s1",
    "traceId": "a" * 32,
    "observationId": "b" * 16,
    "name": "success",
    "value": 1,
    "dataType": "BOOLEAN",
}


def test_a_score_is_kept_and_the_same_id_replaces_it(server: ContractServer) -> None:
    assert call(server, "POST", "/api/public/scores", SCORE) == (200, {"id": "s1"})
    assert call(server, "POST", "/api/public/scores", {**SCORE, "value": 0})[0] == 200
    (score,) = server.scores()
    assert (score["name"], score["value"], score["dataType"], score["environment"]) == (
        "success",
        0,
        "BOOLEAN",
        "default",
    )


def test_a_score_without_an_id_or_a_type_gets_them(server: ContractServer) -> None:
    call(server, "POST", "/api/public/scores", {"traceId": "a" * 32, "name": "confidence", "value": 0.5})
    call(server, "POST", "/api/public/scores", {"traceId": "a" * 32, "name": "verdict", "value": "good"})
    assert [(bool(row["id"]), row["dataType"]) for row in server.scores()] == [(True, "NUMERIC"), (True, "CATEGORICAL")]


@pytest.mark.parametrize(
    "wrong",
    [
        [SCORE],
        {**SCORE, "name": None},
        {**SCORE, "traceId": None},
        {**SCORE, "value": 2},
        {**SCORE, "value": True},
        {**SCORE, "value": "yes"},
        {**SCORE, "dataType": "STAR"},
        {**SCORE, "dataType": "TEXT", "value": "x" * 501},
        {**SCORE, "comment": 7},
        {**SCORE, "timestamp": "yesterday"},
        b"{",
    ],
)
def test_what_is_no_score_is_refused(server: ContractServer, wrong: Any) -> None:
    status, answer = call(server, "POST", "/api/public/scores", wrong)
    assert (status, server.scores()) == (400, [])
    assert answer["message"]


def test_scores_are_read_by_pages_and_by_cursor(server: ContractServer) -> None:
    for number in range(5):
        call(server, "POST", "/api/public/scores", {**SCORE, "id": f"s{number}", "observationId": f"o{number}"})
    page = call(server, "GET", "/api/public/v2/scores?limit=2&page=3")[1]
    assert ([row["id"] for row in page["data"]], page["meta"]["totalItems"]) == (["s0"], 5)
    first = call(server, "GET", "/api/public/v3/scores?limit=3&fields=subject")[1]
    rest = call(server, "GET", f"/api/public/v3/scores?limit=3&cursor={first['meta']['cursor']}")[1]
    assert [row["id"] for row in first["data"] + rest["data"]] == ["s4", "s3", "s2", "s1", "s0"]
    assert first["data"][0]["value"] is True
    assert first["data"][0]["subject"] == {"kind": "observation", "id": "o4", "traceId": "a" * 32}
    assert "cursor" not in rest["meta"]
    assert call(server, "GET", "/api/public/v2/scores?observationId=o2")[1]["meta"]["totalItems"] == 1
    assert call(server, "GET", "/api/public/v3/scores?limit=101")[0] == 400


def test_scores_meet_faults_of_their_own(server: ContractServer) -> None:
    server.script_scores([{"status": 503}, {"status": 500, "accept": True}])
    statuses = [call(server, "POST", "/api/public/scores", {**SCORE, "id": str(n)})[0] for n in range(3)]
    assert statuses == [503, 500, 200] == [note["status"] for note in server.score_requests()]
    assert [score["id"] for score in server.scores()] == ["1", "2"]


def test_a_score_that_names_a_configuration_complies_with_it(server: ContractServer) -> None:
    path = "/api/public/score-configs"
    bounds = {"name": "confidence", "dataType": "NUMERIC", "minValue": 0, "maxValue": 1}
    config = call(server, "POST", path, bounds)[1]
    score = {"traceId": "a" * 32, "name": "confidence", "value": 0.5, "configId": config["id"]}
    assert call(server, "POST", "/api/public/scores", score)[0] == 200
    assert call(server, "POST", "/api/public/scores", {**score, "value": 1.5})[0] == 400
    assert call(server, "POST", "/api/public/scores", {**score, "name": "mood"})[0] == 400
    assert call(server, "POST", "/api/public/scores", {**score, "configId": "none"})[0] == 404
    assert call(server, "POST", path, {"name": "mood", "dataType": "CATEGORICAL"})[0] == 400
    assert call(server, "GET", path)[1]["meta"]["totalItems"] == 1


def test_scores_need_the_keys_and_can_be_deleted(server: ContractServer) -> None:
    assert call(server, "POST", "/api/public/scores", SCORE, Authorization="Basic eA==")[0] == 401
    call(server, "POST", "/api/public/scores", SCORE)
    assert call(server, "DELETE", "/api/public/scores/s1")[0] == 202
    assert call(server, "DELETE", "/api/public/scores/s1")[0] == 404
    assert server.scores() == []
