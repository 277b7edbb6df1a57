"""Measures one tool in this process: ``python -m perf.peers.once NAME ROUNDS`` prints a line of JSON.

In each round the tool's own threads are waited for first; then come a burst of plain calls, one through a bare wrapt
proxy, and one under the tool, so that what disturbs the machine disturbs all three.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import wrapt

from perf.bursts import BURST, WARMUP
from perf.peers.target import Target
from perf.peers.tools import TOOLS

_PAUSE = 0.002


def _pass_through(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return wrapped(*args, **kwargs)


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Measure a tool of that name.

    Raises:
        ValueError: it has not recorded what it is said to record.
    """
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    Target.proxied = wrapt.FunctionWrapper(Target.proxied, _pass_through)  # type: ignore[method-assign]
    settle, count = tool.start()
    target = Target()
    calls: dict[str, Callable[[], Any]] = {
        "plain": lambda: target.plain("olive-oil-1l", 12),
        "proxied": lambda: target.proxied("olive-oil-1l", 12),
        "traced": lambda: target.traced("olive-oil-1l", 12),
    }
    times: dict[str, list[float]] = {case: [] for case in calls}
    gc.disable()
    for number in range(WARMUP + rounds):
        settle()
        time.sleep(_PAUSE)
        for case, call in calls.items():
            taken = burst(call)
            if number >= WARMUP:
                times[case].append(taken)
        gc.collect()
    settle()
    made = count()
    few = 0.1 * (WARMUP + rounds) * BURST  # of what is not recorded, calls that are slow leave a stub
    if made == 0 if tool.exports else made > few:
        raise ValueError(f"{name} has let {made} spans go")
    medians = {case: statistics.median(found) * 1e9 for case, found in times.items()}
    return {**medians, "version": _version(tool.package), "wrapt": metadata.version("wrapt")}


def burst(call: Callable[[], Any]) -> float:
    """Return the seconds that a call takes, from a burst of them."""
    start = time.perf_counter()
    for _ in range(BURST):
        call()
    return (time.perf_counter() - start) / BURST


def _version(package: str) -> str:
    return metadata.version(package.replace("_", "-"))


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
