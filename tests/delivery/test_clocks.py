"""The wall clock may jump by an hour either way: nothing waits for it, and no span ends before it began."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.contract.server import ContractServer
from tests.delivery.programs import numbers, run

HOUR = 3_600
JUMP = """
    import time as _time
    jumped = [0]
    now, now_ns = _time.time, _time.time_ns
    _time.time = lambda: now() + jumped[0]
    _time.time_ns = lambda: now_ns() + int(jumped[0] * 10**9)
    tracing_proxies.activate(registry())
    def jump():
        jumped[0] += int(sys.argv[1])
"""


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_spans_around_a_jump_arrive_once_and_none_ends_before_it_began(
    server: ContractServer, tmp_path: Path, seconds: int
) -> None:
    begun = time.time()
    run(
        server.url,
        tmp_path / "spool",
        JUMP
        + """
    sell(range(10))
    shop.within(1, jump)
    sell(range(10, 20))
    begun = time.monotonic()
    assert tracing_proxies.flush(20)
    assert accounts()["delivered"] == 21
    """,
        str(seconds),
        active=False,
    )
    rows = server.observations()
    assert numbers(rows) == list(range(20))
    assert all(row["end_time"] >= row["start_time"] for row in rows)
    [within] = [row for row in rows if row["name"] == "Shop.within"]
    assert within["end_time"] - within["start_time"] < 60 * 10**9, "the jump is no part of its duration"
    assert all(abs(row["start_time"] / 1e9 - begun) < HOUR + 600 for row in rows)


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_an_outage_in_which_the_clock_jumps_ends_with_all_delivered(
    own_server: ContractServer, tmp_path: Path, seconds: int
) -> None:
    own_server.script([{"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}])
    run(
        own_server.url,
        tmp_path / "spool",
        JUMP
        + """
    sell(range(10))
    assert tracing_proxies.flush(0.3) in (True, False)
    jump()
    sell(range(10, 20))
    ends = time.monotonic() + 30
    while accounts()["delivered"] < 20 and time.monotonic() < ends:
        sell([20 + accounts()["produced"]])  # in files that are older, or younger, than those before
        time.sleep(0.2)
    assert tracing_proxies.flush(20)
    found = accounts()
    assert found["delivered"] == found["produced"], found
    """,
        str(seconds),
        active=False,
    )
    assert numbers(own_server.observations())[:20] == list(range(20))
    assert own_server.received()["repeated"] == 0
