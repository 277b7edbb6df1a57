"""Who is let in, what may be asked, and what the answers are guarded by."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.viewer.conftest import EPOCH, TOKEN, Filled, served
from tracing_proxies.viewer.documents import Surroundings

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")


@pytest.fixture(scope="module")
def address(filled: Filled) -> Iterator[str]:
    with served(Surroundings(filled.path)) as address:
        yield address


@pytest.fixture
def visitor(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as client:
        assert client.get(f"/?token={TOKEN}").status_code == 303
        yield client


def test_only_who_knows_the_token_gets_in(address: str) -> None:
    for path in ("", "page.js", "api/traces", "api/live", "?token=", "?token=another-token-of-sb", "?token=%C3%A9"):
        assert httpx.get(address + path).status_code == 403, path
    forged = {"cookie": f"tracing-proxies-{httpx.URL(address).port}=another-token-of-sb"}
    assert httpx.get(address + "api/traces", headers=forged).status_code == 403


def test_the_token_moves_from_the_address_into_a_cookie_that_scripts_and_other_sites_do_not_get(address: str) -> None:
    answer = httpx.get(f"{address}?token={TOKEN}&x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_another_sites_name_that_leads_here_is_turned_away(address: str) -> None:
    answer = httpx.get(f"{address}?token={TOKEN}", headers={"host": f"evil.example:{httpx.URL(address).port}"})
    assert answer.status_code == 421


def test_every_answer_carries_a_strict_policy(visitor: httpx.Client) -> None:
    for path in ("/", "/page.js", "/page.css", "/api/traces", "/api/trace/none", "/nothing"):
        answer = visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


def test_the_page_loads_nothing_from_elsewhere(visitor: httpx.Client) -> None:
    text = visitor.get("/").text
    assert re.findall(r"(?:src|href)=\"([^\"]+)\"", text) == ["data:,", "page.css", "page.js"]
    assert "url(" not in visitor.get("/page.css").text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_is_read_only(visitor: httpx.Client, method: str) -> None:
    assert visitor.request(method, "/api/traces").status_code == 405


def test_mistakes_are_answered_in_plain_words(visitor: httpx.Client) -> None:
    assert visitor.get("/api/traces?since=x").status_code == 400
    assert "milliseconds" in visitor.get("/api/traces?since=x").json()["error"]
    missing = visitor.get("/api/trace/none")
    assert (missing.status_code, missing.json()["missing"]) == (404, True)
    assert visitor.get("/api/traces?cursor=nonsense").status_code == 200


def test_what_is_older_than_the_retention_is_not_shown(filled: Filled) -> None:
    now = EPOCH + 80 * 10**9
    around = Surroundings(filled.path, retention=30 * 10**9)
    young = {w.trace_id for w in filled.workflows if w.trigger.at >= 50 * 10**9}
    old = next(w for w in filled.workflows if w.trace_id not in young)
    with served(around, None, now_ns=lambda: now) as address, httpx.Client(base_url=address) as client:
        shown, cursor = set(), ""
        while cursor is not None:
            answer = client.get(f"/api/traces?since=0&cursor={cursor}").json()
            shown |= {trace["id"] for trace in answer["traces"]}
            cursor = answer["cursor"]
        assert shown == young
        assert client.get(f"/api/trace/{old.trace_id}").status_code == 404
        assert client.get("/api/flow").json()["traces"] == len(young)


def test_a_trace_leads_to_its_page_in_langfuse_where_one_is_configured(filled: Filled) -> None:
    trace_id = filled.workflows[0].trace_id
    for host, link in (("https://langfuse.example/", f"https://langfuse.example/trace/{trace_id}"), (None, None)):
        with served(Surroundings(filled.path, langfuse=host), None) as address:
            assert httpx.get(f"{address}api/trace/{trace_id}").json()["langfuse"] == link


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from tracing_proxies.cli.main import main; main()"
    command = [sys.executable, "-c", program, "ui", "--store", "traces.db"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install 'tracing-proxies[ui]'" in done.stderr


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "beyond loopback the page needs --token"),
        (["--host", "0.0.0.0", "--token", TOKEN], "would travel as plain text"),
        (["--host", "::", "--no-token"], "beyond loopback the page needs --token"),
        (["--host", "example.com", "--insecure"], "beyond loopback the page needs --token"),
        (["--token", "short"], "--token needs 16 printable ASCII characters"),
        (["--token", TOKEN, "--no-token"], "exclude each other"),
    ],
)
def test_it_does_not_listen_where_all_could_read(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = run(tmp_path, "ui", "--store", "traces.db", "--port", "0", *arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_the_command_prints_an_address_that_opens_and_ends_quietly(filled: Filled, tmp_path: Path) -> None:
    command = [PROGRAM, "ui", "--store", str(filled.path), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = threading.Timer(40, process.kill)  # a command that does not end must not hold up all tests
        watchdog.start()
        lines = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32,}", lines[1])
        assert found is not None, lines
        with httpx.Client(follow_redirects=True) as client:
            assert client.get(found[0]).status_code == 200
            address = found[0].partition("?")[0]
            assert len(client.get(address + "api/traces").json()["traces"]) == 50
            with client.stream("GET", address + "api/live") as live:
                events = live.iter_lines()
                assert next(events) == "event: ready"
                os.kill(process.pid, signal.SIGINT)
                assert [line for line in events if line.startswith("event")] == []
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
        watchdog.cancel()


def test_the_store_and_its_figures_are_told(visitor: httpx.Client, filled: Filled) -> None:
    found = visitor.get("/api/tracing").json()
    assert found["store"]["path"] == str(filled.path)
    assert found["store"]["traces"] == len(filled.workflows)
    assert isinstance(found["processes"], list)
    assert json.dumps(found)
