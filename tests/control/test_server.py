"""The control socket against clients that mean no good."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import sys
import time
from _thread import get_ident
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.conftest import wait_until
from tracing_proxies import failures
from tracing_proxies.control import service as serving
from tracing_proxies.control.client import OtherProcessError, _ask
from tracing_proxies.control.folder import Address
from tracing_proxies.control.messages import LARGEST_REQUEST
from tracing_proxies.control.peer import is_welcome, uid_of_peer
from tracing_proxies.control.server import ControlServer
from tracing_proxies.delivery import native
from tracing_proxies.errors import ActivationError, ControlError

NOBODY = 65_534


def big() -> str:
    return "x" * 5_000_000


def refuse() -> None:
    raise ActivationError("not now")


def break_down() -> None:
    raise RuntimeError("a secret of the application's")


COMMANDS = {"echo": lambda: {"thread": native.ours().get(get_ident())}, "big": big, "refuse": refuse}


@pytest.fixture
def server() -> Iterator[ControlServer]:
    failures.reset()
    made = ControlServer({**COMMANDS, "break": break_down})
    made.open()
    assert made.path is not None
    yield made
    made.close()
    failures.reset()


def connect(server: ControlServer) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(server.path))
    return client


def read_all(client: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := client.recv(1 << 20):
            pieces.append(piece)
    except ConnectionResetError:  # hung up on while we were still talking
        pass
    return b"".join(pieces)


def say(server: ControlServer, words: bytes) -> Any:
    with connect(server) as client:
        try:
            client.sendall(words)
        except BrokenPipeError:  # turned away before
            pass
        return json.loads(read_all(client))


def ask(server: ControlServer, command: str) -> Any:
    assert server.path is not None
    return _ask(Address(os.getpid(), server.path), os.geteuid(), command, 20)


def test_a_command_is_answered_by_a_thread_on_a_socket_of_the_owners_alone(server: ControlServer) -> None:
    assert server.path is not None
    found = os.stat(server.path)
    assert stat.S_ISSOCK(found.st_mode)
    assert found.st_mode & 0o777 == 0o600
    assert ask(server, "echo") == {"thread": "tracing-proxies-control"}


def test_closing_leaves_neither_socket_nor_thread_nor_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    made = ControlServer(COMMANDS)
    made.open()
    made.open()
    path = made.path
    assert path is not None
    waiting = connect(made)
    made.close()
    waiting.close()
    made.close()
    assert not path.exists()
    assert made.path is None
    wait_until(lambda: "tracing-proxies-control" not in native.ours().values())
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
    made.open()
    assert ask(made, "echo")
    made.close()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (b"\xff\xfe\x00garbage\n", "one line of JSON"),
        (b"\n", "one line of JSON"),
        (b"[" * 4_000 + b"\n", "one line of JSON"),
        (b"[1]\n", "a request is an object"),
        (b'{"command": {"status": 1}}\n', "a request is an object"),
        (b'{"command": "__class__"}\n', "unknown command '__class__'; there are echo, big, refuse, break"),
        (b'{"command": "' + b"y" * 3_000 + b'"}\n', "unknown command 'yyyy"),
        (b"z" * (LARGEST_REQUEST + 1), "longer than 4,096 bytes"),
        (b'{"command": "echo"' + b" " * LARGEST_REQUEST + b"}\n", "longer than 4,096 bytes"),
    ],
)
def test_what_is_no_command_is_answered_with_an_error(server: ControlServer, words: bytes, error: str) -> None:
    answer = say(server, words)
    assert answer["ok"] is False
    assert error in answer["error"]
    assert ask(server, "echo")
    assert failures.counts() == {}


def test_a_huge_line_is_cut_off(server: ControlServer) -> None:
    with connect(server) as client, pytest.raises(OSError):
        client.sendall(b"w" * 100_000_000)
    assert ask(server, "echo")


def test_a_line_that_comes_in_pieces_is_read_as_one(server: ControlServer) -> None:
    with connect(server) as client:
        for piece in (b'{"comm', b'and": "ec', b'ho"}', b"\n"):
            client.sendall(piece)
            time.sleep(0.01)
        assert json.loads(read_all(client))["ok"]


def test_half_a_line_is_given_up_after_a_while_and_holds_nobody_up(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "TIME_TO_ASK", 0.1)
    with connect(server) as silent, connect(server) as half:
        half.sendall(b'{"command": ')
        assert ask(server, "echo")
        assert read_all(silent) == read_all(half) == b""
    assert ask(server, "echo")


def test_a_client_that_leaves_without_its_answer_harms_nobody(server: ControlServer) -> None:
    for words in (b"", b'{"comm', b'{"command": "big"}\n'):
        client = connect(server)
        client.sendall(words)
        client.close()
    assert ask(server, "echo")


def test_a_client_that_never_reads_its_answer_holds_nobody_up(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "TIME_TO_TAKE", 0.2)
    with connect(server) as deaf:
        deaf.sendall(b'{"command": "big"}\n')
        for _ in range(5):
            assert ask(server, "echo")
        time.sleep(0.4)
        assert len(read_all(deaf)) < 5_000_000  # what the kernel had taken by then
    assert len(ask(server, "big")) == 5_000_000


def test_thousands_of_connections_leave_room_for_one_that_means_it(server: ControlServer) -> None:
    idle: list[socket.socket] = []
    try:
        for number in range(3_000):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            if client.connect_ex(str(server.path)) == 0 and len(idle) < 400:
                idle.append(client)
            else:
                client.close()
            if number % 500 == 0:
                assert ask(server, "echo")
        assert ask(server, "echo")
    finally:
        for client in idle:
            client.close()
    assert failures.counts() == {}


def test_an_application_without_descriptors_left_is_left_alone(server: ControlServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass
        client.connect(str(server.path))
        client.sendall(b'{"command": "echo"}\n')
        time.sleep(0.3)
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert json.loads(read_all(client))["ok"]
    client.close()
    assert failures.counts() == {}


def test_a_command_that_refuses_says_why(server: ControlServer) -> None:
    with pytest.raises(ControlError, match="not now") as caught:
        ask(server, "refuse")
    assert caught.value.exit_status == 1


def test_a_command_that_breaks_is_counted_and_tells_no_data(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "")
    with pytest.raises(ControlError, match="failed with RuntimeError; the application is not affected") as caught:
        ask(server, "break")
    assert "secret" not in str(caught.value)
    assert failures.counts() == {"control": 1}
    assert ask(server, "echo")


def test_where_no_folder_is_to_be_trusted_there_is_no_socket_and_no_harm(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "")
    failures.reset()
    for name in ("tracing_proxies", f"tracing_proxies-{os.geteuid()}"):
        (place / name).mkdir(mode=0o755)
    monkeypatch.setattr("tracing_proxies.control.folder._candidates", lambda *a, **k: [place / "tracing_proxies"])
    made = ControlServer(COMMANDS)
    made.open()
    assert made.path is None
    assert failures.counts() == {"control": 1}
    made.close()
    failures.reset()


def test_an_application_that_closes_every_descriptor_keeps_what_it_opens_next() -> None:
    made = ControlServer(COMMANDS)
    made.open()
    service = made._service
    assert service is not None
    number = service._listener.fileno()
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        os.dup2(own.fileno(), number)  # the number is the application's now
        with socket.create_connection(own.getsockname()):
            made.close()
            wait_until(lambda: not service.thread.is_alive())
            os.fstat(number)
            accepted, _ = own.accept()  # the connection was not taken from the application
            accepted.close()
    os.close(number)


def test_the_kernel_tells_who_asks_and_only_the_owner_and_root_are_welcome() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert uid_of_peer(ours) == os.geteuid()
    assert is_welcome(os.geteuid())
    assert is_welcome(0)
    assert not is_welcome(NOBODY + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the process")
def test_a_socket_of_another_process_under_the_same_id_is_not_asked(server: ControlServer) -> None:
    assert server.path is not None
    with pytest.raises(OtherProcessError):
        _ask(Address(os.getppid(), server.path), os.geteuid(), "echo", 20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_another_user_is_kept_out_by_the_folder_and_turned_away_behind_it(server: ControlServer, place: Path) -> None:
    assert server.path is not None

    def as_nobody() -> bytes:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                os.write(writing, json.dumps(say(server, b'{"command": "echo"}\n')).encode())
            except OSError as error:
                os.write(writing, type(error).__name__.encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with open(reading, "rb") as stream:
            return stream.read()

    assert as_nobody() == b"PermissionError"
    place.chmod(0o755)
    server.path.parent.chmod(0o755)
    assert as_nobody() == b"PermissionError"
    server.path.chmod(0o666)
    assert json.loads(as_nobody()) == {"ok": False, "error": "only the owner of this process and root may control it"}
    server.path.parent.chmod(0o700)
    assert ask(server, "echo")
