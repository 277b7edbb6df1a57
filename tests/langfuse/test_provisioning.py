"""One script sets a server up, waits for it, and gives the application its keys; doing it again changes nothing."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.application.conftest import ROOT
from tests.contract.server import ContractServer

SCRIPT = ROOT / "deploy" / "provision.py"


def command(folder: Path, port: int, *options: str) -> list[str]:
    files = ["--server-env", str(folder / "server.env"), "--application-env", str(folder / ".env")]
    return [sys.executable, "-I", str(SCRIPT), "--base-url", f"http://127.0.0.1:{port}", *files, *options]


def provision(folder: Path, port: int, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, port, *options), capture_output=True, text=True, timeout=60)


def settings(path: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def servers() -> Iterator[list[ContractServer]]:
    started: list[ContractServer] = []
    yield started
    for server in started:
        server.stop()


def start(servers: list[ContractServer], port: int, environ: Mapping[str, str]) -> None:
    servers.append(ContractServer(port=port, environ=environ))


def test_secrets_are_made_for_their_owner_only_and_no_two_are_the_same(tmp_path: Path, port: int) -> None:
    done = provision(tmp_path, port, "--secrets-only")
    assert done.returncode == 0, done.stderr
    made = settings(tmp_path / "server.env")
    assert mode(tmp_path / "server.env") == 0o600
    assert len(made["ENCRYPTION_KEY"]) == 64
    assert made["LANGFUSE_INIT_PROJECT_SECRET_KEY"].startswith("sk-lf-")
    secret = [value for name, value in made.items() if name.endswith(("PASSWORD", "KEY", "SALT", "SECRET"))]
    assert len(set(secret)) == len(secret) == 10
    assert not any(value in done.stdout + done.stderr for value in secret)
    assert not (tmp_path / ".env").exists()


def test_it_waits_for_the_server_and_gives_the_application_its_keys(
    tmp_path: Path, port: int, servers: list[ContractServer]
) -> None:
    (tmp_path / ".env").write_text("# mine\nAPP_ENV=prod\nLANGFUSE_PUBLIC_KEY=old\n")
    (tmp_path / ".env").chmod(0o644)
    running = subprocess.Popen(command(tmp_path, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "server.env").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    made = settings(tmp_path / "server.env")
    start(servers, port, made)  # as compose does it: the server is told its keys by this file
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "is healthy, version 4.16.0" in out
    assert made["LANGFUSE_INIT_PROJECT_SECRET_KEY"] not in out
    application = settings(tmp_path / ".env")
    assert application == {
        "APP_ENV": "prod",
        "LANGFUSE_BASE_URL": f"http://127.0.0.1:{port}",
        "LANGFUSE_PUBLIC_KEY": made["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"],
        "LANGFUSE_SECRET_KEY": made["LANGFUSE_INIT_PROJECT_SECRET_KEY"],
    }
    assert (tmp_path / ".env").read_text().startswith("# mine\nAPP_ENV=prod\n")
    assert mode(tmp_path / ".env") == 0o600


def test_doing_it_again_changes_nothing(tmp_path: Path, port: int, servers: list[ContractServer]) -> None:
    provision(tmp_path, port, "--secrets-only")
    start(servers, port, settings(tmp_path / "server.env"))
    assert provision(tmp_path, port).returncode == 0
    before = {
        name: ((tmp_path / name).read_text(), (tmp_path / name).stat().st_mtime_ns) for name in ("server.env", ".env")
    }
    again = provision(tmp_path, port)
    assert again.returncode == 0
    assert "is complete" in again.stdout
    assert "is right" in again.stdout
    after = {name: ((tmp_path / name).read_text(), (tmp_path / name).stat().st_mtime_ns) for name in before}
    assert after == before


def test_what_is_missing_among_the_secrets_is_added_and_the_rest_stays(tmp_path: Path, port: int) -> None:
    file = tmp_path / "server.env"
    file.write_text("# from the year before\nSALT=grown-over-the-years\nMY_OWN=1\n")
    provision(tmp_path, port, "--secrets-only")
    made = settings(file)
    assert (made["SALT"], made["MY_OWN"]) == ("grown-over-the-years", "1")
    assert len(made) == 19
    provision(tmp_path, port + 1, "--secrets-only")
    moved = {"NEXTAUTH_URL": f"http://127.0.0.1:{port + 1}", "LANGFUSE_PORT": str(port + 1)}
    assert settings(file) == {**made, **moved}
    assert file.read_text().startswith("# from the year before\n")
    assert mode(file) == 0o600


def test_a_server_that_was_set_up_with_other_keys_is_told_of(
    tmp_path: Path, port: int, servers: list[ContractServer]
) -> None:
    start(servers, port, {})
    done = provision(tmp_path, port)
    assert done.returncode == 1
    assert "does not accept the keys" in done.stderr
    assert not (tmp_path / ".env").exists()


def test_a_server_that_never_comes_is_given_up(tmp_path: Path, port: int) -> None:
    done = provision(tmp_path, port, "--patience", "0.5")
    assert done.returncode == 1
    assert "is not healthy" in done.stderr
    assert not (tmp_path / ".env").exists()


def test_an_address_or_a_name_that_is_none_is_refused(tmp_path: Path, port: int) -> None:
    assert provision(tmp_path, port, "--base-url", "localhost:3000").returncode == 1
    assert provision(tmp_path, port, "--project", "two\nlines").returncode == 1
    assert os.listdir(tmp_path) == []
