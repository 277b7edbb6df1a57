"""Reads OTLP trace requests the way Langfuse's server does: attributes in, observations out."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.contract.times import nanoseconds

TYPES = frozenset("span generation event embedding agent tool chain retriever guardrail evaluator".split())
_METADATA = "langfuse.observation.metadata."


class BadRequest(ValueError):
    """The whole batch is refused with 400."""


def decode_protobuf(body: bytes) -> list[dict[str, Any]]:
    """Decode an ExportTraceServiceRequest into observations."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as exc:
        raise BadRequest("undecodable protobuf") from exc
    found = []
    for group in request.resource_spans:
        resource = {item.key: _value(item.value) for item in group.resource.attributes}
        for scoped in group.scope_spans:
            for span in scoped.spans:
                raw = {
                    "trace_id": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "status": {"code": span.status.code, "message": span.status.message},
                    "attributes": {item.key: _value(item.value) for item in span.attributes},
                }
                found.append(_observation(raw, resource, scoped.scope.name))
    return found


def decode_json(body: bytes) -> list[dict[str, Any]]:
    """Decode OTLP/JSON (ids in hexadecimal, 64-bit integers as text) into observations."""
    try:
        request = json.loads(body)
    except ValueError as exc:
        raise BadRequest("undecodable JSON") from exc
    found = []
    for group in request.get("resourceSpans", []):
        resource = _json_attributes(group.get("resource", {}).get("attributes", []))
        for scoped in group.get("scopeSpans", []):
            for span in scoped.get("spans", []):
                raw = {
                    "trace_id": span.get("traceId", ""),
                    "id": span.get("spanId", ""),
                    "parent": span.get("parentSpanId", ""),
                    "name": span.get("name", ""),
                    "start": int(span.get("startTimeUnixNano", 0)),
                    "end": int(span.get("endTimeUnixNano", 0)),
                    "status": span.get("status", {}),
                    "attributes": _json_attributes(span.get("attributes", [])),
                }
                found.append(_observation(raw, resource, scoped.get("scope", {}).get("name", "")))
    return found


def _observation(raw: dict[str, Any], resource: dict[str, Any], scope: str) -> dict[str, Any]:
    if len(raw["trace_id"]) != 32 or len(raw["id"]) != 16:
        raise BadRequest("a span without trace or span id")
    attributes = raw["attributes"]
    kind = str(attributes.get("langfuse.observation.type", "span")).lower()
    usage, cost = (attributes.get(f"langfuse.observation.{name}_details") for name in ("usage", "cost"))
    first = attributes.get("langfuse.observation.completion_start_time")
    known = {key for key in attributes if key.startswith(("langfuse.", "user.", "session."))}
    metadata = {key[len(_METADATA) :]: value for key, value in attributes.items() if key.startswith(_METADATA)}
    if not scope.startswith("langfuse-sdk"):
        metadata |= {f"attributes.{key}": value for key, value in attributes.items() if key not in known}
    return {
        "trace_id": raw["trace_id"],
        "id": raw["id"],
        "parent_observation_id": raw["parent"] or None,
        "name": raw["name"],
        "type": (kind if kind in TYPES else "span").upper(),
        "start_time": raw["start"],
        "end_time": raw["end"],
        "level": attributes.get("langfuse.observation.level", "ERROR" if raw["status"].get("code") == 2 else "DEFAULT"),
        "status_message": attributes.get("langfuse.observation.status_message"),
        "input": attributes.get("langfuse.observation.input"),
        "output": attributes.get("langfuse.observation.output"),
        "metadata": metadata,
        "model": attributes.get("langfuse.observation.model.name"),
        "usage_details": json.loads(usage) if usage else {},
        "cost_details": json.loads(cost) if cost else {},
        "completion_start_time": nanoseconds(first.strip('"')) if first else None,
        "user_id": attributes.get("user.id"),
        "session_id": attributes.get("session.id"),
        "tags": attributes.get("langfuse.trace.tags", []),
        "trace_name": attributes.get("langfuse.trace.name"),
        "environment": attributes.get("langfuse.environment", "default"),
        "release": attributes.get("langfuse.release"),
        "version": attributes.get("langfuse.version"),
        "is_root": not raw["parent"] or attributes.get("langfuse.internal.is_app_root") in (True, "true"),
        "otlp_status": {"code": raw["status"].get("code", 0), "message": raw["status"].get("message", "")},
        "resource": resource,
        "scope": scope,
        "attributes": attributes,
    }


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _value(item.value) for item in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)


def _json_attributes(items: Any) -> dict[str, Any]:
    if not isinstance(items, list):
        raise BadRequest("attributes are no array")
    return {item["key"]: _json_value(item.get("value", {})) for item in items}


def _json_value(value: dict[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_json_value(item) for item in value["arrayValue"].get("values", [])]
    if "kvlistValue" in value:
        return _json_attributes(value["kvlistValue"].get("values", []))
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)
