"""Functions that look at their caller's frame, in all the ways that are detected, and some that only look alike."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import sys
import traceback
import warnings
import weakref
from collections import namedtuple
from sys import _getframe as _get_frame
from typing import Any


def caller(extra: int = 0, *rest: int, key: str = "", **others: Any) -> str:
    return sys._getframe(1).f_code.co_name


def _frame_at(more: int = 0) -> str:
    return sys._getframe(2 + more).f_code.co_name


def at_depth(deep: bool = True) -> str:
    return _frame_at(1) if deep else _frame_at()


async def z_awaits_at_depth() -> str:
    return at_depth()


def caller_at(depth: int = 0) -> str:
    return sys._getframe(1 + depth).f_code.co_name


def caller_by_alias() -> str:
    return _get_frame(1).f_code.co_name


def _made_by_alias() -> list[str]:
    return [_get_frame(up).f_code.co_name for up in (1, 2)]


def by_alias_below() -> list[str]:
    return _made_by_alias()


def caller_by_name() -> str:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_code.co_name


def module_of_caller() -> Any:
    return sys._getframe(1).f_globals["__name__"]


def whole_stack() -> list[str]:
    return [frame.function for frame in inspect.stack()]


def extracted() -> list[str]:
    return [frame.name for frame in traceback.extract_stack()]


def first_outside() -> str:
    frame = sys._getframe()
    while frame.f_globals.get("__name__") == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_name


def _two_up() -> str:
    return sys._getframe(2).f_code.co_name


def by_helper() -> str:
    return _two_up()


def by_a_helpers_helper() -> str:
    return _three_up()


def _three_up() -> str:
    return _two_up_again()


def _two_up_again() -> str:
    return sys._getframe(3).f_code.co_name


class Named:
    def __init__(self) -> None:
        self.where = sys._getframe(1).f_code.co_name

    def caller(self) -> str:
        return sys._getframe(1).f_code.co_name

    def by_method(self) -> str:
        return self._up()

    def _up(self) -> str:
        return sys._getframe(2).f_code.co_name

    @classmethod
    def of_class(cls) -> str:
        return sys._getframe(1).f_code.co_name

    @staticmethod
    def of_none() -> str:
        return sys._getframe(1).f_code.co_name


def failing() -> None:
    raise ValueError(sys._getframe(1).f_code.co_name)


def factorial(number: int) -> int:
    assert sys._getframe(1)
    return 1 if number < 2 else number * factorial(number - 1)


async def awaiting() -> str:
    name = sys._getframe(1).f_code.co_name
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return name


async def letting_go(thing: Any) -> tuple[str, bool]:
    name, known = sys._getframe(1).f_code.co_name, weakref.ref(thing)
    del thing
    await asyncio.sleep(0)
    return name, known() is None


def generating() -> Any:
    yield sys._getframe(1).f_code.co_name


def told(function: Any) -> Any:
    @functools.wraps(function)
    def telling(*args: Any, **kwargs: Any) -> Any:
        assert sys._getframe(1)
        return function(*args, **kwargs)

    return telling


@told
def first_told(number: int) -> int:
    return number + 1


@told
def second_told(number: int) -> int:
    return number + 2


# What only looks alike.


def own_frame() -> Any:
    return sys._getframe().f_lineno


def own_frame_by_name() -> Any:
    frame = inspect.currentframe()
    return frame is not None


def callers_within() -> str:
    return caller()


def stack() -> list[int]:
    return []


def uses_a_stack() -> list[int]:
    return stack()


def makes_a_type() -> Any:
    return namedtuple("Made", "x")


def warning() -> None:
    warnings.warn("look here", stacklevel=2)


def warning_by_helper() -> None:
    _warn()


def _warn() -> None:
    warnings.warn("look here", DeprecationWarning, 3)


def logging_caller(logger: logging.Logger) -> None:
    logger.warning("look here", stacklevel=2)
