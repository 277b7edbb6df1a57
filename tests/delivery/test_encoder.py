"""The bytes written by hand decode to what the official classes would hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tracing_proxies.delivery.encoder import (
    encode_request,
    encode_resource,
    encode_scope,
    encode_span,
    framed_size,
    normalise_environment,
)
from tracing_proxies.delivery.sinks.discard import DiscardSink
from tracing_proxies.recording.observation import Observation

texts = st.text(st.characters(exclude_categories=()), max_size=300)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts


def make(**changes: Any) -> Observation:
    values: dict[str, Any] = {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "id": "b7ad6b7169203331",
        "parent_observation_id": None,
        "name": "handle",
        "type": "agent",
        "start_time": 1_700_000_000_000_000_000,
        "end_time": 1_700_000_000_500_000_000,
        "level": "DEFAULT",
        "status_message": None,
        "input": None,
        "output": None,
        "metadata": {},
        "model": None,
        "usage_details": {},
        "user_id": None,
        "session_id": None,
        "tags": (),
        "trace_name": "handle",
        "environment": "dev",
        "release": None,
        "version": None,
        "sampling_weight": 1.0,
        "app_root": True,
        "service_name": "shop",
    }
    return Observation(**{**values, **changes})


def repaired(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def decoded(observation: Observation) -> tuple[Span, dict[str, Any]]:
    span = Span.FromString(encode_span(observation))
    return span, {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@given(texts, texts, st.dictionaries(texts, scalars, max_size=4), st.lists(texts, max_size=3), texts)
def test_every_text_arrives_whole_or_repaired(
    name: str, output: str, metadata: dict[str, Any], tags: list[str], message: str
) -> None:
    observation = make(
        name=name, output=output, metadata=metadata, tags=tuple(tags), level="ERROR", status_message=message
    )
    span, attributes = decoded(observation)
    assert span.name == repaired(name)
    assert attributes["langfuse.observation.output"] == repaired(output)
    assert span.status == Status(code=Status.STATUS_CODE_ERROR, message=repaired(message))
    for key, value in metadata.items():
        if isinstance(value, str):
            assert attributes["langfuse.observation.metadata." + repaired(key)] == repaired(value)
    if tags:
        values = [item.string_value for item in attributes["langfuse.trace.tags"].values]
        assert values == [repaired(tag) for tag in tags]


def test_ids_times_and_the_root_mark_are_those_of_the_observation() -> None:
    span, attributes = decoded(make(parent_observation_id="00f067aa0ba902b7", usage_details={"input": 3, "output": 4}))
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert span.end_time_unix_nano - span.start_time_unix_nano == 500_000_000
    assert attributes["langfuse.internal.is_app_root"] is True
    assert json.loads(attributes["langfuse.observation.usage_details"]) == {"input": 3, "output": 4}


def test_a_request_frames_all_spans_and_sizes_are_exact() -> None:
    spans = [encode_span(make(name=f"span {n}", input="x" * n * 50)) for n in range(20)]
    body = encode_request(spans, encode_resource("shop"), encode_scope("0.1.0"))
    request = ExportTraceServiceRequest.FromString(body)
    [scope_spans] = request.resource_spans[0].scope_spans
    assert [span.name for span in scope_spans.spans] == [f"span {n}" for n in range(20)]
    assert scope_spans.scope.name.startswith("langfuse-sdk")
    assert request.resource_spans[0].resource.attributes[0].value.string_value == "shop"
    empty = len(encode_request([], encode_resource("shop"), encode_scope("0.1.0")))
    assert abs(len(body) - empty - sum(map(framed_size, spans))) <= 6  # the two outer lengths grow by a few bytes


@pytest.mark.parametrize(
    ("name", "accepted"), [("Prod EU", "prod-eu"), ("", "default"), ("langfuse-x", "x-langfuse-x")]
)
def test_an_environment_is_written_as_the_server_accepts_it(name: str, accepted: str) -> None:
    assert normalise_environment(name) == accepted


def test_one_bad_span_does_not_spoil_its_batch() -> None:
    outcome = DiscardSink().write([make(), make(id="not hexadecimal"), make()])
    assert outcome.delivered == 2
    assert outcome.dropped == {"encode": 1}
