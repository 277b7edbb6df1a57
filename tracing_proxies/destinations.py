"""Where spans go: what the registry says, else Langfuse if its keys are in the environment, else a local file.

The sinks are imported where they are made: HTTP and TLS take 20 ms of an activation, SQLite 4, and most processes need
one of them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tracing_proxies.credentials import (
    LANGFUSE_PUBLIC_KEY,
    LANGFUSE_SECRET_KEY,
    OTLP_HEADERS,
    fingerprint,
    read_secret,
)
from tracing_proxies.delivery.sinks.protocol import Sink, Storage
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.variables import is_enabled, sink_settings
from tracing_proxies.registry.model import Export, LangfuseExport, LocalExport, OtlpExport, Registry, SpoolSettings

if TYPE_CHECKING:
    from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
    from tracing_proxies.langfuse.scores_sink import ScoreSink

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
DEFAULT_STORE = Path(".tracing_proxies") / "traces.db"


def langfuse_host(environ: Mapping[str, str]) -> str | None:
    """Return the server that the environment names, if it holds both keys as well and does not forbid sending."""
    host = environ.get("LANGFUSE_BASE_URL") or environ.get("LANGFUSE_HOST") or None
    return host if host and langfuse_keys(environ) is not None and is_enabled(environ) else None


def langfuse_keys(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the project's public and secret key, None unless there are both.

    Raises:
        ActivationError: one of them is kept where others can read it, or cannot be read.
    """
    public, secret = read_secret(LANGFUSE_PUBLIC_KEY, environ), read_secret(LANGFUSE_SECRET_KEY, environ)
    return (public, secret) if public and secret else None


def store_path(registry: Registry) -> Path:
    """Return the local store's file: the registry's, else one beside the registry."""
    if registry.export.local is not None:
        return registry.export.local.path
    folder = registry.path.parent if registry.path is not None else Path.cwd()
    return folder / DEFAULT_STORE


def describe(registry: Registry, environ: Mapping[str, str]) -> object:
    """Return all that the choice of sinks depends on, comparable; secrets are in it as their hashes."""
    keys = tuple(map(fingerprint, langfuse_keys(environ) or ()))
    export, host = registry.export, langfuse_host(environ)
    to_server = export.langfuse is not None or (host is not None and not export.explicit)
    to_file = export.local is not None or (host is None and not export.explicit)
    collector = None
    if export.otlp is not None:
        told, written = read_secret(OTLP_HEADERS, environ), tuple(export.otlp.headers.items())
        collector = environ.get(_ENDPOINT), fingerprint(told), fingerprint(repr(written))
    server = (host, keys, is_enabled(environ), tuple(sink_settings(environ).items())) if to_server else None
    spool = (registry.spool, environ.get("XDG_STATE_HOME")) if to_server or collector else None
    return export, server, collector, spool, store_path(registry) if to_file else None


def open_sinks(registry: Registry, environ: Mapping[str, str]) -> list[Sink]:
    """Make the sinks that a registry and the environment ask for; nothing is connected yet.

    Raises:
        ActivationError: a destination is asked for by the registry, and its address or keys are missing or wrong.
    """
    export = registry.export
    host = langfuse_host(environ)
    if not export.explicit:
        # Who forbids sending by Langfuse's own variable wants no traces, not a file of them.
        forbidden = not is_enabled(environ)
        local = None if host or forbidden else LocalExport(store_path(registry))
        export = Export(local=local, discard=forbidden, explicit=True)
    sinks: list[Sink] = []
    if is_enabled(environ) and (export.langfuse is not None or (host and not registry.export.explicit)):
        langfuse = export.langfuse or LangfuseExport()
        required = export.local is None and export.otlp is None and not export.discard
        sinks += _langfuse(langfuse, langfuse.host or host, registry.spool, environ, required=required)
    if export.otlp is not None:
        sinks.append(_otlp(export.otlp, registry.spool, environ))
    if export.local is not None:
        from tracing_proxies.delivery.sinks.local import LocalSink

        local = export.local
        sinks.append(LocalSink(local.path, local.retention_ns, local.max_size))
    if export.discard:
        from tracing_proxies.delivery.sinks.discard import DiscardSink

        sinks.append(DiscardSink())
    return sinks


def langfuse_projects(registry: Registry, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the public keys of the Langfuse projects that spans go to."""
    export, host = registry.export, langfuse_host(environ)
    keys = langfuse_keys(environ)
    address = (export.langfuse.host if export.langfuse is not None else None) or host
    to_server = is_enabled(environ) and (export.langfuse is not None or not export.explicit)
    return frozenset(keys[:1]) if to_server and address and keys is not None else frozenset()


def open_score_sinks(registry: Registry, environ: Mapping[str, str]) -> list[Sink]:
    """Make the sinks that take scores: those of Langfuse.

    Raises:
        ActivationError: as `open_sinks` does.
    """
    export, host = registry.export, langfuse_host(environ)
    if not is_enabled(environ) or (export.langfuse is None and (export.explicit or not host)):
        return []
    langfuse, keys = export.langfuse or LangfuseExport(), langfuse_keys(environ)
    address = langfuse.host or host
    if not address or keys is None:
        return []
    return [project_sinks(address, keys, langfuse.durability, registry.spool, environ)[1]]


def project_sinks(
    address: str,
    keys: tuple[str, str],
    durability: str,
    spool: SpoolSettings,
    environ: Mapping[str, str],
    *,
    renew: Callable[[], tuple[str, str] | None] | None = None,
    ordered: bool = False,
) -> tuple[LangfuseSink, ScoreSink]:
    """Make the sinks of one Langfuse project: of its spans, and of its scores.

    Args:
        keys: the public and the secret one.
        durability: where spans wait for the server: memory, spill or wal.
        renew: reads the keys again when the server refuses them; None for those of the environment.
        ordered: whether spans must arrive in the order in which they were sent.

    Raises:
        ValueError: the address is none of http or https.
    """
    from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
    from tracing_proxies.langfuse.scores_sink import ScoreSink

    again = renew or (lambda: langfuse_keys(environ))
    destination = f"{address.rstrip('/')}\n{keys[0]}"
    settings = sink_settings(environ)
    timeout = {name: settings[name] for name in ("read_timeout",) if name in settings}
    storage = _storage(durability, spool, environ, destination)
    apart = _storage(durability, spool, environ, f"{destination}\nscores")
    spans = LangfuseSink(address, *keys, renew=again, storage=storage, ordered=ordered, **settings)
    return spans, ScoreSink(address, *keys, renew=again, storage=apart, **timeout)


def spool_folder(spool: SpoolSettings, environ: Mapping[str, str], destination: str) -> Path:
    """Return the folder for the requests to one destination.

    Args:
        destination: names server and project; what waits for one must never go to another.
    """
    root = spool.path
    if root is None:
        root = _state_folder(environ) / "tracing_proxies" / "spool"
    return root / hashlib.sha256(destination.encode()).hexdigest()[:16]


def _state_folder(environ: Mapping[str, str]) -> Path:
    state = environ.get("XDG_STATE_HOME") or ""
    if os.path.isabs(state):
        return Path(state)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError:  # a container's user without a home
        return Path(tempfile.gettempdir()) / f"state-{os.getuid()}"


def _storage(durability: str, spool: SpoolSettings, environ: Mapping[str, str], destination: str) -> Storage | None:
    if durability == "memory":
        return None
    folder = spool_folder(spool, environ, destination)
    return Storage(folder, durability == "wal", spool.max_size, spool.max_age_ns)


def find_collector(otlp: OtlpExport, environ: Mapping[str, str]) -> tuple[str, Callable[[], dict[str, str]]]:
    """Return the address of an OTLP receiver, and what reads the headers that are sent there.

    Raises:
        ActivationError: neither registry nor environment names it.
    """
    from tracing_proxies.delivery.sinks.otlp import TRACES_PATH

    endpoint = otlp.endpoint or environ.get(_ENDPOINT)
    if not endpoint:
        raise ActivationError(
            "export.otlp needs an address: `endpoint: http://127.0.0.1:4318`, or OTEL_EXPORTER_OTLP_ENDPOINT in the "
            "environment"
        )

    def headers() -> dict[str, str]:
        return dict(otlp.headers) or _told_headers(read_secret(OTLP_HEADERS, environ) or "")

    return endpoint.rstrip("/").removesuffix(TRACES_PATH), headers


def _otlp(otlp: OtlpExport, spool: SpoolSettings, environ: Mapping[str, str]) -> Sink:
    from tracing_proxies.delivery.sinks.otlp import OtlpSink

    address, headers = find_collector(otlp, environ)
    try:
        storage = _storage(otlp.durability, spool, environ, f"{address}\notlp")
        return OtlpSink(address, headers(), renew=headers, storage=storage)
    except ValueError as error:
        raise ActivationError(f"export.otlp: {error}") from None


def _told_headers(text: str) -> dict[str, str]:
    """Read ``OTEL_EXPORTER_OTLP_HEADERS``: ``name=value,name=value``, percent-encoded (W3C Baggage, section 3.3)."""
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, found, value in pairs if found}


def _langfuse(
    langfuse: LangfuseExport,
    host: str | None,
    spool: SpoolSettings,
    environ: Mapping[str, str],
    *,
    required: bool,
) -> list[Sink]:
    keys = langfuse_keys(environ)
    if host and keys is not None:
        return [project_sinks(host, keys, langfuse.durability, spool, environ)[0]]
    if not required:
        return []
    raise ActivationError(
        "export.langfuse needs LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in the environment; a "
        "key may also stand in a file that LANGFUSE_SECRET_KEY_FILE names. Set them, or export to a local file: "
        "`export: {local: {path: traces.db}}`"
    )
