"""Things that do not like to be looked at."""

from __future__ import annotations

import contextlib
import datetime
import types
from collections.abc import Iterator
from typing import Any


class Unhashable(type):
    def __eq__(cls, other: object) -> bool:
        raise KeyboardInterrupt("the metaclass was asked")

    __hash__ = None  # type: ignore[assignment]


class Odd(metaclass=Unhashable):
    pass


class Zone(datetime.tzinfo):
    def utcoffset(self, moment: Any) -> Any:
        raise KeyboardInterrupt("the zone was asked")

    def tzname(self, moment: Any) -> str:
        return "odd"

    dst = utcoffset


class Lazy:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("the lazy object was evaluated")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise RuntimeError("the lazy object was evaluated")


lazy = Lazy()


def moment() -> datetime.datetime:
    return datetime.datetime(2020, 1, 1, tzinfo=Zone())


def released_view() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


def echo(value: Any) -> Any:
    return value


def leaf() -> int:
    return 1


@types.coroutine
def generator_based() -> Any:
    yield from ()
    return 5


@contextlib.contextmanager
def managed() -> Iterator[None]:
    yield


def pass_on(value: Any) -> Any:
    return value


def fail_with(kind: type[BaseException]) -> None:
    raise kind


def boom(exc: BaseException) -> None:
    raise exc


class Base:
    def run(self) -> int:
        return 1


class Holder:
    def __init__(self) -> None:
        self.callback = self.__private

    def __private(self) -> str:
        return "mine"
