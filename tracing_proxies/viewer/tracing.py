"""What tracing itself is doing: the store, the running processes, the registry and what its rules match."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tracing_proxies.control.client import Running, ask, traced_processes
from tracing_proxies.errors import ControlError
from tracing_proxies.registry.model import Registry

_AT_ONCE: Final = 8
_PATIENCE: Final = 5.0
"""Seconds; a server has two to answer a process."""


def read_store(connection: sqlite3.Connection, path: Path) -> dict[str, Any]:
    """Describe a store: its size in bytes, how many spans and traces it holds, and from when, in milliseconds."""
    spans = connection.execute("SELECT count(*) FROM spans").fetchone()[0]
    traces = connection.execute("SELECT count(*) FROM spans WHERE app_root = 1").fetchone()[0]
    oldest = connection.execute("SELECT min(start_time) FROM spans").fetchone()[0]
    newest = connection.execute("SELECT max(start_time) FROM spans").fetchone()[0]
    size = sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())
    return {
        "path": str(path),
        "size": size,
        "spans": spans,
        "traces": traces,
        "oldest": _ms(oldest),
        "newest": _ms(newest),
    }


def _ms(moment: int | None) -> float | None:
    return None if moment is None else moment / 1e6


def describe_registry(registry: Registry | None) -> dict[str, Any] | None:
    """Describe a registry's file, presets and rules; None where there is none."""
    if registry is None:
        return None
    return {
        "path": str(registry.path) if registry.path else None,
        "presets": [preset.name for preset in registry.presets],
        "rules": [
            {"place": str(rule.place), "preset": rule.preset, "match": [pointcut.text for pointcut in rule.match]}
            for rule in registry.rules
        ],
    }


def describe_processes() -> list[dict[str, Any]]:
    """Ask every traced process of this user how it is doing, all at once: some may have to ask their servers."""
    found = traced_processes()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        health = list(pool.map(_ask_health, found))
    return [
        {"pid": running.pid, "status": running.status, "health": told}
        for running, told in zip(found, health, strict=True)
    ]


def _ask_health(running: Running) -> dict[str, Any] | None:
    if running.status is None or not running.status.get("active"):
        return None
    try:
        told: dict[str, Any] = ask(running.pid, "health", _PATIENCE)
        return told
    except ControlError:
        return None  # it has ended since, or is of another version
