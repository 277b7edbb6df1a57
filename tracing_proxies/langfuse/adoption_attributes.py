"""What the attributes of an OpenTelemetry span say, in the terms of our observations.

Those of Langfuse's SDK say it in Langfuse's own terms; other libraries follow OpenTelemetry's conventions for
generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/) or OpenInference's
(https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md), as far as they are read here. What
is read as nothing else stays in the metadata under its own name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from tracing_proxies.registry.keys import LEVELS, OBSERVATIONS

OBSERVATION: Final = "langfuse.observation."
METADATA: Final = "langfuse.observation.metadata"
_TRACE_METADATA: Final = "langfuse.trace.metadata"
SESSION: Final = ("session.id", "langfuse.session.id")
USER: Final = ("user.id", "langfuse.user.id")
TAGS: Final = "langfuse.trace.tags"
TRACE_NAME: Final = "langfuse.trace.name"
ENVIRONMENT: Final = "langfuse.environment"
RELEASE: Final = "langfuse.release"
VERSION: Final = "langfuse.version"
APP_ROOT: Final = "langfuse.internal.is_app_root"

_LONGEST: Final = 1_000_000
_READ: Final = frozenset(
    (
        *SESSION, *USER, TAGS, TRACE_NAME, ENVIRONMENT, RELEASE, VERSION, APP_ROOT, METADATA,
        *(OBSERVATION + name for name in ("type", "level", "status_message", "input", "output", "model.name")),
        OBSERVATION + "usage_details",
    )
)  # fmt: skip
_INPUTS: Final = (
    "langfuse.observation.input", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "gen_ai.prompt", "input.value",
)  # fmt: skip
_OUTPUTS: Final = (
    "langfuse.observation.output", "gen_ai.output.messages", "gen_ai.tool.call.result", "gen_ai.completion",
    "output.value",
)  # fmt: skip
_MODELS: Final = ("langfuse.observation.model.name", "gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_USAGE: Final = {
    "gen_ai.usage.input_tokens": "input",
    "gen_ai.usage.prompt_tokens": "input",
    "llm.token_count.prompt": "input",
    "gen_ai.usage.output_tokens": "output",
    "gen_ai.usage.completion_tokens": "output",
    "llm.token_count.completion": "output",
    "llm.token_count.total": "total",
}
_OPERATIONS: Final = {
    "chat": "generation",
    "text_completion": "generation",
    "generate_content": "generation",
    "embeddings": "embedding",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "create_agent": "agent",
}
_OPENINFERENCE: Final = {"llm": "generation", "reranker": "retriever"}


@attrs.frozen(eq=False, repr=False)
class Said:
    """What a span says of itself, parsed and not masked.

    Args:
        metadata: by name.
        more: what only Langfuse has a name for, by attribute.
    """

    input: Any = None
    output: Any = None
    metadata: dict[str, Any] = attrs.field(factory=dict)
    more: dict[str, Any] = attrs.field(factory=dict)


def first(attributes: Mapping[str, Any], names: Iterable[str]) -> Any:
    """Return the first attribute of some names that is there."""
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def type_of(attributes: Mapping[str, Any]) -> str:
    """Return the type of the observation that a span is."""
    told = attributes.get(OBSERVATION + "type")
    if told is None:
        operation, kind = attributes.get("gen_ai.operation.name"), attributes.get("openinference.span.kind")
        told = _OPERATIONS.get(str(operation)) or _OPENINFERENCE.get(str(kind).lower()) or kind
        if told is None and first(attributes, _MODELS) is not None:
            return "generation"
    kind = str(told).lower()
    return kind if kind in OBSERVATIONS else "span"


def level_of(attributes: Mapping[str, Any], failed: bool) -> str:
    """Return the level of a span.

    Args:
        failed: whether its OpenTelemetry status is an error.
    """
    told = attributes.get(OBSERVATION + "level")
    if told in LEVELS and not (told == "DEFAULT" and failed):
        return str(told)
    return "ERROR" if failed else "DEFAULT"


def model_of(attributes: Mapping[str, Any]) -> str | None:
    """Return the name of the model that a span used."""
    found = first(attributes, _MODELS)
    return None if found is None else str(found)


def read(attributes: Mapping[str, Any], *, own: bool, quoted: bool) -> Said:
    """Read what a span's attributes say.

    Args:
        own: whether Langfuse's SDK has made it.
        quoted: whether each of its metadata values is JSON text, as in SDK 5.
    """
    said = Said(parse(first(attributes, _INPUTS)), parse(first(attributes, _OUTPUTS)))
    for key, value in attributes.items():
        if key.startswith(METADATA + "."):
            said.metadata[key[len(METADATA) + 1 :]] = parse(value, quoted=quoted)
        elif key == METADATA:
            said.metadata["metadata"] = parse(value, quoted=quoted)
        elif key in _READ:
            continue
        elif key.startswith(_TRACE_METADATA):
            said.more[key] = parse(value, quoted=quoted)
        elif key.startswith("langfuse."):
            said.more[key] = value
        elif own or key not in _USED:
            said.metadata[key] = _plain(value)
    return said


def usage_of(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Return a span's counts of tokens, by kind."""
    found = parse(attributes.get(OBSERVATION + "usage_details"))
    if type(found) is dict:
        return {str(key): count for key, count in found.items() if type(count) is int}
    usage: dict[str, int] = {}
    for key, name in _USAGE.items():
        count = attributes.get(key)
        if type(count) is int:
            usage.setdefault(name, count)
    return usage


def parse(value: Any, *, quoted: bool = False) -> Any:
    """Parse a text that is JSON of an object or a list, or of anything where all values are JSON."""
    if type(value) is not str:
        return _plain(value)
    if len(value) > _LONGEST:
        return value[:_LONGEST] + "…"
    if not quoted and value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (tuple, list)) else value


_USED: Final = frozenset((*_INPUTS, *_OUTPUTS, *_USAGE))
"""What stands elsewhere already, and would be large or of no use in the metadata."""
