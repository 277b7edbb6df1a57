"""Looks at where traces go: whether a server answers, takes the keys and has our time, and a store can be written."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from tracing_proxies import destinations
from tracing_proxies.credentials import LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY, read_secret
from tracing_proxies.delivery.reply import skew_of
from tracing_proxies.delivery.sinks.otlp import TRACES_PATH
from tracing_proxies.diagnosis.finding import FINE, NOTE, WRONG, Finding
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.variables import ENABLED, is_enabled
from tracing_proxies.monitoring.exchange import ExchangeError, exchange, origin_of
from tracing_proxies.monitoring.health_probe import MOST_SKEW, ask_server, tell_skew
from tracing_proxies.registry.model import OtlpExport, Registry

_TIMEOUT: Final = 2.0


def look_at_destinations(registry: Registry, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what there is to say of each place that traces go to."""
    export = registry.export
    if not is_enabled(environ) and (export.langfuse is not None or not export.explicit):
        seen = f"{ENABLED} forbids sending anything to Langfuse."
        yield Finding(NOTE, "destination", seen, "Unset it to send traces there.")
        if export.local is None:
            return
        export = attrs.evolve(export, langfuse=None)
    try:
        host = destinations.langfuse_host(environ)
    except ActivationError as error:
        yield Finding(WRONG, "destination", f"{error}.", "Correct the file, or the variable that names it.")
        return
    if export.explicit and export.langfuse is None and export.local is None and export.otlp is None:
        yield Finding(NOTE, "destination", "The registry discards what is traced.")
        return
    if export.langfuse is not None or (host and not export.explicit):
        named = (export.langfuse.host if export.langfuse is not None else None) or environ.get("LANGFUSE_BASE_URL")
        yield from look_at_server(named or host or environ.get("LANGFUSE_HOST"), environ)
    if export.otlp is not None:
        yield from look_at_collector(export.otlp, environ)
    if export.local is not None or (not export.explicit and not host):
        yield look_at_store(destinations.store_path(registry))


def look_at_server(host: str | None, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield whether a Langfuse server answers, accepts the keys, and agrees on the time."""
    try:
        public, secret = (read_secret(name, environ) for name in (LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY))
    except ActivationError as error:
        yield Finding(WRONG, "destination", f"{error}.", "Correct the file, or the variable that names it.")
        return
    if not host or not public or not secret:
        missing = [
            name
            for name, value in (
                ("LANGFUSE_BASE_URL", host),
                ("LANGFUSE_PUBLIC_KEY", public),
                ("LANGFUSE_SECRET_KEY", secret),
            )
            if not value
        ]
        yield Finding(
            WRONG, "destination", f"{' and '.join(missing)} missing in the environment.", "Set what is missing."
        )
        return
    state = ask_server(host, public, secret)
    if state.problem:
        yield Finding(WRONG, "destination", f"The Langfuse server {state.address} {state.problem}.", state.todo)
    else:
        yield Finding(FINE, "destination", f"Traces go to the Langfuse server {state.address}, which answers.")
    if state.answers:
        yield from look_at_clock(state.date, time.time())


def look_at_collector(otlp: OtlpExport, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield whether an OTLP receiver answers, whatever it says, and agrees on the time; no span is sent to it."""
    try:
        base, _ = destinations.find_collector(otlp, environ)
    except ActivationError as error:
        yield Finding(WRONG, "destination", f"{error}.", "Set what is missing.")
        return
    address = origin_of(base)
    try:
        answer = exchange("GET", base + TRACES_PATH, {}, timeout=_TIMEOUT)
    except ExchangeError as error:
        todo = "Check the address, the network and the proxy's variables."
        yield Finding(WRONG, "destination", f"The collector {address} {error.why}.", todo)
        return
    yield Finding(FINE, "destination", f"Traces go to the collector {address}, which answers.")
    yield from look_at_clock(answer.date, time.time())


def look_at_clock(date: str | None, now: float) -> Iterator[Finding]:
    """Yield whether our clock and the server's agree, if it tells its time.

    Args:
        date: the server's ``Date`` header.
        now: our own time, in seconds since 1970.
    """
    skew = skew_of(date, now)
    if skew is None:
        return
    if abs(skew) > MOST_SKEW:
        yield Finding(WRONG, "clock", *tell_skew(skew))
    else:
        yield Finding(FINE, "clock", "This computer's clock and the server's agree.")


def look_at_store(path: Path) -> Finding:
    """Say whether a local store can be written."""
    todo = "Choose another file: export: {local: {path: ...}}."
    if path.exists():
        if not os.access(path, os.W_OK):
            return Finding(WRONG, "destination", f"The store {path} cannot be written.", todo)
        try:
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            finally:
                connection.close()
        except sqlite3.Error as error:
            return Finding(WRONG, "destination", f"{path} is no store of traces ({error}).", todo)
        return Finding(FINE, "destination", f"Traces go to {path}.")
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        return Finding(WRONG, "destination", f"The store {path} cannot be made: {parent} cannot be written.", todo)
    return Finding(FINE, "destination", f"Traces will go to {path}.")
