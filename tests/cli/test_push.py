"""`tracing-proxies push`, run as a user runs it, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server
from tests.environment import inherited

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
APPLICATION = """
class Agent:
    def run(self, number):
        return {"done": number, "mail": "ana@example.com"}
"""
MAIN = "import shop\nfor number in range(700):\n    shop.Agent().run(number)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose local store holds 700 spans."""
    made = tmp_path_factory.mktemp("push")
    (made / "shop.py").write_text(APPLICATION)
    (made / "main.py").write_text(MAIN)
    (made / "registry.yaml").write_text("version: 1\ntrace:\n  - { match: 'shop:Agent.run', tags: [nightly] }\n")
    assert run(made, "run", "--", sys.executable, "main.py").returncode == 0
    return made


@pytest.fixture
def server() -> Iterator[ContractServer]:
    made = start_server()
    yield made
    made.stop()


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = inherited("OTEL_")
    return subprocess.run(
        [PROGRAM, *arguments], cwd=folder, env={**environ, **variables}, capture_output=True, text=True, timeout=120
    )


def keys(server: ContractServer) -> dict[str, str]:
    return {
        "LANGFUSE_BASE_URL": server.url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
    }


def test_every_span_of_the_store_arrives_masked_and_with_its_ids(folder: Path, server: ContractServer) -> None:
    done = run(folder, "push", **keys(server))
    assert (done.returncode, done.stdout) == (0, "700 spans delivered to langfuse\n")
    rows = server.observations()
    assert len({row["id"] for row in rows}) == 700
    assert rows[0]["tags"] == ["nightly"]
    assert "ana@" not in str(rows)


def test_a_second_push_makes_no_second_spans(folder: Path, server: ContractServer) -> None:
    assert run(folder, "push", **keys(server)).returncode == 0
    assert run(folder, "push", **keys(server)).returncode == 0
    received = server.received()
    assert (received["unique"], received["repeated"]) == (700, 700)


def test_a_collector_gets_them_as_well(folder: Path, server: ContractServer) -> None:
    done = run(folder, "push", "--to", "otlp", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)
    assert (done.returncode, done.stdout) == (0, "700 spans delivered to otlp\n")
    assert len(server.observations()) == 700


def test_only_what_is_young_enough_is_sent(folder: Path, server: ContractServer) -> None:
    time.sleep(1.1)
    done = run(folder, "push", "--since", "1s", **keys(server))
    assert done.stdout == "0 spans delivered to langfuse\n"


def test_a_server_that_comes_back_in_time_gets_all_of_it(folder: Path, server: ContractServer) -> None:
    server.stop()
    back = threading.Timer(1.5, server.restart)
    back.start()
    done = run(folder, "push", **keys(server))
    back.join()
    assert done.returncode == 0, done.stderr
    assert len(server.observations()) == 700


def test_a_server_that_stays_away_ends_it_with_the_reason(folder: Path, server: ContractServer) -> None:
    server.stop()
    done = run(folder, "push", "--patience", "1s", **keys(server))
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Repeat the command" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["push", "--since", "7"], "without a unit"),
        (["push", "--store", "nowhere.db"], "no store at"),
        (["push", "--show"], "--show goes with --dead"),
    ],
)
def test_mistakes_are_told_in_words(folder: Path, server: ContractServer, arguments: list[str], message: str) -> None:
    done = run(folder, *arguments, **keys(server))
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_keys_it_says_what_is_missing(folder: Path) -> None:
    done = run(folder, "push")
    assert done.returncode == 1
    assert "LANGFUSE_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


REFUSED = """
import tracing_proxies
tracing_proxies.activate()
import shop
for number in range(3):
    shop.Agent().run(number)
tracing_proxies.flush(10)
print(tracing_proxies.status()["delivery"]["sinks"]["langfuse"]["dead"]["spans"])
"""


@pytest.fixture
def refused(folder: Path, server: ContractServer, tmp_path: Path) -> dict[str, str]:
    """The environment of an application of whose spans the server has refused three."""
    server.rules(poison=["Agent.run"])
    environ = {**keys(server), "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", REFUSED],
        cwd=folder,
        env={**inherited(), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "3\n", done.stderr
    assert server.observations() == []
    return environ


def test_what_the_server_has_refused_can_be_looked_at_and_sent_again_once_the_server_takes_it(
    folder: Path, server: ContractServer, refused: dict[str, str]
) -> None:
    shown = run(folder, "push", "--dead", "--show", **refused)
    assert shown.returncode == 0, shown.stderr
    letters = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(letter["why"], letter["spans"][0]["name"]) for letter in letters] == [("http_400", "Agent.run")] * 3
    assert letters[0]["spans"][0]["attributes"]["langfuse.observation.input"]
    assert "ana@" not in shown.stdout
    done = run(folder, "push", "--dead", **refused)
    assert (done.returncode, done.stdout) == (1, "0 spans delivered to langfuse\n")
    assert "3 spans were refused: http_400" in done.stderr
    server.rules()
    server.script([{}, {"status": 503}])
    done = run(folder, "push", "--dead", **refused)
    assert (done.returncode, done.stdout) == (1, "1 spans delivered to langfuse\n")
    assert "stopped: HTTP 503" in done.stderr
    done = run(folder, "push", "--dead", **refused)
    assert (done.returncode, done.stdout) == (0, "2 spans delivered to langfuse\n")
    assert (server.counts()["unique"], server.counts()["repeated"]) == (3, 0)
    assert run(folder, "push", "--dead", "--show", **refused).stdout == ""


def test_where_nothing_is_kept_on_disk_there_is_nothing_to_send_again(
    folder: Path, server: ContractServer, tmp_path: Path
) -> None:
    (tmp_path / "registry.yaml").write_text("version: 1\nexport: { langfuse: { durability: memory } }\n")
    done = run(tmp_path, "push", "--dead", **keys(server))
    assert done.returncode == 1
    assert "nothing is kept for langfuse: its durability is `memory`" in done.stderr
