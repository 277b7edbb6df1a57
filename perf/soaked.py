"""The retail application run calmly for as long as it is let, forking now and then, telling how it does meanwhile.

    python -m perf.soaked traced|untraced FOLDER

Traced it goes by the folder's ``registry.yaml``, which may be edited meanwhile. A run begins every seven seconds; every
third is a forked child's, and every other of those is killed in the middle of it. Each line of the output is a JSON
object; SIGTERM asks for the last.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import signal
import sys
import time
from pathlib import Path
from typing import Any

import tracing_proxies
from tracing_proxies import failures, runtime

_RUN_EVERY = 7.0
_SEEDS = 5
_FORK_EVERY = 3
_KILLED_AFTER = 1.0


def describe(runs: int, forks: int) -> dict[str, Any]:
    """Say how it does at this moment; without the whole status, which looks through all loaded modules."""
    told: dict[str, Any] = {"runs": runs, "forks": forks, "failures": failures.counts()}
    active = runtime._runtime
    if active is None:
        return told
    counted, delivery = active.recorder.count_calls(), active._pipelines.status()
    spools = [sink.get("spool", {}).get("bytes", 0) for sink in delivery["sinks"].values()]
    accounts = ("queue", "produced", "delivered", "sampled_out", "dropped", "queued", "spooled")
    told.update({name: delivery[name] for name in accounts}, destinations=sorted(delivery["sinks"]))
    return {**told, "spool_bytes": sum(spools), "calls": counted["count"], "errors": counted["errors"]}


def run_once(seed: int) -> None:
    """Run all scenarios once, six triggers at a time, and have the agents forget it."""
    from strands.telemetry.metrics import EventLoopMetrics

    from retail.agents.orchestrator import orchestrator
    from retail.run import name_scenarios, run

    asyncio.run(run(name_scenarios("all"), seed, 6))
    for agent in orchestrator.agents.values():
        # A Strands agent keeps a record of every question that it was ever asked: a MiB a run, traced or not.
        agent.agent.event_loop_metrics = EventLoopMetrics()


def fork(number: int, seed: int) -> None:
    """Have a forked child do a run; every other one does not live to its end."""
    child = multiprocessing.get_context("fork").Process(target=run_once, args=(seed,))
    child.start()
    child.join(_KILLED_AFTER if number % 2 else None)
    if child.is_alive():
        child.kill()
    child.join()
    child.close()


def main(traced: bool, folder: Path) -> None:
    """Run until SIGTERM comes, and say at the end what became of everything."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    if traced:
        tracing_proxies.activate(folder / "registry.yaml")
    runs = forks = 0
    begun = time.monotonic()
    while not asked:
        runs += 1
        if runs % _FORK_EVERY:
            run_once(runs % _SEEDS)
        else:
            forks += 1
            fork(forks, runs % _SEEDS)
        print(json.dumps(describe(runs, forks)), flush=True)
        while not asked and time.monotonic() < begun + runs * _RUN_EVERY:
            time.sleep(0.1)
    delivered = tracing_proxies.flush(60.0)
    time.sleep(1.0)
    print(json.dumps({**describe(runs, forks), "flushed": delivered}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] == "traced", Path(sys.argv[2]))
