"""A program that makes spans at a steady rate, with this project or with Langfuse's own SDK, and reports on itself.

    python -m perf.producer ours|langfuse RATE SECONDS

Address and keys come from the environment. The last line of its output is a JSON object: how many spans it made, how
long the longest call took (milliseconds), how much memory it gained (MiB), and when it was done (seconds since the
epoch), so that the caller can tell how long its exit took.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tracing_proxies
from tracing_proxies.testing import registry_from


class Shop:
    """What is traced."""

    def sell(self, number: int) -> dict[str, object]:
        """Return something of about 100 bytes."""
        return {"order": number, "product": "olive oil, 1 l", "status": "confirmed", "warehouse": "Lyon", "lines": 3}


def traced_by_us(spool: str) -> Callable[[int], object]:
    """Trace the shop with this project, its spool in a folder of its own."""
    tracing_proxies.activate(
        registry_from(
            "version: 1\nexport: { langfuse: {} }\n"
            f"spool: {{ path: {json.dumps(spool)} }}\n"
            "trace: [{ match: 'perf.producer:Shop.sell' }]\n"
        )
    )
    return Shop().sell


def traced_by_langfuse() -> Callable[[int], object]:
    """Trace the shop with Langfuse's decorator."""
    from langfuse import observe

    decorated: Callable[[int], object] = observe()(Shop().sell)
    return decorated


def main() -> None:
    who, rate, seconds, spool = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    call = traced_by_us(spool) if who == "ours" else traced_by_langfuse()
    made = 0
    longest = 0.0
    memory = _peak()
    begun = time.perf_counter()
    while (now := time.perf_counter()) - begun < seconds:
        due = int((now - begun) * rate) + 1
        while made < due:
            before = time.perf_counter()
            call(made)
            longest = max(longest, time.perf_counter() - before)
            made += 1
        time.sleep(max(0.0, begun + made / rate - time.perf_counter()))
    report = {"made": made, "longest_ms": longest * 1e3, "gained_mib": _peak() - memory, "done": time.time()}
    print(json.dumps(report), flush=True)


def _peak() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    Path(sys.argv[4]).mkdir(parents=True, exist_ok=True)
    main()
