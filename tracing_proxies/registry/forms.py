"""What a value of each kind looks like: in words for the reference, and as JSON schema for editors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.units import BYTES, NANOSECONDS

Schema = dict[str, Any]

# Patterns are read by Python and by the JavaScript of editors, so they keep to what both mean alike.
_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_PERCENTAGE: Final = r"0*(?:100(?:\.0{1,9})?|[0-9]{1,2}(?:\.[0-9]{1,9})?)\s*%"
_NAME: Final = r"[^\s:+.0-9][^\s:+.]*"
_POINTCUT: Final = rf"{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*(?:\+(?:\.{_NAME})?)?"
_ENTRY: Final = rf"{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*"

VARIABLE: Final[Mapping[str, Any]] = {
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}",
}
"""A text that a variable of the environment completes; what comes of it is known at load only."""
SCALAR: Final[Mapping[str, Any]] = {"type": ["string", "number", "boolean"]}
NOTHING: Final[Mapping[str, Any]] = {"type": "null"}


@attrs.frozen
class Form:
    """What the values of one kind look like.

    Args:
        takes: in words.
        schema: makes the schema for a key of this kind.
        chapter: the chapter of the reference that tells more, by its anchor.
    """

    takes: str
    schema: Callable[[Key], Schema]
    chapter: str | None = None


def either(*schemas: Mapping[str, Any]) -> Schema:
    """Return the schema of what fits any of some schemas."""
    return {"anyOf": [dict(schema) for schema in schemas]}


def anchored(pattern: str, expected: str, *examples: str) -> Schema:
    """Return the schema of texts that a pattern matches as a whole.

    Args:
        expected: what an editor says of any other text; a keyword of YAML's language server, ignored by others.
        examples: what an editor offers.
    """
    whole = {"type": "string", "pattern": f"^(?:{pattern})$", "patternErrorMessage": f"Expected {expected}."}
    return {**whole, "examples": list(examples)} if examples else whole


def some(item: Mapping[str, Any]) -> Schema:
    """Return the schema of a list, of one item that stands for a list of it, or of nothing."""
    return either(item, {"type": "array", "items": dict(item)}, NOTHING)


def entries(item: Mapping[str, Any]) -> Schema:
    """Return the schema of a mapping from names to items."""
    return {"type": "object", "additionalProperties": dict(item)}


def _fixed(*schemas: Mapping[str, Any]) -> Callable[[Key], Schema]:
    whole = either(*schemas) if len(schemas) > 1 else dict(schemas[0])
    return lambda key: whole


def _quantity(units: Mapping[str, int], expected: str, *examples: str) -> Callable[[Key], Schema]:
    names = "|".join(sorted(units, key=len, reverse=True))
    return _fixed(anchored(rf"\s*{_NUMBER}\s*(?:{names})\s*", expected, *examples), VARIABLE)


def _interval(key: Key) -> Schema:
    return either({"enum": ["off"]}, _quantity(NANOSECONDS, "a duration such as 2s, or off", "2s", "500ms")(key))


def _choice(key: Key) -> Schema:
    return either({"enum": list(key.choices)}, VARIABLE)


_TEXT: Final = {**SCALAR, "pattern": r"\S"}
_HEADERS: Final = {
    **entries(either({**SCALAR, "pattern": r"^[ -~]*$"}, VARIABLE)),
    "propertyNames": {"pattern": r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"},
}
_DETECTORS: Final = {**entries(SCALAR), "propertyNames": {"pattern": r"^[a-z][a-z0-9_-]{0,39}$"}}
_PATTERN: Final = either(
    anchored(_POINTCUT, "a pattern such as module:Class.method", "package.module:Class.method"), VARIABLE
)
_RATE: Final = anchored(
    rf"\s*(?!0+(?:\.0+)?\s*/){_NUMBER}\s*/\s*(?:{'|'.join(NANOSECONDS)})\s*", "a rate such as 1/min", "1/min", "5/s"
)
_TIMES: Final = "|".join(sorted(NANOSECONDS, key=len, reverse=True))
_SHARE: Final = anchored(rf"\s*{_PERCENTAGE}\s*", "a share such as 50%", "50%")
_SAMPLE: Final = anchored(
    rf"\s*(?:{_PERCENTAGE}|(?!0+(?:\.0+)?\s*/){_NUMBER}\s*/\s*(?:{'|'.join(NANOSECONDS)}))\s*",
    "always, never, a share such as 10% or a rate such as 5/min",
    "10%",
    "5/min",
)

FORMS: Final[Mapping[str, Form]] = {
    "text": Form("a text", _fixed(SCALAR)),
    "flag": Form("`true` or `false`", _fixed({"type": "boolean"}, VARIABLE)),
    "count": Form("a whole number", _fixed({"type": "integer", "minimum": 0, "maximum": 1_000_000}, VARIABLE)),
    "port": Form("a port", _fixed({"type": "integer", "minimum": 1, "maximum": 65_535}, VARIABLE)),
    "version": Form("`1`", _fixed({"const": 1}, VARIABLE)),
    "choice": Form("one of", _choice),
    "choices": Form("any of", lambda key: some(_choice(key))),
    "bytes": Form("a size", _quantity(BYTES, "a size such as 8KiB", "8KiB", "1MiB", "1GiB"), "units"),
    "duration": Form("a duration", _quantity(NANOSECONDS, "a duration such as 5ms", "5ms", "2s", "7d"), "units"),
    "interval": Form("a duration or `off`", _interval, "units"),
    "share": Form("a share", _fixed(_SHARE, VARIABLE), "units"),
    "sample": Form(
        "`always`, `never`, a share or a rate", _fixed({"enum": ["always", "never"]}, _SAMPLE, VARIABLE), "units"
    ),
    "budget": Form(
        "a share of one core, or `unlimited`",
        _fixed(
            {"enum": ["unlimited"]},
            anchored(rf"\s*{_PERCENTAGE}\s*", "a share such as 1%, or unlimited", "1%"),
            VARIABLE,
        ),
        "units",
    ),
    "rate": Form("a rate", _fixed(_RATE, VARIABLE), "units"),
    "keeps": Form("a list of words and conditions", _fixed(some({"type": "string"})), "traces-that-are-kept"),
    "limit": Form(
        "a duration, a share, a rate or a number",
        _fixed(
            {"type": "number", "minimum": 0},
            anchored(
                rf"\s*(?:{_NUMBER}|[0-9]{{1,6}}(?:\.[0-9]{{1,9}})?\s*%|{_NUMBER}\s*(?:{_TIMES})"
                rf"|(?!0+(?:\.0+)?\s*/){_NUMBER}\s*/\s*(?:{_TIMES}))\s*",
                "a limit such as 2s, 5%, 30/min or 10",
                "2s",
                "5%",
                "30/min",
            ),
            VARIABLE,
        ),
        "units",
    ),
    "variable": Form(
        "the name of a variable",
        _fixed(anchored(r"[A-Z_][A-Z0-9_]{0,99}", "the name of a variable that holds the secret"), VARIABLE),
    ),
    "command": Form("a list of a program and its arguments", _fixed({"type": "array", "items": SCALAR, "minItems": 1})),
    "file": Form("the path of a file", _fixed({**SCALAR, "minLength": 1})),
    "entry": Form("`module:name`", _fixed(anchored(_ENTRY, "module:name"), VARIABLE)),
    "when": Form("a condition", _fixed({"type": "string"}), "when-conditions-on-the-environment"),
    "path": Form("a path", _fixed(SCALAR), "paths"),
    "template": Form("a template", _fixed(SCALAR), "templates"),
    "value": Form("a path or a template", _fixed(SCALAR), "paths"),
    "values": Form("a path, a template, or a mapping of names to such", _fixed(SCALAR, entries(SCALAR)), "paths"),
    "mapping": Form("a mapping of names to paths or templates", _fixed(entries(SCALAR), NOTHING), "paths"),
    "headers": Form("a mapping of names to texts", _fixed(_HEADERS, NOTHING)),
    "patterns": Form("a mapping of names to regular expressions", _fixed(_DETECTORS, NOTHING)),
    "texts": Form("a list of texts", _fixed(some(_TEXT))),
    "files": Form("a list of files or globs", _fixed(some(_TEXT)), "more-than-one-file"),
    "templates": Form("a list of templates", _fixed(some(SCALAR)), "templates"),
    "pointcuts": Form(
        "a pointcut, or a list of them",
        _fixed(either(_PATTERN, {"type": "array", "items": _PATTERN, "minItems": 1})),
        "pointcuts",
    ),
}
"""The forms of the kinds that stand for themselves; those that hold sections are the schema's."""
