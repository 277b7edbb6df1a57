"""A server that answers too slowly, too much, or not at all: identical bytes are sent again, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import ContractServer
from tests.delivery.network import Application, langfuse
from tracing_proxies.delivery.breaker import PROBE_PATIENCE

Start = Callable[..., Application]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"stall": 3}, "did not answer in time"),
        ({"drip": 3}, "did not answer in time"),
        ({"drip_body": 3}, "did not answer in time"),
        ({"reset": True}, "broke the connection off (ConnectionResetError)"),
        ({"close": True}, "broke the connection off (RemoteDisconnected)"),
        ({"nonsense": "220 smtp.example ESMTP\r\n"}, "broke the connection off (BadStatusLine)"),
        ({"endless_headers": 3_000_000}, "gives a reply without an end"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_reply_that_does_not_come_leaves_the_spans_on_disk_and_sends_the_same_bytes_again(
    start: Start, server: ContractServer, folder: Path, fault: dict[str, Any], reason: str
) -> None:
    server.rules(always=fault)
    application = start(langfuse(server.url, folder))
    application.make(1)
    assert application.has_tried()
    assert reason in application.status["reason"]
    assert not application.status["healthy"]
    assert application.ends_with(spooled=1)
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=1)
    assert (server.counts()["unique"], server.counts()["repeated"]) == (1, 0)
    bodies = {request["sha256"] for request in server.requests() if request["spans"]}
    assert len(bodies) == 1


@pytest.mark.parametrize("lost", [{"close": True}, {"drip_body": 3}, {"stall": 3}], ids=str)
def test_spans_whose_acceptance_was_never_heard_of_are_sent_again_with_identical_bytes(
    start: Start, server: ContractServer, folder: Path, lost: dict[str, Any]
) -> None:
    server.script([{**lost, "accept": True}])
    application = start(langfuse(server.url, folder))
    application.make(1)
    assert application.has_tried()
    assert application.account().lost == 0
    application.retry_now()
    assert application.ends_with(delivered=1)
    first, second = server.requests()
    assert first["sha256"] == second["sha256"]
    assert (server.counts()["unique"], server.counts()["repeated"]) == (1, 1), "one row, which was written twice"


def test_an_acceptance_that_breaks_off_after_its_status_is_one_all_the_same(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.script([{"cut": True, "accept": True}])
    application = start(langfuse(server.url, folder))
    application.make(1)
    assert application.ends_with(delivered=1)
    assert (server.counts()["unique"], server.counts()["repeated"]) == (1, 0)


def test_an_acceptance_without_an_end_is_read_no_further_than_its_limit(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.script([{"endless": 10_000_000, "accept": True}])
    application = start(langfuse(server.url, folder))
    application.make(5)
    assert application.ends_with(delivered=5)
    application.make(5)
    assert application.ends_with(delivered=10)
    assert server.counts()["repeated"] == 0
    assert len({request["connection"] for request in server.requests()}) > 1, "the rest of it was not waited for"


def test_a_probe_of_a_server_that_hangs_is_given_up_sooner_than_a_request(
    start: Start, server: ContractServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.rules(always={"stall": 5})
    sink = langfuse(server.url, folder, read_timeout=2.0)
    told: list[float | None] = []
    hasten = sink.hasten
    monkeypatch.setattr(sink, "hasten", lambda patience: (told.append(patience), hasten(patience)))
    application = start(sink)
    application.make(2)
    assert application.is_left_alone()
    for _ in range(2):
        application.retry_now()
        assert application.tries()
    assert told[:3] == [None, PROBE_PATIENCE, PROBE_PATIENCE]
    assert application.ends_with(spooled=2)
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=2)
    application.make(2)
    assert application.ends_with(delivered=4)
    assert told[-1] is None, "requests have their time again"


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_passing_trouble_opens_the_breaker_at_the_fifth_reply(
    start: Start, server: ContractServer, folder: Path, status: int
) -> None:
    server.rules(always={"status": status})
    application = start(langfuse(server.url, folder))
    application.make(4)
    states = []
    for number in range(1, 6):
        assert application.tries() or application.status["attempts"] >= number
        states.append((application.breaker["failures"], application.breaker["state"]))
        application.retry_now()
    # The next attempt may have come in between; the state belongs to the count all the same.
    for failures, state in states:
        assert (state != "closed") == (failures >= 5)
    assert application.is_left_alone()
    assert application.breaker["reason"] == f"HTTP {status} ({server.url}/api/public/otel/v1/traces)"
    assert application.ends_with(spooled=4)
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=4)
    assert application.breaker["state"] == "closed"
    assert server.counts()["repeated"] == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"html": True}, "HTTP 200, but not from the ingestion API: is a login page in between?"),
        ({"redirect": "/elsewhere"}, "HTTP 302: redirects are not followed, check the host's address"),
        ({"status": 307, "headers": {"Location": "/elsewhere"}}, "HTTP 307: redirects are not followed"),
    ],
    ids=["page", "302", "307"],
)
def test_a_page_or_a_redirect_is_no_success(
    start: Start, server: ContractServer, folder: Path, fault: dict[str, Any], reason: str
) -> None:
    server.rules(always=fault)
    application = start(langfuse(server.url, folder))
    application.make(6)
    assert application.has_tried()
    assert reason in application.status["reason"]
    assert application.ends_with(spooled=6)
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=6)
    assert server.counts()["repeated"] == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_credentials_never_follow_a_redirect_to_another_host(
    start: Start, server: ContractServer, own_server: ContractServer, folder: Path, status: int
) -> None:
    server.rules(always={"status": status, "headers": {"Location": own_server.url + "/api/public/otel/v1/traces"}})
    application = start(langfuse(server.url, folder))
    application.make(2)
    assert application.has_tried()
    assert application.ends_with(spooled=2)
    assert own_server.requests() == []


def test_of_a_partial_success_the_rejected_are_counted_and_the_accepted_not_sent_again(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(always={"partial": 1})
    application = start(langfuse(server.url, folder))
    application.make(1)
    assert application.ends_with(dropped={"rejected": 1})
    application.make(1)
    assert application.ends_with(dropped={"rejected": 2})
    server.rules()
    application.make(8)
    assert application.ends_with(delivered=8, dropped={"rejected": 2})
    assert (server.counts()["unique"], server.counts()["repeated"]) == (8, 0)
