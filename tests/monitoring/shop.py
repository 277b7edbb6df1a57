"""A small shop with agents, tools and a conflict: what the tests of metrics trace."""

from __future__ import annotations

import threading
from typing import Any


class Agent:
    def __init__(self, name: str = "pricing") -> None:
        self.name = name

    def decide(self, number: int = 0) -> dict[str, Any]:
        self.framework(number)
        return {"action": "raise" if number % 2 else "lower", "confidence": 0.25 + (number % 4) / 4, "bold": True}

    def framework(self, number: int) -> None:
        lookup(number)


def handle(number: int, source: str = "market") -> str:
    """One event: two agents in turn, a message, and a conflict that is settled two times out of three."""
    Agent("pricing").decide(number)
    Agent("stock").decide(number)
    send("pricing", "stock")
    settle(number)
    return "done"


def lookup(number: int) -> dict[str, Any]:
    if number % 5 == 4:
        raise LookupError("no such product")
    return {"status": "failed" if number % 5 == 3 else "ok"}


def send(sender: str, recipient: str) -> None:
    pass


def settle(number: int) -> dict[str, int]:
    return {"detected": 1, "resolved": int(number % 3 != 0)}


def wait(begun: threading.Event, end: threading.Event) -> None:
    begun.set()
    end.wait(30)


def hold(secret: str) -> str:
    return secret
