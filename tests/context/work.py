"""What is traced in the tests of context."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any


def outer(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


def inner(name: Any = None) -> Any:
    return name


async def outer_async(work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    return await work(*args)


async def inner_async(name: Any = None, pauses: int = 1) -> Any:
    for _ in range(pauses):
        await asyncio.sleep(0)
    return name


async def hang(name: Any = None) -> None:
    await asyncio.sleep(3600)


async def fail(name: Any = None) -> None:
    await asyncio.sleep(0)
    raise ValueError(name)


def numbers(count: int = 3) -> Iterator[int]:
    for number in range(count):
        inner(number)
        yield number


async def numbers_async(count: int = 3) -> AsyncIterator[int]:
    try:
        for number in range(count):
            await inner_async(number)
            yield number
    finally:
        inner("closed")


@contextlib.contextmanager
def entered(name: Any = None) -> Iterator[Any]:
    inner(name)
    yield name


def unsampled(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


async def each_async(work: Callable[..., Awaitable[Any]], parts: list[Any]) -> AsyncIterator[Any]:
    for part in parts:
        yield await work(part)


def each(work: Callable[..., Any], parts: list[Any]) -> Iterator[Any]:
    for part in parts:
        yield work(part)
