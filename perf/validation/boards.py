"""The dashboards on a contract server: made, made once more, and filled by the retail example.

    python -m perf.validation.boards FOLDER

Its figures go to ``dashboards.json`` in the folder. It ends with 1 if the second time changes anything, or a widget is
refused or shows nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.contract.asking import call
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, start_server

ROOT = Path(__file__).parents[2]
_COMMAND = [str(Path(sys.executable).parent / "tracing-proxies")]
_PRICES = {"modelName": "retail", "matchPattern": "^retail-", "inputPrice": 0.001, "outputPrice": 0.002}
_PATIENCE = 120.0


def ask(environ: dict[str, str], *arguments: str) -> Any:
    """Run one of our commands, and return the JSON that it prints."""
    done = subprocess.run([*_COMMAND, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True)
    print(f"$ tracing-proxies {' '.join(arguments)}: {done.returncode}\n{done.stderr}{done.stdout[-4_000:]}")
    return json.loads(done.stdout) if done.stdout.lstrip().startswith("{") else {}


def measure(folder: Path) -> dict[str, Any]:
    """Make the dashboards twice around a run of the example, and return what came of it."""
    server = start_server()
    environ = {
        **os.environ,
        "LANGFUSE_BASE_URL": server.url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
        "XDG_STATE_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")]),
    }
    try:
        call(server, "POST", "/api/public/models", _PRICES)  # the widgets of costs have something to show
        first = ask(environ, "dashboards", "sync", "--json")
        run = [*_COMMAND, "run", "--registry", str(ROOT / "registry.yaml"), "--"]
        retail = [sys.executable, "-m", "retail", "--scenarios", "all", "--json"]
        done = subprocess.run([*run, *retail], cwd=folder, env=environ, capture_output=True, text=True)
        print(f"$ tracing-proxies run -- python -m retail: {done.returncode}\n{done.stderr}")
        deadline, before = time.monotonic() + _PATIENCE, -1
        while (spans := server.counts()["unique"]) != before and time.monotonic() < deadline:
            before = spans
            subprocess.run([*run, sys.executable, "-c", "import time; time.sleep(3)"], cwd=folder, env=environ)
        second = ask(environ, "dashboards", "sync", "--json")
        checked = ask(environ, "dashboards", "check", "--json", "--since", "1h")
    finally:
        server.stop()
    return {
        "spans": spans,
        "first": dict(Counter(step["action"] for step in first.get("steps", ()))),
        "second": dict(Counter(step["action"] for step in second.get("steps", ()))),
        "widgets": dict(Counter(widget["verdict"] for widget in checked.get("widgets", ()))),
    }


def main(out: Path) -> int:
    """Measure, keep the figures, and say whether all is as it must be."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    (out / "dashboards.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    is_idle = set(found["second"]) == {"unchanged"}
    return 0 if is_idle and set(found["widgets"]) == {"filled"} else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
