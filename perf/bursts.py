"""What all benchmarks of calls share: bursts of 100 with a flush between, and the circumstances of a run."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

BURST = 100
ROUNDS_VARIABLE = "PERF_ROUNDS"
"""The variable of the environment that says how many bursts make a case."""
WARMUP = 5
ARGUMENTS = "('olive-oil-1l', 12)"


def measure(
    benchmark: Any,
    call: str,
    scope: dict[str, Any],
    *,
    case: str,
    group: str,
    settle: Callable[[], Any] | None = None,
    part: int = 1,
    **facts: str,
) -> None:
    """Measure an expression in bursts, and what other threads do meanwhile.

    The expression is compiled, so that an attribute is looked up at each call, as it is in an application.

    Args:
        call: the expression.
        scope: the names in it.
        case: what it is called in the report.
        group: the table of the report that it stands in.
        settle: what is done before each burst, outside of the measurement, so that the worker's time is not taken for
            the caller's.
        part: the part of the bursts that is made, where a call takes long.
        facts: what else the report is told of the case.
    """
    once = eval(f"lambda: {call}", scope)
    calls = 0

    def burst() -> None:
        nonlocal calls
        calls += BURST
        for _ in range(BURST):
            once()

    benchmark.group = group
    before = _elsewhere()
    rounds = max(5, int(os.environ.get(ROUNDS_VARIABLE, "300")) // part)
    benchmark.pedantic(burst, setup=settle, rounds=rounds, warmup_rounds=WARMUP)
    if settle is not None:
        settle()
    worker = max(0, _elsewhere() - before) / calls
    benchmark.extra_info.update(case=case, worker_ns=worker, **facts)


def _elsewhere() -> int:
    """Return the CPU of all threads but this one, in nanoseconds."""
    return time.process_time_ns() - time.thread_time_ns()


def circumstances() -> dict[str, Any]:
    """Describe where and when a run begins: figures of a busy machine are not to be trusted."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "wrapt": metadata.version("wrapt"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
