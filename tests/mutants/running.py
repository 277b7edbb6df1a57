"""Runs tests on a copy of the checkout in which one module is another."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutants.rooms import ROOT, Room

KILLED, SURVIVED, ENDLESS = "killed", "survived", "endless"
_COPIED: Final = (
    "tracing_proxies",
    "adapters",
    "dashboards",
    "tests",
    "examples",
    "docs",
    "registry.yaml",
    "setup.cfg",
)
_ALL_PASSED: Final = 0
_ALLOWANCE: Final = 20.0
_TIMES: Final = 4.0


class Copy:
    """A copy of the checkout, for one worker.

    Args:
        folder: where to make it; must not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ignored = shutil.ignore_patterns("__pycache__", "*.so", ".tracing_proxies")
        for name in _COPIED:
            source, copy = ROOT / name, folder / name
            shutil.copytree(source, copy, ignore=ignored) if source.is_dir() else shutil.copy2(source, copy)
        (folder / "state").mkdir()

    def time(self, room: Room) -> float:
        """Return how long a room's tests take without any mutation, in seconds.

        Raises:
            RuntimeError: they do not pass: nothing can be learnt from them.
        """
        begin = time.monotonic()
        if self._run(room, 600.0) != KILLED and self._passed:
            return time.monotonic() - begin
        raise RuntimeError(f"the tests fail without any mutation: {' '.join(room.tests)}")

    def judge(self, room: Room, module: str, text: str, usual: float) -> str:
        """Run a room's tests with one module changed.

        Args:
            module: its path from the root of the checkout.
            text: what stands in it instead.
            usual: how long the tests take, in seconds.

        Returns:
            KILLED, SURVIVED, or ENDLESS where they took so long that nobody would take that for a success.
        """
        file, original = self._folder / module, ROOT / module
        file.write_text(text, encoding="utf-8")
        try:
            return self._run(room, _TIMES * usual + _ALLOWANCE)
        finally:
            shutil.copy2(original, file)

    def _run(self, room: Room, limit: float) -> str:
        self._passed = False
        process = subprocess.Popen(
            _command(room),
            cwd=self._folder,
            env=_environment(self._folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            return ENDLESS
        finally:
            _end(process)
        self._passed = status == _ALL_PASSED
        return SURVIVED if self._passed else KILLED


def _command(room: Room) -> Sequence[str]:
    quick = ("-p", "_hypothesis_pytestplugin", "-p", "tests.mutants.quick", "-p", "no:cacheprovider", "-o", "addopts=")
    return [sys.executable, "-m", "pytest", "-x", "-q", *quick, *room.left_out, *room.tests]


def _environment(folder: Path) -> dict[str, str]:
    state = str(folder / "state")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(folder / "examples"))),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        # A mutant that writes where it should not does so in the copy.
        "HOME": state,
        "TMPDIR": state,
        "XDG_STATE_HOME": state,
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the tests and all that they have started, which is a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
