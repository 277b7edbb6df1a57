"""Values that masking would disguise by their key's name, and that a rule records under another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tracing_proxies.registry.hidden import named_in
from tracing_proxies.registry.model import Settings
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.template import Template
from tracing_proxies.registry.values import paths_of

RECORDED_AS: Final[Mapping[str, str | None]] = {
    "input": None,
    "output": None,
    "metadata": None,
    "outcome": None,
    "scores": None,
    "tags": None,
    "name": None,
    "session": "session_id",
    "user": "user_id",
    "status_message": "status_message",
    "error_message": "status_message",
    "model": "model",
}
"""The settings whose values are recorded, and the key that masking sees each under; None where it sees none."""


def recorded_paths(settings: Settings) -> Iterator[tuple[CapturePath, str | None]]:
    """Yield each path whose value is recorded as it is, with the key that masking sees it under."""
    for field, key in RECORDED_AS.items():
        found: Any = getattr(settings, field)
        if isinstance(found, Mapping):
            for name, value in found.items():
                yield from ((path, name) for path in paths_of(value))
        elif isinstance(found, tuple):
            yield from ((path, key) for value in found for path in paths_of(value))
        elif isinstance(found, CapturePath | Template):
            yield from ((path, key) for path in paths_of(found))


def renamed_paths(settings: Settings, names: Sequence[str], allow: Sequence[str]) -> Iterator[tuple[CapturePath, str]]:
    """Yield each path that reads one of some names, and whose value is recorded under none of them, with that name."""
    for path, key in recorded_paths(settings):
        if key is not None and named_in(("", key), names) is not None:
            continue
        found = (named_in(read, names, allow) for read in path.reads)
        name = next((one for one in found if one is not None), None)
        if name is not None:
            yield path, name
