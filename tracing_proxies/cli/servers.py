"""Finds the Langfuse server that a command is about, and the time that it asks for."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import click

from tracing_proxies.errors import ActivationError, RegistryError
from tracing_proxies.langfuse.client import LangfuseClient, connect
from tracing_proxies.langfuse.queries import Period, period_until
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.units import UnitError, parse_duration


def open_server(registry: Path | None) -> LangfuseClient:
    """Return a client for the server that the registry or the environment names.

    Args:
        registry: a file, None for the next one upwards, which need not be there or be right.

    Raises:
        ActivationError: an address or a key is missing, or cannot be read.
    """
    return connect(os.environ, find_host(registry))


def read_period(since: str) -> Period:
    """Return the time from an age until now.

    Raises:
        click.UsageError: the age is none.
    """
    try:
        length = parse_duration(since)
    except UnitError as error:
        raise click.UsageError(error.message) from None
    if not length:
        raise click.UsageError("--since must be longer than nothing")
    return period_until(datetime.now(timezone.utc), length)


def find_host(registry: Path | None) -> str | None:
    """Return the server's address: that of the registry, if it names one, else that of the environment, else None.

    Args:
        registry: a file, None for the next one upwards, which need not be there or be right.
    """
    named = os.environ.get("LANGFUSE_BASE_URL") or os.environ.get("LANGFUSE_HOST") or None
    try:
        export = load_registry(find_registry(registry, os.environ, Path.cwd())).export
    except (RegistryError, ActivationError, FileNotFoundError):
        if registry is not None:
            raise
        return named
    return (export.langfuse.host if export.langfuse is not None else None) or named
