"""The effective configuration: every value outside of the rules, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from tracing_proxies import destinations
from tracing_proxies.credentials import (
    LANGFUSE_PUBLIC_KEY,
    LANGFUSE_SECRET_KEY,
    MASKING_KEY,
    OTLP_HEADERS,
    holder_of,
)
from tracing_proxies.errors import ActivationError
from tracing_proxies.finishing import service_names
from tracing_proxies.langfuse.variables import VARIABLES, describe_variable
from tracing_proxies.masking.detectors import DETECTORS
from tracing_proxies.masking.keys import Verdict, judge_name
from tracing_proxies.registry.hidden import NAMES
from tracing_proxies.registry.keys import Key, sections
from tracing_proxies.registry.kinds import SCALARS
from tracing_proxies.registry.masking import Tightening
from tracing_proxies.registry.model import CaptureSettings, Preset, Registry, Settings
from tracing_proxies.registry.origins import Origin, origins_of
from tracing_proxies.registry.written import write_value

DEFAULT: Final = "default"
FILE: Final = "file"
ENVIRONMENT: Final = "environment"
PRESET: Final = "preset"

_SWITCHES: Final = ("TRACING_PROXIES", "TRACING_PROXIES_STRICT", "TRACING_PROXIES_REGISTRY")
_KEYS: Final = (LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY, MASKING_KEY)
_HOSTS: Final = ("LANGFUSE_BASE_URL", "LANGFUSE_HOST")
_OF_SERVICE: Final = {"environment": "LANGFUSE_TRACING_ENVIRONMENT", "release": "LANGFUSE_RELEASE"}
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_LEAVES: Final = SCALARS | {"texts", "choices", "files", "patterns", "keeps", "command"}
_OPTIONAL: Final = frozenset({"masking.presidio", "alerts"})
"""Sections that say nothing of themselves where they are left out."""
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/@\s]*@")
_FIELDS: Final = {"if": "condition", "budget.spans_per_trace": "spans_per_trace"}


@attrs.frozen
class Entry:
    """One value.

    Args:
        key: such as ``export.local.path``.
        value: as a registry would write it, never a secret; None where there is none.
        source: file, environment, preset or default.
        places: where it is written: file, line and column, or the name of a variable.
    """

    key: str
    value: Any
    source: str
    places: tuple[str, ...] = ()


def describe_configuration(registry: Registry, environ: Mapping[str, str]) -> list[Entry]:
    """List the values that hold for a registry in an environment, section by section."""
    entries: list[Entry] = []
    for key in sections()["registry"].values():
        stated = registry.stated.get(key.name)
        if key.name == "service":
            entries += _service(registry, environ)
        elif key.name == "export":
            entries += _export(registry, environ)
        elif key.name == "use":
            for preset in registry.presets:
                entries += _preset(preset)
            entries += [Entry(f"use.{name}", f"left out: {why}", FILE) for name, why in registry.skipped_presets]
        elif key.kind == "named" and key.name == "roles":
            for name, role in registry.roles.items():
                entries += _settings(role, f"roles.{name}", FILE)
        elif key.name in _OPTIONAL and stated is None:
            entries.append(Entry(key.name, None, DEFAULT))
        elif key.kind == "section" and key.section is not None and not key.presets_only:
            entries += _section(key.section, key.name, stated or {})
        elif key.kind in _LEAVES and stated is not None:
            entries.append(_leaf(key, key.name, registry.stated))
    entries += [_secret(name, environ) for name in _KEYS]
    entries += _variables(registry, environ)
    entries += [Entry(name, environ[name], ENVIRONMENT, (name,)) for name in _SWITCHES if name in environ]
    return entries


def _variables(registry: Registry, environ: Mapping[str, str]) -> Iterator[Entry]:
    """Yield what comes of each of the variables of Langfuse's SDK that is set."""
    service, export = registry.stated.get("service") or {}, registry.stated.get("export") or {}
    instead = {variable: f"service.{name}" for name, variable in _OF_SERVICE.items() if service.get(name)}
    if environ.get(_HOSTS[0]):
        instead[_HOSTS[1]] = _HOSTS[0]
    if (export.get("langfuse") or {}).get("host"):
        instead |= dict.fromkeys(_HOSTS, "export.langfuse.host")
    for variable in VARIABLES:
        if environ.get(variable.name) and variable.name not in _KEYS:
            told = describe_variable(variable, environ, instead.get(variable.name, ""))
            yield Entry(variable.name, _without_credentials(told), ENVIRONMENT, (variable.name,))


def _section(section: str, prefix: str, values: Mapping[str, Any]) -> Iterator[Entry]:
    for key in sections()[section].values():
        name = f"{prefix}.{key.name}"
        inner = "capture" if key.kind == "capture" else key.section
        if inner is not None and (key.kind == "named" or name in _OPTIONAL) and not values.get(key.name):
            yield Entry(name, None, DEFAULT)
        elif inner is not None and key.kind == "named":
            for entry, settings in values[key.name].items():
                stated = {one for one in settings if one in sections()[inner]}
                prefixed = _section(inner, f"{name}.{entry}", settings)
                yield from (found for found in prefixed if found.key.rpartition(".")[2] in stated)
        elif inner is not None:
            yield from _section(inner, name, values.get(key.name) or {})
        elif key.kind in _LEAVES:
            if key.name in values:
                yield _leaf(key, name, values)
            if key.name not in values or name in _USUAL:
                yield Entry(name, _USUAL.get(name, key.default), DEFAULT)


def _leaf(key: Key, name: str, values: Mapping[str, Any]) -> Entry:
    value = values[key.name]
    if key.kind == "files":
        value = [text for text, _ in value]
    return _stated(name, write_value(value, key.kind), origins_of(values).get(key.name, ()))


def _stated(name: str, value: Any, origins: tuple[Origin, ...], source: str = FILE) -> Entry:
    if any(not origin.place.line for origin in origins):
        source = ENVIRONMENT  # the place of what overrides is the variable itself
    variables = [variable for origin in origins for variable in origin.variables]
    if any(judge_name(variable) is not Verdict.PLAIN for variable in variables):
        value = "set" if value else "not set"
    places = (*(str(origin.place) for origin in origins), *(f"${{{variable}}}" for variable in variables))
    return Entry(name, _without_credentials(value), source, places)


def _without_credentials(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_credentials(item) for item in value]
    return _CREDENTIALS.sub("***@", value) if isinstance(value, str) else value


def _service(registry: Registry, environ: Mapping[str, str]) -> Iterator[Entry]:
    values = registry.stated.get("service") or {}
    names = service_names(registry, environ)
    for entry in _section("service", "service", values):
        name = entry.key.partition(".")[2]
        if values.get(name):
            yield entry
        elif environ.get(_OF_SERVICE.get(name, "")):
            yield Entry(entry.key, environ[_OF_SERVICE[name]], ENVIRONMENT, (_OF_SERVICE[name],))
        else:
            yield Entry(entry.key, getattr(names, name, entry.value), DEFAULT)


def _export(registry: Registry, environ: Mapping[str, str]) -> Iterator[Entry]:
    stated = registry.stated.get("export") or {}
    host = destinations.langfuse_host(environ)
    variable = next((name for name in _HOSTS if environ.get(name)), None)
    if "langfuse" in stated and stated["langfuse"].get("host"):
        yield from _section("export.langfuse", "export.langfuse", stated["langfuse"])
    elif "langfuse" in stated or (host and not registry.export.explicit):
        yield _told("export.langfuse.host", variable, environ)
        yield from _but("host", _section("export.langfuse", "export.langfuse", stated.get("langfuse") or {}))
    if "otlp" in stated:
        yield from _otlp(stated["otlp"], environ)
    if "local" in stated or not (host or registry.export.explicit):
        for entry in _section("export.local", "export.local", stated.get("local") or {}):
            is_path = entry.key == "export.local.path" and entry.source == DEFAULT
            yield attrs.evolve(entry, value=str(destinations.store_path(registry))) if is_path else entry
    if "discard" in stated:
        yield _stated("export.discard", {}, origins_of(stated).get("discard", ()))


def _otlp(stated: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Entry]:
    if stated.get("endpoint"):
        yield from _section("export.otlp", "export.otlp", stated)
    else:
        yield _told("export.otlp.endpoint", _ENDPOINT if environ.get(_ENDPOINT) else None, environ)
        yield from _but("endpoint", _section("export.otlp", "export.otlp", stated))
    if stated.get("headers"):  # their values may be keys
        origins = origins_of(stated).get("headers", ())
        yield _stated("export.otlp.headers", [f"{name}: set" for name in stated["headers"]], origins)
    else:
        told = _secret(OTLP_HEADERS, environ)
        source, places = (ENVIRONMENT, told.places) if told.value == "set" else (DEFAULT, ())
        yield Entry("export.otlp.headers", told.value, source, places)


def _secret(name: str, environ: Mapping[str, str]) -> Entry:
    """Tell whether there is a secret, and what holds it; never the secret."""
    try:
        holder = holder_of(name, environ)
    except ActivationError as error:
        return Entry(name, f"refused: {error}", ENVIRONMENT, (name,))
    return Entry(name, "not set" if holder is None else "set", ENVIRONMENT, (holder or name,))


def _told(key: str, variable: str | None, environ: Mapping[str, str]) -> Entry:
    source, places = (ENVIRONMENT, (variable,)) if variable else (DEFAULT, ())
    return Entry(key, _without_credentials(environ.get(variable or "")), source, places)


def _but(name: str, entries: Iterator[Entry]) -> Iterator[Entry]:
    return (entry for entry in entries if entry.key.rpartition(".")[2] != name)


def _preset(preset: Preset) -> Iterator[Entry]:
    name = f"use.{preset.name}"
    if preset.native_origins:
        beside = preset.native_origins[0].place.file == preset.place.file
        yield _stated(f"{name}.native", preset.native, preset.native_origins, FILE if beside else PRESET)
    else:
        yield Entry(f"{name}.native", preset.native, DEFAULT)
    yield from _settings(preset.overrides, name, FILE)
    yield from _settings(preset.defaults, f"{name}.defaults", PRESET)


def _settings(settings: Settings, prefix: str, source: str) -> Iterator[Entry]:
    """List what a bundle of settings says, and not what it leaves out: that falls to weaker ones."""
    for name, origins in settings.origins.items():
        section, _, inner = name.partition(".")
        value = getattr(settings, _FIELDS.get(name, section), None)
        home = {"capture": "capture", "budget": "budget", "masking": "rule.masking"}.get(section, "rule")
        key = sections()[home].get(inner or section)
        if isinstance(value, Tightening):
            value = value.stated(inner) if inner else None
        elif isinstance(value, CaptureSettings):
            value = getattr(value, inner, None) if inner else None
        elif isinstance(value, Mapping):
            value = value.get(inner) if inner else None
        if value is not None:
            yield _stated(f"{prefix}.{name}", write_value(value, key.kind if key else ""), origins, source)


_USUAL: Final = {
    "masking.hide": f"the usual names, such as {', '.join(NAMES[:6])}",
    "masking.detect": list(DETECTORS),
}
"""What holds besides whatever a registry adds to it."""
