"""What the programs of the process tests trace."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any


class Shop:
    """Sells."""

    def sell(self, number: int) -> dict[str, int]:
        """Return an order."""
        return {"order": number}

    async def wait(self, number: int, seconds: float = 0.0) -> int:
        """Return after a while."""
        await asyncio.sleep(seconds)
        return number

    def within(self, number: int, work: Callable[[], Any]) -> Any:
        """Do something within."""
        return work()


def on_signal(number: int, action: Callable[[], object]) -> None:
    """Have a handler of the application's own."""
    signal.signal(number, lambda *_: action())
