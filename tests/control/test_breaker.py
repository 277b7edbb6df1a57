"""What `tracing-proxies status` tells of a destination that is left alone."""

from __future__ import annotations

import json
import re

from tests.contract.server import PUBLIC_KEY, start_server
from tests.control.conftest import READY, App

REGISTRY = """
version: 1
export: {{ langfuse: {{ host: "{url}" }} }}
spool: {{ path: spool }}
trace:
  - match: shop:Agent.run
"""
# The key is the program's own: the test's environment has none.
KEYS = "import os\nos.environ.update(LANGFUSE_PUBLIC_KEY='{public}', LANGFUSE_SECRET_KEY='sk-lf-wrong')\n"
ACTIVATED = "import sys, time, tracing_proxies\ntracing_proxies.activate()\nimport shop\n"
BODY = f"""
shop.Agent().run(1)
while tracing_proxies.status()["delivery"]["sinks"]["langfuse"]["breaker"]["state"] == "closed":
    time.sleep(0.02)
{READY}
sys.stdin.readline()
"""


def test_a_closed_door_is_shown_with_its_address_since_when_and_until_when_and_without_a_key(
    app: App,
) -> None:
    server = start_server()
    try:
        (app.folder / "registry.yaml").write_text(REGISTRY.format(url=server.url))
        with app.start(BODY, KEYS.format(public=PUBLIC_KEY) + ACTIVATED) as process:
            shown = app.run("status", str(process.pid))
            document = app.run("status", str(process.pid), "--json").stdout
    finally:
        server.stop()
    assert shown.returncode == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    address = f"{server.url}/api/public/otel/v1/traces"
    assert (
        f"sink langfuse 0 delivered, 0 queued, 1 on disk, not healthy: HTTP 401 from {address}: "
        "check the address and the keys"
    ) in lines
    (told,) = [line for line in lines if line.startswith("breaker")]
    found = re.fullmatch(
        r"breaker open since (\S+), after 1 failures in a row, tried again in (\d+) s",
        told,
    )
    assert found
    breaker = json.loads(document)["delivery"]["sinks"]["langfuse"]["breaker"]
    assert breaker["since"] == found[1]
    assert 200 < breaker["next_probe_in"] <= int(found[2]) + 1
    assert "sk-lf-wrong" not in shown.stdout + document
