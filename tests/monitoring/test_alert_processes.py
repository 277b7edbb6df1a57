"""Alerts of real processes: told by a webhook, handled by commands, and judged by a real Prometheus."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.server import start_server
from tests.environment import inherited
from tests.monitoring.receivers import http_receiver
from tests.ports import free_port
from tracing_proxies.control.client import ask
from tracing_proxies.monitoring.alert_export import rules_file
from tracing_proxies.registry.loader import parse_registry

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
PROMETHEUS = shutil.which("prometheus")
SHOP = """
import sys
if "gevent" in sys.argv:
    from gevent import monkey
    monkey.patch_all()
import os, time
import tracing_proxies

class Agent:
    def run(self, task):
        if os.path.exists("fail"):
            raise LookupError(task)

tracing_proxies.activate()
if "fork" in sys.argv and os.fork() == 0:
    sys.stdout = open("child", "w")
print(os.getpid(), flush=True)
while True:
    try:
        Agent().run(1)
    except LookupError:
        pass
    time.sleep(0.02)
"""


def wait_until(condition: Callable[[], Any], timeout: float = 60.0) -> Any:
    ends = time.monotonic() + timeout
    while not (found := condition()) and time.monotonic() < ends:
        time.sleep(0.05)
    return found


@contextmanager
def shop(folder: Path, registry: str, *arguments: str, **variables: str) -> Iterator[int]:
    (folder / "shop.py").write_text(textwrap.dedent(SHOP))
    (folder / "registry.yaml").write_text(registry)
    environ = {**inherited(), "PYTHONDONTWRITEBYTECODE": "1", "TRACING_PROXIES_STRICT": "1", **variables}
    with subprocess.Popen(
        [sys.executable, "shop.py", *arguments],
        cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROGRAM, *arguments], cwd=folder, env=inherited(), capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return tmp_path


REGISTRY = """
version: 1
export: { discard: {} }
service: { name: shop, environment: test }
trace:
  - match: shop:Agent.run
    observation: agent
alerts:
  every: 200ms
  tell: [ops]
  channels: { ops: { webhook: OPS_HOOK } }
  rules:
    agent_errors: { for: 0s, window: 10s, cool_down: 1h }
"""


def test_an_alert_is_told_listed_acknowledged_and_resolved_and_its_secret_stays_one(place: Path) -> None:
    with http_receiver() as receiver:
        hook = receiver.url("/T0K3N")
        with shop(place, REGISTRY, OPS_HOOK=hook) as pid:
            assert wait_until(lambda: ask(pid, "alerts")["alerts"])
            (place / "fail").touch()
            assert wait_until(lambda: receiver.bodies)
            told = json.loads(receiver.bodies[0])
            assert (told["what"], told["name"], told["subject"]) == ("firing", "agent_errors", "shop:Agent.run")
            assert told["title"] == "[firing] shop/test: agent_errors (shop:Agent.run)"
            assert told["process"].endswith(f":{pid}")
            listed = command(place, "alerts", "list", str(pid))
            assert "firing       critical  agent_errors" in listed.stdout
            assert "channel ops: 1 sent, 0 waiting" in listed.stdout
            assert max(map(len, listed.stdout.splitlines())) <= 80
            assert "T0K3N" not in listed.stdout + json.dumps(ask(pid, "status")) + json.dumps(ask(pid, "alerts"))
            acknowledged = command(place, "alerts", "ack", "agent_errors", str(pid))
            assert acknowledged.stdout == f"process {pid}: agent_errors/shop:Agent.run is acknowledged\n"
            assert "acknowledged critical" in command(place, "alerts", "list", str(pid)).stdout
            assert command(place, "alerts", "ack", "nonsense", str(pid)).returncode == 1
            resolved = command(place, "alerts", "resolve", "agent_errors/shop:Agent.run", str(pid))
            assert resolved.stdout == f"process {pid}: agent_errors/shop:Agent.run is resolved\n"
            assert wait_until(lambda: len(receiver.bodies) == 2)
            over = json.loads(receiver.bodies[1])
            assert (over["what"], over["key"]) == ("resolved", told["key"])
            assert "(by hand)" in over["text"]


def test_a_forked_child_watches_itself_and_one_of_both_tells_what_both_have_found(place: Path) -> None:
    with http_receiver() as receiver, shop(place, REGISTRY, "fork", OPS_HOOK=receiver.url("/")) as pid:
        child = int(wait_until(lambda: (place / "child").exists() and (place / "child").read_text()))
        (place / "fail").touch()

        def firing(one: int) -> bool:
            return any(alert["state"] == "firing" for alert in ask(one, "alerts")["alerts"])

        assert wait_until(lambda: firing(pid) and firing(child) and receiver.bodies)
        told = [json.loads(body) for body in receiver.bodies]
        assert [(one["what"], one["name"]) for one in told] == [("firing", "agent_errors")]
        assert int(told[0]["process"].rpartition(":")[2]) in (pid, child)
        os.kill(pid, signal.SIGKILL)  # the child goes on to find it wrong
        (place / "fail").unlink()
        assert wait_until(lambda: len(receiver.bodies) == 2)
        over = json.loads(receiver.bodies[1])
        assert (over["what"], int(over["process"].rpartition(":")[2])) == ("resolved", child)


def test_under_gevent_a_webhook_and_a_command_are_told_from_outside_of_the_hub(place: Path) -> None:
    command = "run: { command: [/bin/sh, -c, 'cat > told'] }"
    registry = REGISTRY.replace("{ ops:", f"{{ {command}, ops:").replace("[ops]", "[ops, run]")
    with http_receiver() as receiver, shop(place, registry, "gevent", OPS_HOOK=receiver.url("/")) as pid:
        (place / "fail").touch()
        assert wait_until(lambda: receiver.bodies and (place / "told").exists() and (place / "told").read_bytes())
        assert (place / "told").read_bytes() == receiver.bodies[0]
        channels = wait_until(lambda: ask(pid, "alerts")["channels"])
        assert {name: channel["sent"] for name, channel in channels.items()} == {"log": 0, "ops": 1, "run": 1}


def test_a_reload_changes_what_is_watched_and_without_the_block_nothing_is(place: Path) -> None:
    with http_receiver() as receiver, shop(place, REGISTRY, OPS_HOOK=receiver.url("/")) as pid:
        assert wait_until(lambda: ask(pid, "alerts")["alerts"])
        (place / "fail").touch()
        assert wait_until(lambda: receiver.bodies)
        (place / "registry.yaml").write_text(REGISTRY.replace("window: 10s", "window: 10s, above: 100%"))
        ask(pid, "reload")
        assert wait_until(lambda: len(receiver.bodies) == 2)
        assert "the rule has changed" in json.loads(receiver.bodies[1])["text"]
        (place / "registry.yaml").write_text(REGISTRY.partition("alerts:")[0])
        ask(pid, "reload")
        assert ask(pid, "alerts") == {"on": False, "every": 0.0, "alerts": [], "channels": {}}
        assert "nothing is watched" in command(place, "alerts", "list", str(pid)).stdout


def test_a_channel_is_tried_from_the_command_line(place: Path) -> None:
    (place / "registry.yaml").write_text(REGISTRY)
    with http_receiver() as receiver:
        environ = {**inherited(), "OPS_HOOK": receiver.url("/T0K3N")}

        def tried(*names: str) -> tuple[int, str]:
            done = subprocess.run(
                [PROGRAM, "alerts", "test", *names], cwd=place, env=environ, capture_output=True, text=True, timeout=60
            )
            return done.returncode, done.stdout + done.stderr

        assert tried() == (0, "✓ log\n✓ ops\n")
        assert json.loads(receiver.bodies[0])["what"] == "test"
        receiver.script = [403]
        assert tried("ops") == (1, "✗ ops: HTTP 403\n")
        assert tried("nonsense")[0] == 1


@contextmanager
def prometheus(folder: Path, target: int, rules: str) -> Iterator[Callable[[str], Any]]:
    """Run a real Prometheus that scrapes a process each second, and judges the rules as often."""
    assert PROMETHEUS is not None, "install it: apt-get install prometheus"
    port = free_port()
    (folder / "rules.yaml").write_text(rules)
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    arguments = [
        "--config.file=prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path: str) -> Any:
        try:
            with opener.open(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:  # it has not begun to listen
            return None

    with subprocess.Popen([PROMETHEUS, *arguments], cwd=folder, stderr=subprocess.DEVNULL) as process:
        try:
            yield get
        finally:
            process.kill()


def test_the_exported_rules_fire_and_resolve_in_a_real_prometheus_as_faults_are_injected(place: Path) -> None:
    port, server = free_port(), start_server()
    rules = "agent_errors: { for: 0s, window: 10s }, langfuse_unreachable: { for: 0s, window: 10s }"
    block = f"alerts:\n  every: 1s\n  rules: {{ {rules} }}\n"
    registry = (
        f"version: 1\nmonitoring: {{ port: {port}, interval: 500ms }}\nspool: {{ path: spool }}\n{block}"
        "trace:\n  - match: shop:Agent.run\n    observation: agent\n"
    )
    keys = {"LANGFUSE_PUBLIC_KEY": server.public_key, "LANGFUSE_SECRET_KEY": server.secret_key}
    exported = rules_file(parse_registry(registry, base=place, environ={}).alerts)
    with shop(place, registry, LANGFUSE_BASE_URL=server.url, **keys), prometheus(place, port, exported) as get:

        def firing() -> set[str]:
            found = (get("alerts") or {"alerts": []})["alerts"]
            return {alert["labels"]["rule"] for alert in found if alert["state"] == "firing"}

        assert wait_until(lambda: (get("query?query=up") or {"result": []})["result"])
        assert wait_until(lambda: (get("query?query=tracing_proxies_spans_total") or {"result": []})["result"])
        assert firing() == set()
        (place / "fail").touch()
        server.stop()
        assert wait_until(lambda: firing() == {"agent_errors", "langfuse_unreachable"}), firing()
        (place / "fail").unlink()
        server.restart()
        assert wait_until(lambda: firing() == set()), firing()
    server.stop()
