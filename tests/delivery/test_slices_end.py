"""A wait that is cut very short ends all the same: the interpreter's own queue may then wait for ever."""

from __future__ import annotations

import threading

from tracing_proxies.delivery.native import Empty, SimpleQueue, take
from tracing_proxies.delivery.slices import Slices

_ROUNDS = 60_000


def test_the_shortest_waits_end_on_queues_that_nobody_has_looked_at() -> None:
    done = threading.Event()

    def work() -> None:
        for _ in range(_ROUNDS):
            try:
                take(SimpleQueue(), 0.000_001)
            except Empty:
                continue
        slices = Slices()
        for _ in range(2_000):
            slices._until = 0.0
            slices.between()
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(60)
