"""Finds the local store that a command is about, and what belongs to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tracing_proxies import destinations
from tracing_proxies.delivery.sinks.local import RETENTION_NS
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.selection import Selection
from tracing_proxies.viewer.store import open_for_reading
from tracing_proxies.viewer.traces import read_page


@contextmanager
def open_or_tell(store: Path) -> Iterator[sqlite3.Connection]:
    """Open a store read-only; where there is none, say so in plain words."""
    try:
        with open_for_reading(store) as connection:
            yield connection
    except FileNotFoundError:
        message = f"there is no store at {store}; run the application traced first, or name one with --store"
        raise click.ClickException(message) from None
    except sqlite3.Error as error:
        raise click.ClickException(f"{store} cannot be read: {error}") from None


def find_trace(connection: sqlite3.Connection, named: str) -> str:
    """Return the id of the trace that is meant by an id, its beginning, or `last`.

    The last is the newest that is more than an event on its own, if there is one among the newest fifty.

    Raises:
        click.ClickException: there is none, or more than one.
    """
    if named == "last":
        newest = read_page(connection, Selection())["traces"]
        if newest:
            return str(next((trace for trace in newest if trace["spans"] > 1), newest[0])["id"])
        raise click.ClickException("there is no trace in the store")
    found = connection.execute(
        "SELECT DISTINCT trace_id FROM spans WHERE trace_id >= ? AND trace_id < ? ORDER BY trace_id LIMIT 2",
        (named, named + "\U0010ffff"),
    ).fetchall()
    if len(found) == 1 or (found and found[0][0] == named):
        return str(found[0][0])
    if found:
        raise click.ClickException(f"more than one trace begins with {named!r}; give more of its id")
    raise click.ClickException(f"there is no trace {named!r} in the store; `tracing-proxies tail` shows the newest")


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
