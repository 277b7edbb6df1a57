"""Functions that are traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def agent(work: Callable[..., Any] = dict, *args: Any) -> Any:
    """Stand for an agent."""
    return work(*args)


def tool(name: str = "") -> str:
    """Stand for a tool."""
    return f"tool {name}"


def decide(result: Any) -> Any:
    """Return a decision."""
    return result
