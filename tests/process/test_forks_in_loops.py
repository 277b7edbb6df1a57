"""A fork in an event loop: what we do around it is no call of the loop's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.environment import inherited

PROGRAM = """
import asyncio, json, os, sys
import tracing_proxies
from tracing_proxies.testing import registry_from

def work():
    return 1

tracing_proxies.activate(registry_from("version: 1\\nexport: { discard: {} }\\ntrace: [{ match: '__main__:work' }]\\n"))

async def main():
    work()
    loop = asyncio.get_running_loop()
    blocked, steps = [], []

    def listen(event, args):
        if listening:
            (steps if asyncio._get_running_loop() is None else blocked).append(event)

    listening = False
    sys.addaudithook(listen)
    listening = True
    child = os.fork()
    if child == 0:
        os._exit(0)
    listening = False
    assert os.waitpid(child, 0)[1] == 0
    print(json.dumps([blocked, steps, asyncio.get_running_loop() is loop]), flush=True)

asyncio.run(main())
"""


def test_tools_that_forbid_an_event_loop_to_block_see_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "app.py"],
        cwd=tmp_path,
        env={**inherited("TRACING"), "TRACING_PROXIES_STRICT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    blocked, steps, is_back = json.loads(done.stdout)
    assert set(blocked) <= {"os.fork"}
    assert steps
    assert is_back
