"""A budget in processes that fork: each decides on what it has recorded itself, and nothing is kept twice or lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.environment import inherited

PROGRAM = """
import json, os, sys
import tracing_proxies
from tracing_proxies.testing import registry_from

class Shop:
    def visit(self, inside):
        self.look(0)
        return inside()

    def look(self, number):
        return number

tracing_proxies.activate(registry_from(
    "version: 1\\nsampling: { budget: 50% }\\nexport: { local: { path: " + sys.argv[1] + " } }\\n"
    "trace: [{ match: '__main__:Shop.*' }]\\n"
))
shop = Shop()

def fork():
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        return "parent"
    shop.look(1)          # below the parent's call, which ends over there
    shop.visit(lambda: 5)
    return "child"

which = shop.visit(fork)
assert tracing_proxies.flush(20)
status = tracing_proxies.status()
print(json.dumps([which, status["delivery"], status["calls"], status["failures"]]), flush=True)
if which == "child":
    os._exit(0)
"""


def test_each_process_delivers_what_it_has_recorded_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    store = tmp_path / "traces.db"
    environ = inherited("TRACING")
    del environ["TRACING_PROXIES__SAMPLING__BUDGET"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "app.py", str(store)],
        cwd=tmp_path,
        env={**environ, "TRACING_PROXIES_STRICT": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = {which: rest for which, *rest in map(json.loads, done.stdout.splitlines())}
    for delivery, _, failures in told.values():
        dropped = sum(delivery["dropped"].values())
        parts = [delivery[name] for name in ("delivered", "sampled_out", "queued", "spooled")]
        assert delivery["produced"] == sum(parts) + dropped
        assert failures == {}
    assert told["parent"][1] == {"count": 2, "errors": 0}
    assert told["child"][1] == {"count": 4, "errors": 0}  # the call within which it began ends there as well
    rows = sqlite3.connect(store).execute("SELECT name, trace_id, id FROM observations").fetchall()
    assert (
        sorted(name for name, _, _ in rows) == ["Shop.look"] * 3 + ["Shop.visit"] * 2
    )  # the call that ended in both is one span
