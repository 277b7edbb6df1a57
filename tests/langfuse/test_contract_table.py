"""What Langfuse's server takes and gives, line by line, each with the tests that hold us to it.

The lines are those of the contract that was verified against server 4.16. Whoever adds one adds its test: a line
without one fails, and so does a test that is named here and is no more.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import tracing_proxies
from tests.contract.server import ContractServer
from tests.delivery.support import observation
from tests.langfuse import work
from tracing_proxies.delivery.encoder import encode_span
from tracing_proxies.delivery.request_limits import MAX_BATCH_BYTES
from tracing_proxies.delivery.shortening import LIMITS
from tracing_proxies.langfuse import LangfuseIntegrationService
from tracing_proxies.registry.keys import LEVELS, OBSERVATIONS

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/langfuse/test_contract_table.py"
SINK = "tests/delivery/test_langfuse_sink.py"
NETWORK = "tests/delivery/test_network_refusals.py"
SCORES = "tests/langfuse/test_scores.py"
SYNC = "tests/langfuse/test_dashboards_sync.py"
SERVICE = "tests/langfuse/test_service.py"
BOARDS = "tests/contract/test_boards.py"
READS = "tests/contract/test_reads.py"
ATTRIBUTE = f"{HERE}::test_an_attribute_is_written_as_the_server_wants_it"
META = {"test_every_line_of_the_contract_has_a_test", "test_every_test_of_this_file_is_of_a_line"}
Activate = Callable[..., None]

TABLE: dict[str, tuple[str, ...]] = {
    # Ingestion
    "spans are posted to /api/public/otel/v1/traces with Basic auth, as protobuf, in gzip": (
        f"{HERE}::test_an_upload_is_gzipped_protobuf_of_version_4_with_the_keys",
    ),
    "x-langfuse-ingestion-version is 4; 5 gives 400": (
        f"{HERE}::test_an_upload_is_gzipped_protobuf_of_version_4_with_the_keys",
        "tests/contract/test_langfuse_server.py::test_keys_and_ingestion_version_are_checked",
    ),
    "200 with the JSON of a queue's job is success, {} where nothing was sent": (
        f"{SINK}::test_every_field_arrives_as_langfuse_reads_it",
        "tests/contract/test_langfuse_server.py::test_an_empty_batch_is_answered_with_an_empty_object",
    ),
    "400 rejects the whole batch: the span that is to blame is isolated": (
        f"{SINK}::test_a_poisoned_span_is_isolated_and_the_rest_is_delivered",
        f"{NETWORK}::test_the_span_that_spoils_a_batch_is_found_and_kept_apart_and_the_rest_arrives",
    ),
    "401, 403, 404 are about keys and address: nothing is thrown away": (
        f"{SINK}::test_wrong_keys_keep_the_spans_and_turn_health_red",
        f"{NETWORK}::test_a_closed_door_is_told_with_its_path_and_tried_again_after_five_minutes",
    ),
    "429 comes with Retry-After in seconds": (f"{SINK}::test_a_server_that_asks_for_patience_gets_it",),
    "500 and 503 are retried": (f"{SINK}::test_passing_trouble_leaves_everything_remaining",),
    "batches have at most 4 MB": (
        f"{HERE}::test_no_batch_is_larger_than_4_megabytes",
        f"{SINK}::test_batches_are_cut_by_count_and_by_size",
    ),
    "spans have at most 1 MB": (
        f"{HERE}::test_a_span_of_more_than_a_megabyte_can_be_cut_below_it",
        f"{SINK}::test_a_single_span_that_is_too_large_loses_the_ends_of_its_texts",
    ),
    "lists show the first 200 characters of a metadata value; the span keeps it whole": (
        f"{HERE}::test_metadata_of_more_than_200_characters_stays_whole",
    ),
    "a row is known by minute, trace, span and start; the last one received wins as a whole": (
        f"{SERVICE}::test_each_change_after_the_end_sends_the_whole_row_again",
        "tests/contract/test_langfuse_server.py::test_a_row_is_known_by_its_ids_and_start_and_the_last_one_wins",
    ),
    "another start makes a second row for ever: what is sent again has the same start": (
        f"{SINK}::test_a_reply_that_was_lost_after_the_spans_were_accepted_resends_identical_bytes",
        f"{SERVICE}::test_it_can_be_seen_before_it_has_ended",
    ),
    "late spans and those out of order are fine": (
        f"{SERVICE}::test_what_is_said_of_a_trace_later_reaches_all_of_its_rows",
    ),
    "an end of 0 gives a negative latency: an end is never before its start": (
        f"{HERE}::test_a_row_of_what_goes_on_has_an_end",
    ),
    "langfuse.observation.type in small letters, each of the ten types": (
        f"{HERE}::test_every_type_arrives_as_itself",
    ),
    "unknown types become SPAN": ("tests/contract/test_langfuse_server.py::test_unknown_types_become_spans",),
    "langfuse.observation.input and output are JSON text": (ATTRIBUTE,),
    "langfuse.observation.level is one of four": (f"{HERE}::test_every_level_arrives_as_itself",),
    "langfuse.observation.status_message": (ATTRIBUTE,),
    "langfuse.observation.model.name": (ATTRIBUTE,),
    "langfuse.observation.model.parameters is JSON": (ATTRIBUTE,),
    "langfuse.observation.usage_details is a JSON object of integers": (ATTRIBUTE,),
    "langfuse.observation.cost_details is JSON": (ATTRIBUTE,),
    "langfuse.observation.completion_start_time": (ATTRIBUTE,),
    "langfuse.observation.metadata.<key>: strings raw": (
        ATTRIBUTE,
        "tests/langfuse/test_adoption.py::test_an_observation_says_what_the_sdk_would_have_said",
    ),
    "user.id and session.id have at most 200 characters": (f"{HERE}::test_user_and_session_are_cut_at_200_characters",),
    "langfuse.trace.name": (ATTRIBUTE,),
    "langfuse.trace.tags is an array": (ATTRIBUTE,),
    "langfuse.environment in small letters, at most 40, [a-z0-9-_]": (f"{HERE}::test_an_environment_is_made_to_fit",),
    "langfuse.release": (ATTRIBUTE,),
    "langfuse.version": (ATTRIBUTE,),
    "langfuse.trace.public": (ATTRIBUTE,),
    "user, session, tags, trace name, environment, release and version stand on every span": (
        f"{HERE}::test_what_is_of_the_trace_stands_on_every_span",
        "tests/langfuse/test_adoption.py::test_user_session_and_tags_of_the_sdk_stand_on_all_that_follows",
    ),
    "a root has no parent, or langfuse.internal.is_app_root": (
        f"{HERE}::test_the_first_span_below_a_remote_parent_is_marked_as_root",
        f"{HERE}::test_there_is_one_root",
    ),
    "orphans leave a trace without a name: the first kept span is marked where its parent was dropped": (
        "tests/langfuse/test_adoption.py::test_a_span_that_the_sdk_filters_out_leaves_no_orphans",
    ),
    "the scope is named langfuse-sdk…": (f"{HERE}::test_the_scope_is_the_sdks",),
    "exception events become no status message: level and message are attributes too": (
        f"{HERE}::test_an_exception_is_written_as_level_and_message",
    ),
    # REST
    "GET /api/public/health needs no keys and tells the version": (
        f"{SERVICE}::test_health_says_version_project_and_what_is_wrong",
        "tests/contract/test_langfuse_server.py::test_health_needs_no_keys",
    ),
    "GET /api/public/projects checks the keys": (f"{SERVICE}::test_health_says_version_project_and_what_is_wrong",),
    "GET /api/public/v2/observations with fields, limit, cursor and filters": (
        f"{READS}::test_observations_come_by_pages_with_the_fields_that_were_asked_for",
    ),
    "GET /api/public/v2/metrics with one query": (
        f"{READS}::test_metrics_are_grouped_filtered_aggregated_ordered_and_limited",
        "tests/langfuse/test_metrics_report.py::test_each_agent_has_its_times_its_success_its_throughput_and_its_confidence",
    ),
    "both answer 404 on servers in legacy mode": (
        f"{BOARDS}::test_a_server_in_legacy_mode_has_no_second_version_of_reads",
        "tests/langfuse/test_metrics_report.py::test_a_server_in_legacy_mode_is_told_of_with_what_to_do",
    ),
    "POST /api/public/scores takes one object": (
        f"{HERE}::test_a_score_is_one_object_with_the_servers_names",
        f"{SCORES}::test_each_agent_is_scored_as_a_success_or_not",
    ),
    "a score of the same id takes the other's place": (f"{SCORES}::test_the_latest_score_of_a_name_holds",),
    "arrays of scores, which SDK 5 sends, are refused with 400": (
        "tests/contract/test_scores.py::test_what_is_no_score_is_refused",
        "tests/langfuse/test_adoption.py::test_scores_of_the_sdk_arrive_though_version_5_sends_them_in_arrays",
    ),
    "models and their prices make costs of tokens": (
        f"{READS}::test_tokens_are_summed_up_and_cost_what_the_model_costs",
    ),
    "widgets can be made, read, changed and deleted, but not while they are placed (409)": (
        f"{BOARDS}::test_a_widget_is_created_read_changed_and_deleted",
        f"{BOARDS}::test_a_placed_widget_cannot_be_deleted",
    ),
    "dashboards and their placements likewise": (
        f"{BOARDS}::test_placements_come_below_the_others_move_and_go",
        f"{BOARDS}::test_definitions_refer_to_widgets_that_are_there_with_ids_of_their_own",
    ),
    "names are not unique and there is no metadata: a marker in the description tells ours": (
        f"{SYNC}::test_things_of_the_same_name_that_others_made_are_not_touched",
    ),
    "a definition sets the whole grid of 12 columns": (f"{SYNC}::test_widgets_stand_where_they_are_declared_to",),
    "lists come by pages of at most 100": (f"{BOARDS}::test_lists_have_pages_and_those_first_that_were_updated_last",),
    "errors have message, code and details": (
        f"{BOARDS}::test_what_is_no_widget_is_refused_by_both_creation_and_change",
    ),
    "a server without the unstable API answers 404": (
        f"{SYNC}::test_a_server_without_the_api_is_told_of_in_plain_words",
    ),
    "metadata can be filtered on and is no dimension": (f"{READS}::test_metadata_is_filtered_by_and_not_grouped_by",),
    "the success rate is the average of the BOOLEAN score success": (
        f"{READS}::test_the_average_of_a_boolean_score_is_the_rate_of_truth",
        f"{SCORES}::test_each_agent_is_scored_as_a_success_or_not",
    ),
    "widgets' views, aggregations, charts, dimensions and measures": (
        "tests/langfuse/test_dashboards_filled.py::test_every_widget_is_filled",
    ),
}


@lru_cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("line", TABLE)
def test_every_line_of_the_contract_has_a_test(line: str) -> None:
    assert TABLE[line], "no test is named"
    for proof in TABLE[line]:
        file, _, name = proof.partition("::")
        assert name in names_in(file), proof


def test_every_test_of_this_file_is_of_a_line() -> None:
    named = {proof.partition("::")[2] for proofs in TABLE.values() for proof in proofs}
    assert names_in(HERE) - named == META


REGISTRY = """
service: { environment: qa, release: r1, version: "7" }
trace:
  - match: tests.langfuse.work:decide
    observation: generation
    name: decision
    session: "'s1'"
    user: "'u1'"
    tags: [web, "{function}"]
    metadata: { plain: "'raw text'", number: result.n, nested: result.nested }
    model: "'m-1'"
    usage: { input: result.n, output: result.n }
    status_message: "'fine'"
  - match: tests.langfuse.work:tool
"""


def flushed(server: ContractServer) -> dict[str, dict[str, Any]]:
    assert tracing_proxies.flush(10)
    return {row["name"]: row for row in server.observations()}


@pytest.fixture
def decision(server: ContractServer, activate: Activate) -> dict[str, Any]:
    """Trace one call, and have a service write what rules have no key for; returns all attributes."""
    activate(REGISTRY)
    work.decide({"n": 3, "nested": {"a": [1]}})
    row = flushed(server)["decision"]
    with LangfuseIntegrationService.connect() as service:
        values = {"model_parameters": {"t": 0.5}, "cost": {"total": 0.25}, "completion_start": 10**18, "public": True}
        service.create_trace("by hand", **values).finalise()
        assert service.flush(10)
    by_hand = next(found for found in server.observations() if found["name"] == "by hand")
    return {**by_hand["attributes"], **row["attributes"]}


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("langfuse.observation.input", '{"result":{"n":3,"nested":{"a":[1]}}}'),
        ("langfuse.observation.output", '{"n":3,"nested":{"a":[1]}}'),
        ("langfuse.observation.status_message", "fine"),
        ("langfuse.observation.model.name", "m-1"),
        ("langfuse.observation.model.parameters", '{"t": 0.5}'),
        ("langfuse.observation.usage_details", '{"input":3,"output":3}'),
        ("langfuse.observation.cost_details", '{"total": 0.25}'),
        ("langfuse.observation.completion_start_time", "2001-09-09T01:46:40.000Z"),
        ("langfuse.observation.metadata.plain", "raw text"),
        ("langfuse.observation.metadata.number", "3"),
        ("langfuse.observation.metadata.nested", '{"a":[1]}'),
        ("langfuse.trace.name", "decision"),
        ("langfuse.trace.tags", ["web", "decide"]),
        ("langfuse.release", "r1"),
        ("langfuse.version", "7"),
        ("langfuse.trace.public", True),
    ],
)
def test_an_attribute_is_written_as_the_server_wants_it(
    decision: dict[str, Any], attribute: str, expected: Any
) -> None:
    assert decision[attribute] == expected


def test_an_upload_is_gzipped_protobuf_of_version_4_with_the_keys(server: ContractServer, activate: Activate) -> None:
    activate(REGISTRY)
    work.tool()
    flushed(server)
    [request] = server.requests()
    headers = request["headers"]
    assert request["status"] == 200  # the server has checked path and keys
    assert (headers["content-type"], headers["content-encoding"]) == ("application/x-protobuf", "gzip")
    assert headers["x-langfuse-ingestion-version"] == "4"


def test_no_batch_is_larger_than_4_megabytes() -> None:
    assert MAX_BATCH_BYTES <= 4_000_000


def test_a_span_of_more_than_a_megabyte_can_be_cut_below_it() -> None:
    assert len(encode_span(observation(input='"' + "x" * 2_000_000 + '"'))) > 1_000_000
    assert min(LIMITS) < 1_000_000


def test_metadata_of_more_than_200_characters_stays_whole(server: ContractServer, activate: Activate) -> None:
    activate("trace:\n  - match: tests.langfuse.work:tool\n    metadata: { long: args.name }\n")
    work.tool("x" * 300)
    assert len(flushed(server)["tool"]["metadata"]["long"]) == 300


def test_a_row_of_what_goes_on_has_an_end(server: ContractServer, environ: None) -> None:
    with LangfuseIntegrationService.connect() as service:
        service.create_trace("going on").send()
        assert service.flush(10)
    [row] = server.observations()
    assert row["end_time"] >= row["start_time"] > 0


def test_every_type_arrives_as_itself(server: ContractServer, environ: None) -> None:
    with LangfuseIntegrationService.connect() as service:
        for kind in OBSERVATIONS:
            service.create_trace(kind, type=kind).finalise()
        assert service.flush(10)
    rows = server.observations()
    assert {row["name"]: row["attributes"]["langfuse.observation.type"] for row in rows} == {k: k for k in OBSERVATIONS}
    assert {row["type"] for row in rows} == {kind.upper() for kind in OBSERVATIONS}


def test_every_level_arrives_as_itself(server: ContractServer, environ: None) -> None:
    with LangfuseIntegrationService.connect() as service:
        for level in LEVELS:
            service.create_trace(level, level=level).finalise()
        assert service.flush(10)
    assert {row["name"]: row["level"] for row in server.observations()} == {level: level for level in LEVELS}


def test_user_and_session_are_cut_at_200_characters(server: ContractServer, environ: None) -> None:
    with LangfuseIntegrationService.connect() as service:
        service.create_trace("long", user="u" * 300, session="s" * 300).finalise()
        assert service.flush(10)
    [row] = server.observations()
    assert (len(row["user_id"]), len(row["session_id"])) == (200, 200)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Prod EU", "prod-eu"), ("x" * 60, "x" * 40), ("langfuse-dev", "x-langfuse-dev"), ("a_b-1", "a_b-1")],
)
def test_an_environment_is_made_to_fit(
    server: ContractServer, activate: Activate, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", given)
    activate("trace:\n  - match: tests.langfuse.work:tool\n")
    work.tool()
    assert flushed(server)["tool"]["attributes"]["langfuse.environment"] == expected


def test_what_is_of_the_trace_stands_on_every_span(server: ContractServer, activate: Activate) -> None:
    activate(REGISTRY.replace("decide\n    observation: generation", "agent"))
    work.agent(lambda: {"n": work.tool()})
    rows = flushed(server)
    assert set(rows) == {"decision", "tool"}
    for row in rows.values():
        told = row["attributes"]
        assert (told["user.id"], told["session.id"], told["langfuse.trace.tags"]) == ("u1", "s1", ["web", "agent"])
        assert (told["langfuse.trace.name"], told["langfuse.environment"]) == ("decision", "qa")
        assert (told["langfuse.release"], told["langfuse.version"]) == ("r1", "7")


def test_there_is_one_root(server: ContractServer, activate: Activate) -> None:
    activate("trace:\n  - match: tests.langfuse.work:*\n")
    work.agent(work.tool)
    assert {row["name"]: row["is_root"] for row in flushed(server).values()} == {"agent": True, "tool": False}


def test_the_first_span_below_a_remote_parent_is_marked_as_root(server: ContractServer, activate: Activate) -> None:
    from opentelemetry import context, trace

    activate("trace:\n  - match: tests.langfuse.work:*\n")
    remote = trace.SpanContext(1 << 100, 1 << 50, is_remote=True, trace_flags=trace.TraceFlags(1))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(remote)))
    try:
        work.agent(work.tool)
    finally:
        context.detach(token)
    rows = flushed(server)
    assert rows["agent"]["parent_observation_id"] == f"{1 << 50:016x}"
    assert rows["agent"]["attributes"]["langfuse.internal.is_app_root"] is True
    assert "langfuse.internal.is_app_root" not in rows["tool"]["attributes"]


def test_the_scope_is_the_sdks(server: ContractServer, activate: Activate) -> None:
    activate("trace:\n  - match: tests.langfuse.work:tool\n")
    work.tool()
    row = flushed(server)["tool"]
    assert row["scope"].startswith("langfuse-sdk")
    assert not any(key.startswith("attributes.") for key in row["metadata"])


def test_an_exception_is_written_as_level_and_message(server: ContractServer, activate: Activate) -> None:
    activate("trace:\n  - match: tests.langfuse.work:agent\n")
    with pytest.raises(ZeroDivisionError):
        work.agent(lambda: 1 / 0)
    told = flushed(server)["agent"]["attributes"]
    assert told["langfuse.observation.level"] == "ERROR"
    assert told["langfuse.observation.status_message"].startswith("ZeroDivisionError: ")


def test_a_score_is_one_object_with_the_servers_names(server: ContractServer, activate: Activate) -> None:
    activate("service: { environment: qa }")
    trace_id, span_id = "ab" * 16, "cd" * 8
    tracing_proxies.score(trace_id=trace_id, observation_id=span_id, name="grade", value="good", comment="why")
    flushed(server)
    [score] = server.scores()
    assert {key: score[key] for key in ("traceId", "observationId", "name", "value", "dataType", "comment")} == {
        "traceId": trace_id,
        "observationId": span_id,
        "name": "grade",
        "value": "good",
        "dataType": "CATEGORICAL",
        "comment": "why",
    }
    assert (score["environment"], json.dumps(score["id"]).count("-")) == ("qa", 4)
