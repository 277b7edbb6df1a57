"""Counts the public functions and methods of some packages, and those of them that are woven."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import tracing_proxies.runtime
from tracing_proxies.weaving import candidates
from tracing_proxies.weaving.kinds import unwoven

_KINDS = (
    FunctionType,
    classmethod,
    staticmethod,
    functools.partialmethod,
    functools.singledispatchmethod,
    functools._lru_cache_wrapper,
)


def measure(packages: list[str], tests: tuple[str, ...]) -> dict[str, Any]:
    """Look at all loaded modules of the packages.

    Args:
        tests: the modules and packages among them that are tests.

    Returns:
        How many public callables they define, the names of those that are not woven, and why.
    """
    runtime = tracing_proxies.runtime._runtime
    assert runtime is not None
    points = runtime.weaver.points
    woven_functions = {id(point.function) for point in points if point.recipe is not None}
    total, missed = 0, []
    for owner, name, raw, where in _public(packages):
        module = where.partition(":")[0]
        if _is_within(module, tests):
            continue
        total += 1
        if points.at(id(owner), name) is None and id(_function(unwoven(raw))) not in woven_functions:
            missed.append(where)
    refused = {str(target): reason for target, reason in runtime.weaver.refused.items()}
    return {"public": total, "missed": missed, "refused": refused}


def _public(packages: list[str]) -> Iterator[tuple[Any, str, Any, str]]:
    for name, module in list(sys.modules.items()):
        if type(module) is not ModuleType or not _is_within(name, packages) or ".tests" in name:
            continue
        if not _is_within(module.__name__, packages):  # another library's, under a name of this one's
            continue
        for key, raw in list(vars(module).items()):
            if not key.startswith("_") and _counts(raw) and candidates.home_of(unwoven(raw)) == module.__name__:
                yield vars(module), key, raw, f"{name}:{key}"
        for cls in candidates.module_classes(vars(module)):
            if any(part.startswith("_") for part in cls.__qualname__.split(".")):
                continue
            for key, raw in list(vars(cls).items()):
                if not key.startswith("_") and _counts(raw):
                    yield cls, key, raw, f"{name}:{cls.__qualname__}.{key}"


def _is_within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _counts(raw: Any) -> bool:
    return type(unwoven(raw)) in _KINDS


def _function(raw: Any) -> Any:
    return raw.__func__ if type(raw) in (classmethod, staticmethod) else raw
