"""Steps out of the application's event loop for what has to be waited for there, as at a fork."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def outside_of_loops() -> Iterator[None]:
    """Let code run as if its thread had no running event loop.

    A process that forks in one, as uvloop does to start another, waits for the fork, and for our threads and files with
    it. Tools that raise in whoever blocks an event loop would raise in us, and the fork would be left half prepared.
    """
    events: Any = sys.modules.get("asyncio.events")
    loop = None if events is None else events._get_running_loop()
    if loop is None:
        yield
        return
    events._set_running_loop(None)
    try:
        yield
    finally:
        events._set_running_loop(loop)
