"""Looks at what else traces in the same environment: the same calls would be recorded twice."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata

from tracing_proxies.diagnosis.finding import NOTE, Finding
from tracing_proxies.registry.model import Registry

_PREFIXES = ("opentelemetry-instrumentation-", "openinference-instrumentation-")
_WHOLE = {"ddtrace": "ddtrace"}


def look_around(registry: Registry, traced: set[str]) -> Iterator[Finding]:
    """Yield the other instrumentations of what is traced here.

    Args:
        traced: the names of the top-level modules that hold traced callables.
    """
    wanted = {_plain(name) for name in traced} | {_plain(preset.name) for preset in registry.presets}
    for name in sorted({_normal(found) for found in _installed()}):
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is not None and _plain(name[len(prefix) :]) in wanted:
            module = name.replace("-instrumentation-", ".instrumentation.", 1).replace("-", "_")
            yield _tell(name, name[len(prefix) :], module in sys.modules)
        elif name in _WHOLE:
            yield _tell(name, "what it patches", _WHOLE[name] in sys.modules)


def _tell(name: str, library: str, active: bool) -> Finding:
    state = "is loaded in this process" if active else "is installed, and not loaded in this process"
    seen = f"{name}, which traces {library} as well, {state}."
    return Finding(NOTE, "instrumentation", seen, "Use one of the two, or each call is recorded twice.")


def _installed() -> Iterator[str]:
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            yield name


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
