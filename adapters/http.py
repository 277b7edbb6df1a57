"""Traces go on over HTTP: `traceparent` leaves with the requests of clients, and arrives with those of servers."""

from __future__ import annotations

from tracing_proxies.adapters import http_clients, http_servers, uvicorn
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.hooks import Hooks


def install(hooks: Hooks, preset: Preset) -> None:
    """Wait for the clients and the frameworks that are known; none is imported for it."""
    http_clients.install(hooks)
    http_servers.install(hooks)
    uvicorn.install(hooks)
