"""The Langfuse sink against the contract server, in fair weather and foul."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.support import observation, observations
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Outcome


@pytest.fixture
def sink(server: ContractServer) -> Iterator[LangfuseSink]:
    made = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, read_timeout=2.0)
    yield made
    made.close()


def test_every_field_arrives_as_langfuse_reads_it(server: ContractServer, sink: LangfuseSink) -> None:
    sent = observation(
        type="generation",
        level="ERROR",
        status_message="out of stock",
        parent_observation_id="00000000000000aa",
        metadata={"plain": "raw text", "number": 3, "nested": {"a": [1, None]}, "flag": True},
        model="gpt-x",
        usage_details={"input": 10, "output": 5},
        user_id="u1",
        session_id="s1",
        tags=("cron", "nightly"),
        environment="Prod EU",
        release="2024.1",
        version="7",
        sampling_weight=4.0,
        app_root=True,
    )
    assert sink.write([sent]) == Outcome(delivered=1)
    (got,) = server.observations()
    assert (got["trace_id"], got["id"], got["parent_observation_id"]) == (sent.trace_id, sent.id, "00000000000000aa")
    assert (got["type"], got["level"], got["status_message"]) == ("GENERATION", "ERROR", "out of stock")
    assert got["otlp_status"] == {"code": 2, "message": "out of stock"}
    assert (json.loads(got["input"]), json.loads(got["output"])) == ({"question": 1}, "answer")
    assert got["metadata"] == {
        "plain": "raw text",
        "number": "3",
        "nested": '{"a":[1,null]}',
        "flag": "true",
        "sampling.weight": "4.0",
    }
    assert (got["model"], got["usage_details"]) == ("gpt-x", {"input": 10, "output": 5, "total": 15})
    assert (got["user_id"], got["session_id"], got["tags"]) == ("u1", "s1", ["cron", "nightly"])
    assert (got["trace_name"], got["environment"]) == ("simulation", "prod-eu")
    assert (got["release"], got["version"], got["is_root"]) == ("2024.1", "7", True)
    assert (got["start_time"], got["end_time"]) == (sent.start_time, sent.end_time)
    assert got["scope"].startswith("langfuse-sdk")
    assert got["resource"] == {"service.name": "retail"}


def test_hostile_text_spoils_nothing(server: ContractServer, sink: LangfuseSink) -> None:
    batch = [observation(name="\ud800 name"), observation(input='"\udfff"', metadata={"n": float("nan"), "i": 10**30})]
    assert sink.write(batch).delivered == 2
    assert len(server.observations()) == 2


def test_batches_are_cut_by_count_and_by_size(server: ContractServer, sink: LangfuseSink) -> None:
    assert sink.write(observations(1_000, input=None)).delivered == 1_000
    assert [request["spans"] for request in server.requests()] == [512, 488]
    server.reset()
    assert sink.write(observations(5, input='"' + "x" * 1_500_000 + '"')).delivered == 5
    assert [request["spans"] for request in server.requests()] == [2, 2, 1]


def test_services_do_not_share_a_request(server: ContractServer, sink: LangfuseSink) -> None:
    sink.write([observation(service_name="a"), observation(service_name="b")])
    assert {row["resource"]["service.name"] for row in server.observations()} == {"a", "b"}


@pytest.mark.parametrize("position", [0, 1, 57, 99])
def test_a_poisoned_span_is_isolated_and_the_rest_is_delivered(
    server: ContractServer, sink: LangfuseSink, position: int
) -> None:
    batch = observations(100)
    batch[position] = observation(name="poison")
    server.rules(poison=["poison"])
    assert sink.write(batch) == Outcome(delivered=99, dropped={"rejected": 1})
    assert len(server.observations()) == 99
    assert server.received()["repeated"] == 0
    assert sink.health().ok


def test_a_server_that_rejects_every_span_is_not_asked_a_thousand_times(
    server: ContractServer, sink: LangfuseSink
) -> None:
    server.rules(always={"status": 400})
    outcome = sink.write(observations(500))
    assert len(server.requests()) < 60
    assert len(outcome.remaining) + sum(outcome.dropped.values()) == 500
    assert outcome.retry_after == 300.0
    assert not sink.health().ok


def test_a_batch_that_is_too_large_is_halved(server: ContractServer, sink: LangfuseSink) -> None:
    server.rules(max_spans=30)
    assert sink.write(observations(100)) == Outcome(delivered=100)
    assert len(server.observations()) == 100


def test_a_single_span_that_is_too_large_loses_the_ends_of_its_texts(
    server: ContractServer, sink: LangfuseSink
) -> None:
    server.rules(max_bytes=10_000)
    large = observation(input='"' + "x" * 20_000 + '"', metadata={"note": "y" * 20_000, "short": "kept"})
    batch = [*observations(3), large, *observations(3)]
    assert sink.write(batch) == Outcome(delivered=7)
    assert sink.details()["shortened"] == 1
    (got,) = [row for row in server.observations() if row["id"] == large.id]
    assert json.loads(got["input"]).endswith("xx… [cut: 20002 characters]"), "it is JSON still"
    assert got["metadata"]["note"].endswith("yy… [cut: 20000 characters]")
    assert (got["metadata"]["short"], got["output"]) == ("kept", large.output)
    assert (got["start_time"], got["trace_id"]) == (large.start_time, large.trace_id)


def test_a_span_that_is_too_large_even_so_is_dropped_and_counted(server: ContractServer, sink: LangfuseSink) -> None:
    server.rules(max_bytes=1_500)
    batch = [*observations(2), observation(metadata={f"key-{n}": "z" * 900 for n in range(5)}), *observations(2)]
    assert sink.write(batch) == Outcome(delivered=4, dropped={"too_large": 1})


def test_a_server_that_refuses_one_span_after_another_is_left_alone_before_all_are_lost(
    server: ContractServer, sink: LangfuseSink
) -> None:
    server.rules(always={"status": 400})
    outcomes = [sink.write(observations(1)) for _ in range(18)]
    assert [outcome.retry_after for outcome in outcomes] == [None] * 15 + [300.0] * 3
    server.rules()
    assert sink.write(observations(1)) == Outcome(delivered=1)
    server.rules(always={"status": 400})
    assert sink.write(observations(1)) == Outcome(dropped={"rejected": 1}), "and is trusted again"


def test_an_observation_that_cannot_be_encoded_is_dropped_alone(server: ContractServer, sink: LangfuseSink) -> None:
    assert sink.write([observation(), observation(id="no id")]) == Outcome(delivered=1, dropped={"encode": 1})


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("nan", 5.0), ("-3", 1.0), ("99999", 300.0), ("tomorrow", 5.0)]
)
def test_a_server_that_asks_for_patience_gets_it(
    server: ContractServer, sink: LangfuseSink, value: str, seconds: float
) -> None:
    batch = observations(3)
    server.script([{"status": 429, "headers": {"Retry-After": value}}])
    outcome = sink.write(batch)
    assert list(outcome.remaining) == batch
    assert (outcome.retry_after, outcome.reachable) == (seconds, True)
    assert sink.write(outcome.remaining).delivered == 3


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 410, 415])
def test_wrong_keys_keep_the_spans_and_turn_health_red(server: ContractServer, sink: LangfuseSink, status: int) -> None:
    server.script([{"status": status}])
    outcome = sink.write(observations(2))
    assert len(outcome.remaining) == 2
    assert (outcome.retry_after, outcome.reachable) == (300.0, False)
    assert str(status) in sink.health().reason
    assert "/api/public/otel/v1/traces" in sink.health().reason
    assert sink.write(outcome.remaining).delivered == 2
    assert sink.health().ok


def test_really_wrong_keys_are_refused_by_the_server(server: ContractServer) -> None:
    sink = LangfuseSink(server.url, PUBLIC_KEY, "sk-lf-wrong")
    assert len(sink.write(observations(1)).remaining) == 1
    assert not sink.health().ok
    assert "sk-lf-wrong" not in sink.health().reason + repr(sink)
    sink.close()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 408},
        {"status": 500},
        {"status": 502},
        {"status": 503, "headers": {"Retry-After": "2"}},
        {"status": 504},
        {"close": True},
        {"reset": True},
        {"html": True},
    ],
)
def test_passing_trouble_leaves_everything_remaining(
    server: ContractServer, sink: LangfuseSink, fault: dict[str, Any]
) -> None:
    batch = observations(4)
    server.script([fault])
    outcome = sink.write(batch)
    assert list(outcome.remaining) == batch
    assert sink.write(outcome.remaining) == Outcome(delivered=4)
    assert len(server.observations()) == 4


def test_trouble_in_the_middle_keeps_what_comes_after_in_order(server: ContractServer) -> None:
    sink = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, max_batch_spans=10)
    batch = observations(40)
    server.script([{}, {"status": 503}])
    outcome = sink.write(batch)
    assert outcome.delivered == 10
    assert list(outcome.remaining) == batch[10:]
    sink.close()


def test_a_reply_that_was_lost_after_the_spans_were_accepted_resends_identical_bytes(
    server: ContractServer, sink: LangfuseSink
) -> None:
    server.script([{"close": True, "accept": True}])
    outcome = sink.write(observations(20, metadata={"a": 1}, tags=("x",)))
    assert sink.write(outcome.remaining).delivered == 20
    first, second = server.requests()
    assert first["sha256"] == second["sha256"]
    received = server.received()
    assert (received["unique"], received["repeated"]) == (20, 20)


def test_a_partial_success_counts_the_rejected_and_resends_nothing(server: ContractServer, sink: LangfuseSink) -> None:
    server.script([{"status": 200, "body": {"partialSuccess": {"rejectedSpans": "2"}}}])
    assert sink.write(observations(5)) == Outcome(delivered=3, dropped={"rejected": 2})
