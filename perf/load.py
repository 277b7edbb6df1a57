"""A program that makes spans as fast as it can, and tells what each cost until it was delivered.

    python -m perf.load TRACER SIZE SPANS SPOOL

The tracer is ``plain`` (nothing), ``discard``, ``local``, ``langfuse`` (this project into one of its sinks) or
``observe`` (Langfuse's own decorator with a mask function). Sizes are in bytes, of the input and of the output each.
Its output is a JSON object of microseconds of CPU per span of the whole process, spans per second, and spans dropped.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import tracing_proxies
from tracing_proxies.testing import registry_from

SINKS = {"discard": "discard: {}", "local": "local: { path: PATH/traces.db }", "langfuse": "langfuse: {}"}
_CHUNK = 2_000


class Shop:
    """What is traced."""

    def sell(self, order: dict[str, Any], note: str) -> dict[str, Any]:
        """Return what was given, as an agent's tool may."""
        return {"order": order, "note": note, "status": "confirmed"}


def make_calls(size: int) -> list[tuple[dict[str, Any], str]]:
    """Return arguments of about so many bytes, a thousand different ones."""
    word = "a product of the season, from the market "
    calls = []
    for number in range(1_000):
        note = f"order {number} " + word * (max(0, size - 60) // len(word) + 1)
        calls.append(({"product": "olive oil", "quantity": number % 40}, note[: max(8, size - 50)]))
    return calls


def trace(tracer: str, folder: str) -> tuple[Callable[..., Any], Callable[[], int]]:
    """Return the call to make, and what waits for delivery and returns how many spans were dropped."""
    if tracer == "plain":
        return Shop().sell, lambda: 0
    if tracer == "observe":
        return _observe()
    sink = SINKS[tracer].replace("PATH", folder)
    tracing_proxies.activate(
        registry_from(
            f"version: 1\nexport: {{ {sink} }}\nspool: {{ path: {json.dumps(folder)} }}\n"
            "sampling: { budget: unlimited }\ntrace: [{ match: 'perf.load:Shop.sell' }]\n"
        )
    )

    def finish() -> int:
        tracing_proxies.flush(120.0)
        delivery = tracing_proxies.status()["delivery"]
        return int(delivery["produced"] - delivery["delivered"])

    return Shop().sell, finish


def _observe() -> tuple[Callable[..., Any], Callable[[], int]]:
    from langfuse import Langfuse, observe

    addresses = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")

    def mask(*, data: Any, **_: Any) -> Any:
        return json.loads(addresses.sub("[EMAIL]", json.dumps(data))) if data is not None else None

    client = Langfuse(mask=mask)
    decorated: Callable[..., Any] = observe()(Shop().sell)

    def finish() -> int:
        client.flush()
        return 0

    return decorated, finish


def main() -> None:
    tracer, size, spans, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    call, finish = trace(tracer, folder)
    calls = make_calls(size)
    for order, note in calls:
        call(order, note)
    finish()
    begun, cpu = time.perf_counter(), time.process_time()
    for start in range(0, spans, _CHUNK):
        for number in range(start, min(start + _CHUNK, spans)):
            order, note = calls[number % 1_000]
            call(order, f"{number} {note}")  # no text comes twice: masking would know it again
    made = time.perf_counter() - begun
    dropped = finish()
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    report = {
        "cpu_us": used / spans * 1e6,
        "per_second": spans / took,
        "made_per_second": spans / made,
        "dropped": dropped,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
