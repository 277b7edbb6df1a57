"""Health says of each thing what was seen and what to do, and asks a server without writing to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import attrs
import pytest

import tracing_proxies
from tests.contract.server import ContractServer, start_server
from tests.environment import inherited
from tests.ports import free_port
from tracing_proxies.delivery.reply import skew_of
from tracing_proxies.monitoring.health import DEGRADED, FAILING, OK, Check, Vitals, check_all, worst
from tracing_proxies.monitoring.health_probe import Probe, ServerState

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
SINK = {"healthy": True, "reason": "", "delivered": 5, "queued": 0, "dropped": {}}
SPOOL = {"trouble": "", "folder": "/var/spool/x", "spans": 3}
STATUS: dict[str, Any] = {
    "active": True,
    "tracing": "on",
    "pid": 7,
    "woven": 3,
    "stale": None,
    "rules": [{}],
    "delivery": {"sinks": {"langfuse": {**SINK, "spool": SPOOL}}},
    "sampling": {"budget": 0.01, "spent": 0.001, "step": "full", "stepped_down": []},
}
SERVER = ServerState("https://langfuse.example", takes_keys=True)
WELL = Vitals(STATUS, SERVER, 0.0, {"langfuse": 0.5}, {"langfuse": 1.0}, {"langfuse": 0.1}, [])


def status(**changes: Any) -> dict[str, Any]:
    return {**STATUS, **changes}


def sink(**changes: Any) -> dict[str, Any]:
    return status(delivery={"sinks": {"langfuse": {**SINK, "spool": SPOOL, **changes}}})


def test_all_is_well_where_nothing_is_wrong() -> None:
    checks = check_all(WELL)
    assert [check.name for check in checks] == [
        *("tracing", "registry", "langfuse", "clock", "langfuse.delivery", "langfuse.lag", "langfuse.success"),
        *("langfuse.spool", "budget", "alerts"),
    ]
    assert {(check.state, check.todo) for check in checks} == {(OK, "")}
    assert worst(checks) == OK


LOST = ServerState("https://x", "did not answer in time", "Check it.", answers=False)
REFUSED = ServerState("https://x", "does not accept the keys (HTTP 401)", "Check them.", takes_keys=False)
IN_MEMORY = status(delivery={"sinks": {"langfuse": SINK}})
CASES = [
    (attrs.evolve(WELL, status={"active": False}), "tracing", FAILING, "deactivated"),
    (attrs.evolve(WELL, status=status(tracing="off")), "tracing", DEGRADED, "switched off"),
    (attrs.evolve(WELL, status=status(stale="a.yaml:1:1 TP201 x\nmore")), "registry", DEGRADED, "a.yaml:1:1 TP201"),
    (attrs.evolve(WELL, server=LOST), "langfuse", DEGRADED, "did not answer in time. Spans wait on disk"),
    (attrs.evolve(WELL, server=LOST, status=IN_MEMORY), "langfuse", FAILING, "wait in memory"),
    (attrs.evolve(WELL, server=REFUSED), "langfuse", FAILING, "does not accept the keys"),
    (attrs.evolve(WELL, skew=3_600.0), "clock", DEGRADED, "3,600 s ahead of"),
    (attrs.evolve(WELL, status=sink(healthy=False, reason="HTTP 503")), "langfuse.delivery", DEGRADED, "HTTP 503"),
    (attrs.evolve(WELL, lag={"langfuse": 61.0}), "langfuse.lag", DEGRADED, "61s"),
    (attrs.evolve(WELL, lag={"langfuse": 1_000.0}), "langfuse.lag", FAILING, "1000s"),
    (attrs.evolve(WELL, success={"langfuse": 0.9}, status=sink(dropped={"overflow": 4})), "langfuse.success", FAILING,
     "90% of the last five minutes' spans were delivered. Dropped since the start: 4 overflow"),
    (attrs.evolve(WELL, fill={"langfuse": 0.85}), "langfuse.spool", DEGRADED, "full to 85%"),
    (attrs.evolve(WELL, fill={"langfuse": 0.97}), "langfuse.spool", FAILING, "full to 97%"),
    (attrs.evolve(WELL, status=sink(spool={**SPOOL, "trouble": "No space left"})), "langfuse.spool", DEGRADED,
     "No space left"),
    (attrs.evolve(WELL, status=status(sampling={**STATUS["sampling"], "step": "skeleton"})), "budget", DEGRADED,
     "has come down to: skeleton"),
    (attrs.evolve(WELL, status=status(sampling={**STATUS["sampling"], "stepped_down": ["r.yaml:3:5"]})), "budget",
     DEGRADED, "held calls up: r.yaml:3:5"),
    (attrs.evolve(WELL, firing=["agent_errors/shop:Agent.run"]), "alerts", DEGRADED, "agent_errors/shop:Agent.run"),
]  # fmt: skip


@pytest.mark.parametrize(("vitals", "name", "state", "seen"), CASES, ids=[f"{c[1]}-{c[3][:20]}" for c in CASES])
def test_what_is_wrong_is_seen_and_says_what_to_do(vitals: Vitals, name: str, state: str, seen: str) -> None:
    wrong = [check for check in check_all(vitals) if check.state != OK]
    assert [(check.name, check.state) for check in wrong] == [(name, state)]
    assert seen in wrong[0].seen
    assert wrong[0].todo
    assert worst(check_all(vitals)) == state


def test_what_is_not_known_is_not_wrong() -> None:
    unknown = attrs.evolve(WELL, server=None, skew=None, lag={}, success={}, fill={}, firing=None)
    checks = check_all(unknown)
    assert {check.state for check in checks} == {OK}
    assert not {"langfuse", "clock", "alerts"} & {check.name for check in checks}


def test_a_probe_asks_once_in_half_a_minute_and_writes_nothing(server: ContractServer) -> None:
    asked: list[int] = []
    now = [0.0]

    def access() -> tuple[str, str, str]:
        asked.append(1)
        return server.url, server.public_key, server.secret_key

    probe = Probe(access, clock=lambda: now[0])
    assert [probe.ask() == probe.ask(), len(asked)] == [True, 1]
    found = probe.ask()
    assert found is not None
    assert (found.ok, found.answers, found.takes_keys) == (True, True, True)
    assert probe.skew is not None
    assert abs(probe.skew) < 30
    now[0] = 30.0
    probe.ask()
    assert len(asked) == 2
    assert server.requests() == []


def test_a_probe_tells_wrong_keys_from_a_server_that_is_not_there(server: ContractServer) -> None:
    wrong = Probe(lambda: (server.url, server.public_key, "sk-not-it")).ask()
    assert wrong is not None
    assert (wrong.answers, wrong.takes_keys) == (True, False)
    assert "sk-not-it" not in repr(wrong)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = Probe(lambda: (f"http://u:s3cret@127.0.0.1:{unused.getsockname()[1]}", "pk", "sk")).ask()
    assert gone is not None
    assert (gone.answers, gone.problem) == (False, "cannot be reached (Connection refused)")
    assert "s3cret" not in repr(gone)
    page = Probe(lambda: (server.url + "/elsewhere", "pk", "sk")).ask()
    assert page is not None
    assert page.problem == "answers HTTP 404 to its health check"
    assert Probe(lambda: None).ask() is None


def test_the_skew_is_ours_less_the_servers() -> None:
    assert skew_of(formatdate(1_000), 1_060.0) == 60.0
    assert skew_of(None, 0.0) is None
    assert skew_of("yesterday", 0.0) is None


SHOP = """
import sys, time
import tracing_proxies

class Agent:
    def run(self, task):
        return task

tracing_proxies.activate()
Agent().run(1)
tracing_proxies.flush(5)
print("ready", flush=True)
sys.stdin.readline()
"""


def write_shop(folder: Path, more: str = "") -> None:
    (folder / "shop.py").write_text(textwrap.dedent(SHOP))
    (folder / "registry.yaml").write_text(
        f"version: 1\n{more}\nspool: {{ path: spool }}\ntrace:\n  - match: shop:Agent.run\n    observation: agent\n"
    )


def environment(server: ContractServer, **changes: str) -> dict[str, str]:
    keys = {"LANGFUSE_PUBLIC_KEY": server.public_key, "LANGFUSE_SECRET_KEY": server.secret_key}
    return {**inherited(), "LANGFUSE_BASE_URL": server.url, **keys, "PYTHONDONTWRITEBYTECODE": "1", **changes}


@contextmanager
def running(folder: Path, environ: dict[str, str]) -> Iterator[int]:
    command = [sys.executable, "shop.py"]
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()


def ask_health(folder: Path, environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [PROGRAM, "health", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for control sockets of the test's own."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return tmp_path


def test_a_process_that_does_well_says_so_over_the_command_and_over_http(place: Path, server: ContractServer) -> None:
    port = free_port()
    write_shop(place, f"monitoring: {{ port: {port} }}\nalerts: {{}}")
    environ = environment(server)
    with running(place, environ) as pid:
        sent = len(server.requests())
        status, text = ask_health(place, environ, str(pid))
        assert status == 0, text
        lines = text.splitlines()
        assert lines[0] == f"{pid} shop.py: ok"
        assert max(map(len, lines)) <= 80
        assert any("✓ langfuse" in line for line in lines)
        assert any("✓ alerts" in line for line in lines)
        assert get(f"http://127.0.0.1:{port}/livez") == (200, {"state": "ok"})
        answered, found = get(f"http://127.0.0.1:{port}/readyz")
        assert (answered, found["state"], found["pid"]) == (200, "ok", pid)
        assert len(server.requests()) == sent, "health writes no traces"


def test_the_exit_status_tells_degraded_from_failing(place: Path) -> None:
    server = start_server()
    write_shop(place)
    environ = environment(server)
    with running(place, environ) as pid:
        server.stop()
        status, text = ask_health(place, environ, str(pid), "--json")
        found = json.loads(text)
        assert (status, found["state"]) == (1, "degraded")
        [wrong] = [check for check in found["processes"][0]["checks"] if check["state"] != "ok"]
        assert wrong["name"] == "langfuse"
        assert "cannot be reached (Connection refused). Spans wait on disk meanwhile." in wrong["seen"]
    server.restart()
    try:
        port = free_port()
        write_shop(place, f"monitoring: {{ port: {port} }}")
        refused = environment(server, LANGFUSE_SECRET_KEY="sk-lf-wrong")
        with running(place, refused) as pid:
            status, text = ask_health(place, refused, str(pid))
            assert status == 2
            assert "does not accept the keys (HTTP 401)" in " ".join(text.split())
            assert "sk-lf-wrong" not in text
            assert get(f"http://127.0.0.1:{port}/readyz")[0] == 503
            assert get(f"http://127.0.0.1:{port}/livez")[0] == 200
    finally:
        server.stop()


def test_of_a_registry_alone_the_registrys_destinations_are_checked_from_here(
    place: Path, server: ContractServer
) -> None:
    write_shop(place)
    status, text = ask_health(place, environment(server), "--registry", "registry.yaml")
    assert status == 0
    assert text.startswith("the registry's destinations, from here: ok\n✓ destination")
    away = environment(server, LANGFUSE_BASE_URL="http://127.0.0.1:9")
    status, text = ask_health(place, away, "--registry", "registry.yaml")
    assert status == 2
    assert "Check the address, the network" in " ".join(text.split())


def test_a_process_that_is_not_there_is_told_by_the_usual_status(place: Path) -> None:
    write_shop(place)
    done = subprocess.run([PROGRAM, "health", "4194304"], cwd=place, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr == "there is no process 4194304\n"


def test_a_process_that_ends_while_it_is_asked_is_no_traceback() -> None:
    tracing_proxies.deactivate()
    checks = check_all(Vitals({"active": False}))
    assert checks == [
        Check("tracing", FAILING, "Nothing is traced: tracing has been deactivated.", "Call activate() again.")
    ]
