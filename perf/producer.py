"""A program that makes spans at a steady rate, with this project or with Langfuse's own SDK, and reports on itself.

    python -m perf.producer ours|langfuse|untraced RATE SECONDS FOLDER [BYTES [SPOOL_SIZE]]

Address and keys come from the environment, the spool is in the folder. The last line of its output is a JSON object:
how many spans it made, how long the longest call took (milliseconds), how much memory it gained (MiB), and when it was
done (seconds since the epoch), so that the caller can tell how long its exit took; and, of this project, the accounts
and the most bytes that its spool had. Untraced, it tells how long the machine keeps a call waiting that nobody traces.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tracing_proxies
from tracing_proxies.testing import registry_from

_USUAL_CALL = 200e-6
_WORDS = (
    "olive oil order customer warehouse Lyon Porto delivery Thursday pallet invoice discount refund because the "
    "supplier confirmed price of with without before after asked agent checks stock level reorder point and"
).split()


class Shop:
    """What is traced."""

    def __init__(self, size: int) -> None:
        chance = random.Random(7)
        self.notes = [_note(chance, size) for _ in range(500 if size else 0)]

    def sell(self, number: int) -> dict[str, object]:
        """Return something of about 100 bytes."""
        return {"order": number, "product": "olive oil, 1 l", "status": "confirmed", "warehouse": "Lyon", "lines": 3}

    def answer(self, question: str, number: int) -> dict[str, object]:
        """Return a text of the size that was asked for."""
        return {"order": number, "answer": self.notes[(7 * number + 1) % len(self.notes)]}


def _note(chance: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        words.append(chance.choice(_WORDS) if chance.random() < 0.8 else f"{chance.getrandbits(24):x}")
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


def traced_by_us(spool: str, size: int, spool_size: str) -> Callable[[int], object]:
    """Trace the shop with this project, its spool in a folder of its own."""
    tracing_proxies.activate(
        registry_from(
            "version: 1\nexport: { langfuse: {} }\nsampling: { budget: unlimited }\n"
            f"spool: {{ path: {json.dumps(spool)}, max_size: {spool_size} }}\n"
            "trace: [{ match: ['perf.producer:Shop.sell', 'perf.producer:Shop.answer'], sample: always }]\n"
        )
    )
    shop = Shop(size)
    if not size:
        return shop.sell
    return lambda number: shop.answer(shop.notes[number % len(shop.notes)], number)


def traced_by_langfuse() -> Callable[[int], object]:
    """Trace the shop with Langfuse's decorator."""
    from langfuse import observe

    decorated: Callable[[int], object] = observe()(Shop(0).sell)
    return decorated


def untraced(size: int) -> Callable[[int], object]:
    """Do the same untraced, for as long as a traced call takes: the longer it is, the likelier it is interrupted."""
    shop = Shop(size)

    def call(number: int) -> object:
        ends = time.perf_counter() + _USUAL_CALL
        answer = shop.answer(shop.notes[number % len(shop.notes)], number) if size else shop.sell(number)
        while time.perf_counter() < ends:
            pass
        return answer

    return call


def main() -> None:
    who, rate, seconds, folder = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    size, spool_size = (*sys.argv[5:7], *("0", "512MiB")[len(sys.argv) - 5 :])
    if who == "ours":
        call = traced_by_us(folder, int(size), spool_size)
    else:
        call = untraced(int(size)) if who == "untraced" else traced_by_langfuse()
    gc.collect()  # what start-up has left is collected here, which takes 15 ms, and not within a call a little later
    made = 0
    longest = 0.0
    largest = 0
    looked = 0.0
    memory = _peak()
    begun = time.perf_counter()
    while (now := time.perf_counter()) - begun < seconds:
        due = int((now - begun) * rate) + 1
        while made < due:
            before = time.perf_counter()
            call(made)
            longest = max(longest, time.perf_counter() - before)
            made += 1
        if who == "ours" and now - looked > 1.0:
            looked = now
            largest = max(largest, _spool()["bytes"])
        time.sleep(max(0.0, begun + made / rate - time.perf_counter()))
    report: dict[str, Any] = {"made": made, "longest_ms": longest * 1e3, "gained_mib": _peak() - memory}
    if who == "ours":
        found = tracing_proxies.status()["delivery"]
        counted = {key: found[key] for key in ("produced", "delivered", "sampled_out", "dropped", "queued", "spooled")}
        report.update(counted, spool_bytes=largest)
    print(json.dumps({**report, "done": time.time()}), flush=True)


def _spool() -> dict[str, Any]:
    found: dict[str, Any] = tracing_proxies.status()["delivery"]["sinks"]["langfuse"]["spool"]
    return found


def _peak() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    Path(sys.argv[4]).mkdir(parents=True, exist_ok=True)
    main()
