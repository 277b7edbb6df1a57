"""Five hundred calls a second, and a registry that is edited all the while."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SECONDS = 6


def test_no_call_is_lost_no_span_is_mixed_and_what_is_no_longer_listed_is_unwoven(tmp_path: Path) -> None:
    environ = {**os.environ, "TRACING_PROXIES_STRICT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.reload.under_load", str(tmp_path), str(SECONDS)]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["made"] == {**found["called"], "search": found["called"]["stock"]}
    # It was listed all the time, so that each of its calls has left one span, with one version of the rule in it.
    assert found["prices"] == found["called"]["price"] > 0
    assert found["mixed"] == []
    assert (found["versions"] > 3, found["reloads"] > 3) == (True, True)
    assert found["last_seen"]
    assert (found["unwoven"], found["alias"]) == (True, True)
    assert (found["flushed"], found["balance"], found["dropped"]) == (True, 0, {})
    assert found["rows"] == found["delivered"]
    assert found["threads"] == []
