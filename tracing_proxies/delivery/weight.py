"""Estimates how much memory an observation holds, so that a backlog can be bounded in bytes."""

from __future__ import annotations

from collections.abc import Iterable
from sys import getsizeof
from typing import Any

from tracing_proxies.recording.observation import Observation

_OVERHEAD = 1_200  # the object itself, its ids, its small texts and empty dicts: measured with tracemalloc
_MAX_DEPTH = 8
_CONTAINERS = frozenset((dict, list, tuple))


def weigh(observation: Observation) -> int:
    """Return the bytes that an observation holds, within about a fifth.

    Texts of captured values are taken exactly, since nearly all memory is in them.
    """
    size, given, result = _OVERHEAD, observation.input, observation.output
    if given is not None:
        size += getsizeof(given)
    if result is not None:
        size += getsizeof(result)
    if observation.status_message is not None:
        size += getsizeof(observation.status_message)
    if observation.metadata:
        size += _weigh(observation.metadata, _MAX_DEPTH)
    return size


def _weigh(value: Any, depth: int) -> int:
    size = getsizeof(value)
    if depth:
        items: Iterable[Any] = ()
        if type(value) is dict:
            items = value.values()
            for key in value:
                size += getsizeof(key)
        elif type(value) in (list, tuple):
            items = value
        for item in items:  # most are texts and numbers: a call for each would double what it takes
            size += _weigh(item, depth - 1) if type(item) in _CONTAINERS else getsizeof(item)
    return size
