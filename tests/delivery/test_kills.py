"""kill -9 at random moments, with the server up: what is lost is what the last moment made, or nothing at all.

``KILLS`` says how many times in each mode; ``KILL_LOSS`` how many milliseconds' calls may be lost in mode ``spill``. By
contract these are 200; here they are more, since the tests' machine may be busy. ``make kills`` does it at length.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tests.delivery.programs import numbers, start
from tests.delivery.support import wait_until
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage

KILLS = int(os.environ.get("KILLS", "3"))
LOSS = float(os.environ.get("KILL_LOSS", "2000")) / 1e3
SCRIPTS = {
    "spill": """
        tell("up")
        number = 0
        while True:
            shop.sell(number)
            tell(number, time.monotonic())
            number += 1
            time.sleep(0.001)
    """,
    "wal": """
        tell("up")
        number = 0
        while True:
            sell(range(number, number + 10))
            if tracing_proxies.flush(5):
                tell(*range(number, number + 10))
            number += 10
    """,
}


def sell_until_killed(server: ContractServer, folder: Path, mode: str, seconds: float) -> tuple[list[str], float]:
    """Return the lines that a program has told before it was killed, and when it was."""
    process = start(server.url, folder, SCRIPTS[mode], TEST_DURABILITY=mode)
    assert process.stdout.readline() == "up\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    output, errors = process.communicate()
    assert errors == ""
    return output.split("\n")[:-1], killed


def inherit(server: ContractServer, folder: Path) -> float:
    """Deliver what there is in the name of the next process; return how many seconds that took."""
    [found] = folder.iterdir()
    begun = time.monotonic()
    sink = LangfuseSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=Storage(found))
    heir = Pipeline([sink], lambda span: span, ledger=Ledger())
    heir.adopt()
    assert wait_until(lambda: not [file for file in found.iterdir() if file.suffix in (".open", ".seg")])
    took = time.monotonic() - begun
    heir.close(1.0)
    heir.ledger.check()
    return took


@pytest.mark.parametrize("attempt", range(KILLS))
def test_what_a_killed_process_has_lost_is_what_its_last_moment_made(
    server: ContractServer, tmp_path: Path, attempt: int
) -> None:
    seconds = 0.2 + random.Random(attempt).random()
    lines, killed = sell_until_killed(server, tmp_path / "spool", "spill", seconds)
    took = inherit(server, tmp_path / "spool")
    told = [(int(number), float(moment)) for number, moment in map(str.split, lines)]
    arrived = set(numbers(server.observations()))
    lost = [(number, moment) for number, moment in told if number not in arrived]
    first = min((number for number, _ in lost), default=len(told))
    assert max(arrived, default=-1) < first, f"the latest, and no others: {lost}, {sorted(arrived)[-9:]}"
    age = killed - lost[0][1] if lost else 0.0
    print(f"{len(told)} calls, {len(lost)} lost, of the last {age * 1e3:.0f} ms; taken over within {took:.2f} s")
    assert age <= LOSS
    largest = max(request["spans"] for request in server.requests())
    assert server.received()["repeated"] <= largest, "no more than one request was on its way"


@pytest.mark.parametrize("attempt", range(KILLS))
def test_a_killed_process_that_writes_ahead_has_lost_nothing_that_it_was_told_is_safe(
    server: ContractServer, tmp_path: Path, attempt: int
) -> None:
    seconds = 0.2 + random.Random(-1 - attempt).random()
    lines, _ = sell_until_killed(server, tmp_path / "spool", "wal", seconds)
    took = inherit(server, tmp_path / "spool")
    safe = {int(number) for line in lines for number in line.split()}
    arrived = set(numbers(server.observations()))
    print(f"{len(safe)} calls were safe, {len(arrived)} have arrived; taken over within {took:.2f} s")
    assert safe <= arrived
