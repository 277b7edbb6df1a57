"""Tools that freeze time put functions in the places of the clocks, in our modules as well; they may be traced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import inherited

PROGRAM = """
import json, sys, time
import tracing_proxies
from tracing_proxies.testing import registry_from

def now():
    return 5

def work():
    return time.perf_counter_ns(), time.monotonic()

tracing_proxies.activate(registry_from(
    "version: 1\\nsampling: { budget: " + sys.argv[1] + " }\\nexport: { discard: {} }\\n"
    "trace: [{ match: '__main__:*' }]\\n"
))
places = [
    (module, name, clock)
    for clock in (time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns)
    for module in list(sys.modules.values())
    for name, value in list(vars(module).items())
    if value is clock
]
work()
for module, name, _ in places:
    setattr(module, name, now)
results = [work() for _ in range(3)]
for module, name, clock in places:
    setattr(module, name, clock)
assert tracing_proxies.flush(20)
status = tracing_proxies.status()
print(json.dumps([results, status["calls"], status["failures"]]), flush=True)
"""


@pytest.mark.parametrize("budget", ["unlimited", "1%"])
def test_what_stands_in_a_clocks_place_is_traced_as_often_as_it_is_called(tmp_path: Path, budget: str) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    environ = {**inherited("TRACING"), "TRACING_PROXIES_STRICT": "1"}
    environ.pop("TRACING_PROXIES__SAMPLING__BUDGET", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "app.py", budget],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    results, calls, failures = json.loads(done.stdout)
    assert results == [[5, 5]] * 3
    assert failures == {}
    assert calls == {"count": 4 + 6, "errors": 0}
