"""The collector may run, and finalisers that are traced with it, wherever we change what is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import inherited

PROGRAM = """
import asyncio, contextlib, gc, sys
import tracing_proxies
from tracing_proxies.testing import registry_from

class Thing:
    def __init__(self):
        self.itself = self

    def __del__(self):
        touch()

def touch():
    return 1

def work():
    return touch()

async def wait():
    return touch()

def stream():
    yield touch()

@contextlib.contextmanager
def held():
    yield touch()

tracing_proxies.activate(registry_from(
    "version: 1\\nsampling: { budget: " + sys.argv[1] + " }\\nexport: { discard: {} }\\n"
    "trace: [{ match: ['__main__:*', '__main__:Thing.*'], nested: child }]\\n"
))

async def main():
    for threshold in range(2, 90):
        gc.set_threshold(threshold)
        for _ in range(12):
            Thing()
            assert work() == 1
            Thing()
            assert await wait() == 1
            Thing()
            assert list(stream()) == [1]
            Thing()
            with held() as found:
                assert found == 1

asyncio.run(main())
gc.set_threshold(700)
print(tracing_proxies.status()["failures"], flush=True)
"""


@pytest.mark.parametrize("budget", ["unlimited", "1%"])
def test_a_traced_finaliser_may_run_at_any_moment(tmp_path: Path, budget: str) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    environ = {**inherited("TRACING"), "TRACING_PROXIES_STRICT": "1"}
    environ.pop("TRACING_PROXIES__SAMPLING__BUDGET", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-X", "faulthandler", "app.py", budget],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "{}"
