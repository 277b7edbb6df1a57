"""Recursion in a thread with a small stack ends in an exception, not in the end of the process."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tracing_proxies.compiled import hot

pytestmark = pytest.mark.skipif(
    hot is None or platform.libc_ver()[0] != "glibc", reason="only what is compiled asks the C library for the stack"
)

ROOT = Path(__file__).parents[2]
APPLICATION = """
def down(left):
    return 0 if left == 0 else down(left - 1)

def items(left):
    yield left
    if left:
        yield from items(left - 1)

async def wait(left):
    return 0 if left == 0 else await wait(left - 1)
"""
PROGRAM = """
import sys, threading
import deep_application as application
import tracing_proxies
from tracing_proxies.testing import registry_from

kind, depth, kilobytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tracing_proxies.activate(registry_from(
    "version: 1\\nexport: { discard: {} }\\ndefaults: { nested: child }\\ntrace: [{ match: 'deep_application:*' }]\\n"))
KINDS = {
    "function": lambda left: application.down(left),
    "generator": lambda left: len(list(application.items(left))) - left - 1,
    "coroutine": lambda left: drive(application.wait(left)),
}

def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as exc:
        return exc.value

def run():
    for left in (depth, 5):  # and afterwards it goes on as if nothing had been
        try:
            print(KINDS[kind](left))
        except RecursionError:
            print("RecursionError")

threading.stack_size(kilobytes * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("kind", ["function", "generator", "coroutine"])
@pytest.mark.parametrize("kilobytes", [128, 256, 512])
def test_a_small_stack_is_not_overrun(tmp_path: Path, kind: str, kilobytes: int) -> None:
    (tmp_path / "deep_application.py").write_text(APPLICATION)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), kind, "900", str(kilobytes)],
        capture_output=True, text=True, timeout=120, env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first in ("RecursionError", "0")
    assert second == "0"
    if kilobytes == 128:
        assert first == "RecursionError"
