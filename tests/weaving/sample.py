"""Something to weave: every kind of callable, in one module."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any


def plain(a: int, b: int = 2) -> int:
    return a + b


def fails(message: str) -> None:
    raise ValueError(message)


async def later(a: int) -> int:
    return plain(a)


def numbers(most: int) -> Iterator[int]:
    for number in range(most):
        plain(number)
        yield number


async def async_numbers(most: int) -> AsyncIterator[int]:
    for number in range(most):
        await later(number)
        yield number


@contextlib.contextmanager
def managed(value: str) -> Iterator[str]:
    yield value


@contextlib.asynccontextmanager
async def async_managed(value: str) -> AsyncIterator[str]:
    yield value


class Base:
    def __init__(self, name: str = "base") -> None:
        self.name = name

    def run(self, task: str) -> str:
        return f"{self.name} runs {task}"

    def inherited(self) -> str:
        return self.name

    @classmethod
    def make(cls, name: str) -> Any:
        return cls(name)

    @staticmethod
    def add(a: int, b: int) -> int:
        return a + b

    @property
    def size(self) -> int:
        return len(self.name)

    @functools.cached_property
    def heavy(self) -> int:
        return len(self.name) * 2


class Sub(Base):
    def run(self, task: str) -> str:
        return "sub: " + super().run(task)


class Recursive:
    def down(self, depth: int) -> int:
        return depth if depth == 0 else self.down(depth - 1)
