"""The retail application run again and again for a while, untraced or traced, telling every half second how it does.

    python -m perf.market BUDGET COPIES SECONDS FOLDER

The budget is ``plain`` (untraced), ``unlimited``, or a share such as ``1%``; with no copies at all it runs calmly, six
triggers at a time, else that many stress runs at a time. Each line of its output is a JSON object: seconds, seconds of
CPU, triggers handled, and what tracing says of itself; the last one has the response times of all triggers as well.
With ``turns`` for the seconds it runs once, calmly, for every seed that it reads, so many triggers at a time, and tells
how long that took.

Untraced it does not even import what traces: what is imported lies in the application's memory, which costs its garbage
collector time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_TOLD_EVERY = 0.5
REGISTRY = Path(__file__).parents[1] / "registry.yaml"


class Clocked:
    """Measures the response time of every trigger, below whatever else stands around its call."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put_around(self, consumer: Any) -> None:
        """Wrap the consumer's method, traced or not, on the outside."""
        handle = consumer.handle

        async def clocked(this: Any, trigger: Any) -> Any:
            start = time.perf_counter()
            try:
                return await handle(this, trigger)
            finally:
                self.times.append(time.perf_counter() - start)

        consumer.handle = clocked


def activate(budget: str, folder: Path) -> None:
    """Trace as the example's registry says, into a local store, within a budget."""
    import tracing_proxies
    from tracing_proxies.registry.loader import load_registry

    environ = {
        **os.environ,
        "TRACING_PROXIES__SAMPLING__BUDGET": budget,
        "TRACING_PROXIES__EXPORT__LOCAL__PATH": str(folder / "traces.db"),
    }
    tracing_proxies.activate(load_registry(REGISTRY, environ=environ))


def describe(begun: float, cpu: float, clocked: Clocked, traced: bool) -> dict[str, Any]:
    """Say how it does at this moment."""
    told: dict[str, Any] = {
        "seconds": time.monotonic() - begun,
        "cpu": time.process_time() - cpu,
        "triggers": len(clocked.times),
    }
    if traced:
        from tracing_proxies import failures, runtime

        active = runtime._active()
        # Not the whole status, which looks through all loaded modules: 50 ms that are none of tracing's.
        counted = active.recorder.count_calls()
        told["sampling"], told["delivery"] = active.budgeting.status(), active._pipelines.status()
        told["errors"], told["calls"] = counted["errors"], counted["count"]
        told["failures"] = failures.counts()
    return told


def _flush() -> None:
    import tracing_proxies

    tracing_proxies.flush(30.0)


async def run_for(seconds: float, copies: int) -> None:
    """Run the application, over and over, until the time is up."""
    from retail.run import name_scenarios, run

    deadline = time.monotonic() + seconds
    names = name_scenarios("all")

    async def again(seed: int) -> None:
        while time.monotonic() < deadline:
            await run(names, seed, 6, stress=copies > 0)
            seed += 1_000

    await asyncio.gather(*(again(7 + copy) for copy in range(max(1, copies))))


async def take_turns(clocked: Clocked, at_once: int, traced: bool) -> None:
    """Run once, calmly, for every seed on the standard input, and tell response times, how long it took, and CPU."""
    from retail.run import name_scenarios, run

    names = name_scenarios("all")
    for line in sys.stdin:
        clocked.times.clear()
        begun, cpu = time.monotonic(), time.process_time()
        await run(names, int(line), at_once)
        seconds = time.monotonic() - begun
        if traced:
            _flush()  # it must not be at work when others are
        told = {"times": clocked.times, "seconds": seconds, "cpu": time.process_time() - cpu}
        print(json.dumps(told), flush=True)


async def main(budget: str, copies: int, span: str, folder: Path) -> None:
    """Run, and tell."""
    from retail.simulation.consumer import TriggerConsumer

    traced = budget != "plain"
    if traced:
        activate(budget, folder)
    clocked = Clocked()
    clocked.put_around(TriggerConsumer)
    if span == "turns":
        await take_turns(clocked, copies, traced)
        return
    seconds = float(span)
    begun, cpu = time.monotonic(), time.process_time()

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TOLD_EVERY)
            print(json.dumps(describe(begun, cpu, clocked, traced)), flush=True)

    telling = asyncio.create_task(tell())
    await run_for(seconds, copies)
    telling.cancel()
    if traced:
        _flush()
    print(json.dumps({**describe(begun, cpu, clocked, traced), "times": clocked.times}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
