"""Where spans go: what the registry says, else Langfuse if its keys are in the environment, else a local file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracing_proxies.delivery.sinks.discard import DiscardSink
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.local import LocalSink
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.errors import ActivationError
from tracing_proxies.registry.model import Export, LocalExport, Registry

DEFAULT_STORE = Path(".tracing_proxies") / "traces.db"


def langfuse_host(environ: Mapping[str, str]) -> str | None:
    """Return the server that the environment names, if it holds both keys as well."""
    if not environ.get("LANGFUSE_PUBLIC_KEY") or not environ.get("LANGFUSE_SECRET_KEY"):
        return None
    return environ.get("LANGFUSE_BASE_URL") or environ.get("LANGFUSE_HOST") or None


def store_path(registry: Registry) -> Path:
    """Return the local store's file: the registry's, else one beside the registry."""
    if registry.export.local is not None:
        return registry.export.local.path
    folder = registry.path.parent if registry.path is not None else Path.cwd()
    return folder / DEFAULT_STORE


def describe(registry: Registry, environ: Mapping[str, str]) -> object:
    """Return all that the choice of sinks depends on, comparable; secrets are in it as their hashes."""
    keys = hash((environ.get("LANGFUSE_PUBLIC_KEY"), environ.get("LANGFUSE_SECRET_KEY")))
    export, host = registry.export, langfuse_host(environ)
    to_server = export.langfuse is not None or (host is not None and not export.explicit)
    to_file = export.local is not None or (host is None and not export.explicit)
    return export, (host, keys) if to_server else None, store_path(registry) if to_file else None


def open_sinks(registry: Registry, environ: Mapping[str, str]) -> list[Sink]:
    """Make the sinks that a registry and the environment ask for; nothing is connected yet.

    Raises:
        ActivationError: Langfuse is asked for by the registry, and its host or keys are missing.
    """
    export = registry.export
    host = langfuse_host(environ)
    if not export.explicit:
        export = Export(discard=False, explicit=True) if host else Export(local=LocalExport(store_path(registry)))
    sinks: list[Sink] = []
    if export.langfuse is not None or (host and not registry.export.explicit):
        named = export.langfuse.host if export.langfuse is not None else None
        sinks += _langfuse(named or host, environ, required=export.local is None and not export.discard)
    if export.local is not None:
        local = export.local
        sinks.append(LocalSink(local.path, local.retention_ns, local.max_size))
    if export.discard:
        sinks.append(DiscardSink())
    return sinks


def _langfuse(host: str | None, environ: Mapping[str, str], *, required: bool) -> list[Sink]:
    public, secret = environ.get("LANGFUSE_PUBLIC_KEY"), environ.get("LANGFUSE_SECRET_KEY")
    if host and public and secret:
        return [LangfuseSink(host, public, secret)]
    if not required:
        return []
    raise ActivationError(
        "export.langfuse needs LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in the environment. "
        "Set them, or export to a local file: `export: {local: {path: traces.db}}`"
    )
