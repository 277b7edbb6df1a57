"""Calls an ASGI application as a server does, in asyncio or in trio, and keeps what it sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import trio

BACKENDS = ["asyncio", "trio"]


def run(backend: str, main: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Run an async function to its end in an event loop of its own."""
    if backend == "trio":
        return trio.run(main, *args)
    return asyncio.run(main(*args))  # type: ignore[arg-type]


async def pause() -> None:
    """Let other tasks run, whichever loop it is."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


def http_scope(path: str = "/there", *headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Make the scope of a request."""
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    plain = {"type": "http", "method": "GET", "path": path, "query_string": b"token=secret", "headers": encoded}
    return {**plain, **more}


class Exchange:
    """One request: what the application is given to receive, and what it sends."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        await pause()
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        await pause()
        self.sent.append(message)


START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"done"}
