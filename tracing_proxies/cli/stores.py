"""Finds the local store that a command is about, and what belongs to it."""

from __future__ import annotations

import os
from pathlib import Path

from tracing_proxies import destinations
from tracing_proxies.delivery.sinks.local import RETENTION_NS
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.viewer.documents import Surroundings


def surroundings(registry: Path | None, store: Path | None) -> Surroundings:
    """Find the store and what the page shows beside it.

    Args:
        registry: the registry's file; else the next one upwards, or none if a store is named.
        store: the store's file; else the registry's, whose retention holds then.

    Raises:
        RegistryError: neither was named, and no registry is here; or it has mistakes.
    """
    found: Registry | None = None
    try:
        found = load_registry(find_registry(registry, os.environ, Path.cwd()))
    except RegistryError:
        if store is None or registry is not None:
            raise
    own = None if found is None else destinations.store_path(found)
    retention = None
    if found is not None and (store is None or (own is not None and store.absolute() == own.absolute())):
        local = found.export.local
        retention = RETENTION_NS if local is None else local.retention_ns
    path = store or own
    assert path is not None
    return Surroundings(
        store=path.absolute(),
        registry=found,
        langfuse=destinations.langfuse_host(os.environ),
        retention=retention,
    )
