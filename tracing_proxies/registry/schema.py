"""The JSON schema of the language, by which editors complete and check a registry while it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tracing_proxies.registry.forms import FORMS, NOTHING, SCALAR, VARIABLE, Schema, either, entries
from tracing_proxies.registry.keys import Key, sections

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_LITERAL: Final = frozenset(("bytes", "duration", "sample", "budget", "rate", "file"))


def schema_of_registry(presets: Mapping[str, str]) -> Schema:
    """Make the schema of a registry.

    Args:
        presets: the presets that `use:` offers, with what each of them traces.
    """
    return _Schemas(presets, is_preset=False).whole("A registry of tracing_proxies")


def schema_of_preset() -> Schema:
    """Make the schema of a preset's file."""
    return _Schemas({}, is_preset=True).whole("A preset of tracing_proxies")


class _Schemas:
    """Makes the schemas of sections, each once.

    Args:
        is_preset: whether the keys are those of a preset's file.
    """

    def __init__(self, presets: Mapping[str, str], *, is_preset: bool) -> None:
        self._presets = presets
        self._is_preset = is_preset
        self._made: dict[str, Schema] = {}

    def whole(self, title: str) -> Schema:
        root = self._section("registry")
        return {"$schema": DIALECT, "title": title, **root, "$defs": dict(sorted(self._made.items()))}

    def _section(self, section: str) -> Schema:
        keys = [
            key for key in sections()[section].values() if not (key.users_only if self._is_preset else key.presets_only)
        ]
        required = [key.name for key in keys if key.required]
        made: Schema = {
            # A section without a value is an empty one, if it needs nothing.
            "type": "object" if required else ["object", "null"],
            "additionalProperties": False,
            "properties": {key.name: self._key(key) for key in keys},
        }
        return {**made, "required": required} if required else made

    def _refer(self, section: str) -> Schema:
        if section not in self._made:
            self._made[section] = {}
            self._made[section] = self._section(section)
        return {"$ref": f"#/$defs/{section}"}

    def _key(self, key: Key) -> Schema:
        schema: Schema = {"description": _describe(key), **self._value(key)}
        default = _default(key)
        if default is not None:
            schema["default"] = default
        return schema

    def _value(self, key: Key) -> Schema:
        if key.kind == "capture":
            return either({"enum": ["none", "all"]}, self._refer("capture"), VARIABLE)
        if key.kind == "use":
            return self._use()
        if key.kind == "rules":
            return {"type": ["array", "null"], "items": self._refer("rule")}
        if key.section is None:
            return FORMS[key.kind].schema(key)
        if key.kind == "named":
            return {**entries(self._refer(key.section)), "type": ["object", "null"]}
        return self._refer(key.section)

    def _use(self) -> Schema:
        settings = self._refer("use")
        one: Schema = {**entries(settings), "minProperties": 1, "maxProperties": 1}
        known: list[Schema] = [
            {"type": "string", "const": name, "description": about} for name, about in self._presets.items()
        ]
        if known:
            one["properties"] = {name: {"description": about, **settings} for name, about in self._presets.items()}
        item = either(*known, SCALAR, one)
        return either(item, {"type": "array", "items": item}, NOTHING)


def _describe(key: Key) -> str:
    return key.doc if key.default is None else f"{key.doc} Default: {key.default}."


def _default(key: Key) -> Any:
    """Return the default as the value that could be written; None where it is none, but told in words."""
    if key.default is None:
        return None
    if key.kind == "flag":
        return key.default == "true"
    if key.kind == "count":
        return int(key.default) if key.default.isdigit() else None
    return key.default if key.kind in _LITERAL or key.default in key.choices else None
