"""Delivers what is left when uvicorn ends: it dies of the signal that stops it, and nothing runs at its exit."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from tracing_proxies import runtime
from tracing_proxies.adapters.replacing import replace
from tracing_proxies.failures import contain
from tracing_proxies.weaving.hooks import Hooks

_EXIT_TIMEOUT = 2.0


def install(hooks: Hooks) -> None:
    """Wait for the server."""

    def on_server(module: ModuleType) -> None:
        replace(hooks, module.Server, "shutdown", _flushing)

    hooks.on_module("uvicorn.server", on_server)


def _flushing(shutdown: Any) -> Any:
    @functools.wraps(shutdown)
    async def flushing(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        result = await shutdown(self, *args, **kwargs)
        # Every request has been answered by now, so this keeps nobody waiting.
        try:
            runtime.flush(_EXIT_TIMEOUT)
        except Exception as exc:
            contain("uvicorn", exc)
        return result

    return flushing
