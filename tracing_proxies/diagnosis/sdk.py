"""Looks at the clients of Langfuse's own SDK that an application makes as it is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tracing_proxies import destinations
from tracing_proxies.diagnosis.finding import FINE, NOTE, Finding
from tracing_proxies.errors import ActivationError
from tracing_proxies.registry.model import Registry

_MANAGER = "langfuse._client.resource_manager"


def look_at_sdk(registry: Registry, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield what becomes of the spans of each client that there is; nothing is imported for it."""
    module: Any = sys.modules.get(_MANAGER)
    if module is None:
        return
    native = next((preset.native for preset in registry.presets if preset.name == "langfuse"), "adopt")
    try:
        projects = destinations.langfuse_projects(registry, environ)
    except ActivationError:
        return  # the look at the destination says so
    for project, manager in list(getattr(module.LangfuseResourceManager, "_instances", {}).items()):
        about = f"The application makes a client of Langfuse's SDK for the project {project} as it is imported"
        if native != "adopt" or (projects and project not in projects):
            todo = (
                "Send both to one project, and its spans become part of the same traces." if native == "adopt" else ""
            )
            yield Finding(NOTE, "sdk", f"{about}; its spans are not part of these traces.", todo)
            continue
        if not projects and not any(preset.name == "langfuse" for preset in registry.presets):
            todo = "Add `use: [langfuse]`, and they go where all others go."
            yield Finding(NOTE, "sdk", f"{about}; its spans go to its server, the others do not.", todo)
            continue
        rate = getattr(manager, "sample_rate", None)
        if rate is not None and rate < 1:
            seen = f"{about}, with sample_rate={rate:g}: what it leaves out is missing from these traces."
            yield Finding(NOTE, "sdk", seen, "Activate tracing before, or leave sampling to the registry.")
        else:
            seen = f"{about}; its spans become part of these traces if tracing is activated before they end."
            yield Finding(FINE, "sdk", seen)
