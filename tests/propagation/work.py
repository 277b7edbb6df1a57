"""What is traced around clients and within servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


def outer(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


async def outer_async(work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    return await work(*args)


def unsampled(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


def inner(number: int = 0) -> int:
    return number + 1


async def inner_async(number: int = 0) -> int:
    return number + 1
