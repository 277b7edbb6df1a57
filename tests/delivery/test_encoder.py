"""What the encoder writes is what OpenTelemetry's own classes write."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.delivery.support import observation, observations
from tests.examples import examples
from tracing_proxies.delivery.encoder import (
    encode_resource,
    encode_scope,
    encode_span,
    frame_request,
    framed_size,
    normalise_environment,
)
from tracing_proxies.delivery.text import to_json
from tracing_proxies.recording.observation import Observation

hostile_text = st.text(st.characters(exclude_categories=()), max_size=300)
hex_id = st.integers(1, 2**64 - 1).map("{:016x}".format)
hex_trace = st.integers(1, 2**128 - 1).map("{:032x}".format)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | hostile_text
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(hostile_text, v, max_size=4))
further = st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile_text | st.lists(hostile_text, max_size=3)
hostile = st.builds(
    Observation,
    trace_id=hex_trace,
    id=hex_id,
    parent_observation_id=st.none() | hex_id,
    name=hostile_text,
    type=st.sampled_from(["span", "agent", "tool", "generation"]),
    start_time=st.integers(-5, 2**70),
    end_time=st.integers(-5, 2**70),
    level=st.sampled_from(["DEBUG", "DEFAULT", "WARNING", "ERROR"]),
    status_message=st.none() | hostile_text,
    input=st.none() | hostile_text,
    output=st.none() | hostile_text,
    metadata=st.dictionaries(hostile_text, values, max_size=4),
    model=st.none() | hostile_text,
    usage_details=st.dictionaries(st.text(max_size=20), st.integers(0, 2**40), max_size=3),
    user_id=st.none() | hostile_text,
    session_id=st.none() | hostile_text,
    tags=st.lists(hostile_text, max_size=3).map(tuple),
    trace_name=hostile_text,
    environment=hostile_text,
    release=st.none() | hostile_text,
    version=st.none() | hostile_text,
    sampling_weight=st.sampled_from([1.0, 2.5, 100.0]),
    app_root=st.booleans(),
    service_name=hostile_text,
    trace_state=st.none() | hostile_text,
    attributes=st.none() | st.dictionaries(hostile_text.filter(bool), further, max_size=4),
)


def repaired(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def typed(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value) if -(2**63) <= value < 2**63 else AnyValue(string_value=to_json(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=repaired(value))
    found = AnyValue()
    found.array_value.SetInParent()
    found.array_value.values.extend(AnyValue(string_value=repaired(text)) for text in value)
    return found


def with_official_classes(o: Observation) -> Span:
    span = Span(
        trace_id=bytes.fromhex(o.trace_id),
        span_id=bytes.fromhex(o.id),
        trace_state=repaired(o.trace_state or ""),
        parent_span_id=bytes.fromhex(o.parent_observation_id or ""),
        name=repaired(o.name),
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=min(max(o.start_time, 0), 2**64 - 1),
        end_time_unix_nano=min(max(o.end_time, 0), 2**64 - 1),
    )

    def add(key: str, text: str | None) -> None:
        if text is not None:
            span.attributes.append(KeyValue(key=repaired(key), value=AnyValue(string_value=repaired(text))))

    def shown(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, float) and not math.isfinite(value):
            return repr(value)
        return to_json(value)

    prefix = "langfuse.observation."
    add(prefix + "type", o.type)
    add(prefix + "level", o.level)
    add("langfuse.trace.name", o.trace_name or None)
    add("langfuse.environment", normalise_environment(o.environment))
    add("langfuse.release", o.release)
    add("langfuse.version", o.version)
    if o.app_root:
        span.attributes.append(KeyValue(key="langfuse.internal.is_app_root", value=AnyValue(bool_value=True)))
    add(prefix + "status_message", o.status_message)
    add(prefix + "input", o.input)
    add(prefix + "output", o.output)
    add(prefix + "model.name", o.model)
    add(prefix + "usage_details", to_json(o.usage_details) if o.usage_details else None)
    for key, value in o.metadata.items():
        add(prefix + "metadata." + key, shown(value))
    add(prefix + "metadata.sampling.weight", None if o.sampling_weight == 1.0 else str(o.sampling_weight))
    add("user.id", o.user_id and o.user_id[:200] if o.user_id else o.user_id)
    add("session.id", o.session_id[:200] if o.session_id else o.session_id)
    if o.tags:
        tags = AnyValue()
        tags.array_value.values.extend(AnyValue(string_value=repaired(tag)) for tag in o.tags)
        span.attributes.append(KeyValue(key="langfuse.trace.tags", value=tags))
    for key, value in (o.attributes or {}).items():
        span.attributes.append(KeyValue(key=repaired(key), value=typed(value)))
    if o.level == "ERROR":
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=repaired(o.status_message or "")))
    return span


@settings(max_examples=examples(100))
@given(hostile)
def test_the_bytes_are_those_of_the_official_classes(o: Observation) -> None:
    encoded = encode_span(o)
    expected = with_official_classes(o)
    assert Span.FromString(encoded) == expected
    assert encoded == expected.SerializeToString(deterministic=True)


@settings(max_examples=50)
@given(st.lists(hostile, max_size=5), st.text(max_size=300), st.text(max_size=20))
def test_the_envelope_is_that_of_the_official_classes(batch: list[Observation], service: str, version: str) -> None:
    spans = [encode_span(o) for o in batch]
    expected = ExportTraceServiceRequest()
    group = expected.resource_spans.add()
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
    group.resource.CopyFrom(resource)
    scoped = group.scope_spans.add()
    scoped.scope.CopyFrom(InstrumentationScope(name="langfuse-sdk.tracing-proxies", version=version))
    for o in batch:
        scoped.spans.add().CopyFrom(with_official_classes(o))
    body = b"".join(frame_request(spans, encode_resource(service), encode_scope(version)))
    assert body == expected.SerializeToString(deterministic=True)


@settings(max_examples=100)
@given(values)
def test_any_value_becomes_json_text_that_utf8_can_carry(value: Any) -> None:
    json.loads(to_json(value).encode())


def test_the_size_of_a_span_in_a_request_is_exact() -> None:
    spans = [encode_span(observation(input="x" * size)) for size in (0, 100, 20_000, 3_000_000)]
    resource, scope = encode_resource("retail"), encode_scope("1")
    for count in range(1, 5):
        grown = sum(map(len, frame_request(spans[:count], resource, scope)))
        framed = sum(framed_size(span) for span in spans[:count])
        assert 0 < grown - framed <= 512


def test_deep_recursive_and_unknown_values_are_replaced() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    endless: dict[str, Any] = {}
    endless["self"] = endless
    span = encode_span(observation(metadata={"deep": deep, "endless": endless, "object": object(), "huge": 10**5000}))
    assert b"<object>" in span
    assert b"bits>" in span


def test_the_same_observation_gives_the_same_bytes() -> None:
    one = observation(metadata={"b": 1, "a": [1, 2]}, tags=("x", "y"))
    assert encode_span(one) == encode_span(one._replace())


@pytest.mark.parametrize("changes", [{"trace_id": "nonsense"}, {"trace_id": ""}, {"id": "ab"}])
def test_an_observation_without_usable_ids_is_refused_alone(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        encode_span(observation(**changes))


@pytest.mark.parametrize(
    ("given_name", "sent"),
    [
        ("Production EU", "production-eu"),
        ("", "default"),
        ("langfuse-eu", "x-langfuse-eu"),
        ("a" * 50, "a" * 40),
        ("prüf", "pr-f"),
    ],
)
def test_environments_are_written_as_the_server_accepts_them(given_name: str, sent: str) -> None:
    assert normalise_environment(given_name) == sent


def test_user_session_tags_trace_name_and_environment_are_on_every_span() -> None:
    batch = observations(3, user_id="u" * 300, session_id="s", tags=("cron",), release="r1", app_root=False)
    for o in batch:
        found = {item.key: item.value for item in Span.FromString(encode_span(o)).attributes}
        assert found["user.id"].string_value == "u" * 200
        assert found["session.id"].string_value == "s"
        assert [tag.string_value for tag in found["langfuse.trace.tags"].array_value.values] == ["cron"]
        assert found["langfuse.trace.name"].string_value == "simulation"
        assert found["langfuse.environment"].string_value == "test"
        assert found["langfuse.release"].string_value == "r1"
        assert "langfuse.internal.is_app_root" not in found
