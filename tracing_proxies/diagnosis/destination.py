"""Looks at where traces go: whether a server answers, takes the keys and has our time, and a store can be written."""

from __future__ import annotations

import base64
import os
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import attrs

from tracing_proxies import destinations
from tracing_proxies.credentials import LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY, read_secret
from tracing_proxies.diagnosis.finding import FINE, NOTE, WRONG, Finding
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.variables import ENABLED, is_enabled
from tracing_proxies.registry.model import Registry

_TIMEOUT = 5.0
_MOST_SKEW = 30.0


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
    if export.explicit and export.langfuse is None and export.local is None:
        yield Finding(NOTE, "destination", "The registry discards what is traced.")
        return
    if export.langfuse is not None or (host and not export.explicit):
        named = (export.langfuse.host if export.langfuse is not None else None) or environ.get("LANGFUSE_BASE_URL")
        yield from look_at_server(named or host or environ.get("LANGFUSE_HOST"), environ)
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
    try:
        status, date = _get(host, "/api/public/health", None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        seen = f"The Langfuse server {_shown(host)} cannot be reached ({type(reason).__name__})."
        yield Finding(WRONG, "destination", seen, "Check the address, the network and the proxy's variables.")
        return
    if status != 200:
        seen = f"The Langfuse server {_shown(host)} answers HTTP {status} to its health check."
        yield Finding(WRONG, "destination", seen, "Check the address; it is the one that the web pages have.")
        return
    yield from _keys(host, public, secret)
    yield from look_at_clock(date, time.time())


def look_at_clock(date: str | None, now: float) -> Iterator[Finding]:
    """Yield whether our clock and the server's differ.

    Args:
        date: the server's ``Date`` header.
        now: our own time, in seconds since 1970.
    """
    if date is None:
        return
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    if abs(skew) > _MOST_SKEW:
        seen = f"This computer's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the server's."
        yield Finding(
            WRONG, "clock", seen, "Set the clock (NTP): traces would appear at the wrong time, or not at all."
        )


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


def _keys(host: str, public: str, secret: str) -> Iterator[Finding]:
    token = base64.b64encode(f"{public}:{secret}".encode()).decode("ascii")
    try:
        status, _ = _get(host, "/api/public/projects", f"Basic {token}")
    except (OSError, ValueError) as error:
        seen = f"The Langfuse server {_shown(host)} breaks off ({type(error).__name__})."
        yield Finding(WRONG, "destination", seen, "Ask again later.")
        return
    if status in (401, 403):
        seen = f"The Langfuse server {_shown(host)} does not accept the keys (HTTP {status})."
        yield Finding(WRONG, "destination", seen, "Check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.")
    else:
        yield Finding(FINE, "destination", f"Traces go to the Langfuse server {_shown(host)}, which answers.")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow none: the keys are for this server only."""


def _get(host: str, path: str, authorization: str | None) -> tuple[int, str | None]:
    request = urllib.request.Request(host.rstrip("/") + path)
    if request.type not in ("http", "https"):
        raise ValueError("the address must begin with http:// or https://")
    if authorization is not None:
        request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as reply:
            return int(reply.status), reply.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code), error.headers.get("Date")


def _shown(host: str) -> str:
    """Show an address without what may be secret in it."""
    parts = urllib.parse.urlsplit(host)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"
