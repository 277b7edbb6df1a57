"""Asks a running process, by its id, through its control socket."""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from tracing_proxies.control.folder import addresses, is_running
from tracing_proxies.control.messages import LARGEST_ANSWER, MessageError, read_answer, write_request
from tracing_proxies.errors import ControlError

REFUSED: Final = 1
NO_PROCESS: Final = 3
NOT_TRACED: Final = 4
NOT_PERMITTED: Final = 5
NO_ANSWER: Final = 6

_TIMEOUT: Final = 30.0
_TIME_TO_LIST: Final = 2.0
_CHUNK: Final = 1024 * 1024
_PAUSE: Final = 0.01


@attrs.frozen
class Running:
    """One traced process, and what it says of itself; None where it does not answer in time."""

    pid: int
    status: dict[str, Any] | None


def ask(pid: int, command: str, timeout: float = _TIMEOUT) -> Any:
    """Have a process carry out a command.

    Args:
        command: ``status``, ``off``, ``on`` or ``reload``.
        timeout: seconds until the answer must be there.

    Returns:
        Its answer, in plain values.

    Raises:
        ControlError: there is no such process, it is not traced, is somebody else's, does not answer, or says that it
            cannot.
    """
    owner = _owner_of(pid)
    if owner not in (None, os.geteuid()) and os.geteuid() != 0:
        message = f"process {pid} belongs to {_name(owner)}; only its owner and root may ask it"
        raise ControlError(message, NOT_PERMITTED)
    for address in addresses(os.geteuid() if owner is None else owner):
        if address.pid == pid:
            try:
                return _ask(address.path, command, timeout)
            except (ConnectionRefusedError, FileNotFoundError):  # left behind by an earlier process of this id
                continue
            except PermissionError:
                raise ControlError(f"process {pid} does not let you in", NOT_PERMITTED) from None
            except (OSError, MessageError) as error:
                message = f"process {pid} gives no answer: {error}"
                raise ControlError(message, NO_ANSWER) from error
    message = (
        f"process {pid} is not traced. Start it with `tracing-proxies run -- …`, or have it call "
        "tracing_proxies.activate(); where TRACING_PROXIES=off is set, neither does anything"
    )
    raise ControlError(message, NOT_TRACED)


def traced_processes() -> list[Running]:
    """List this user's processes that are traced, by id, each with its status."""
    return sorted(_traced(), key=lambda running: running.pid)


def _traced() -> Iterator[Running]:
    for address in addresses(os.geteuid()):
        if is_running(address.pid):
            try:
                status = _ask(address.path, "status", _TIME_TO_LIST)
            except (ConnectionRefusedError, FileNotFoundError):
                continue
            except (OSError, MessageError, ControlError):
                yield Running(address.pid, None)
            else:
                yield Running(address.pid, status if isinstance(status, dict) else None)


def _owner_of(pid: int) -> int | None:
    """Return the user that a process belongs to, None where only a socket of ours could tell."""
    if not is_running(pid):
        raise ControlError(f"there is no process {pid}", NO_PROCESS)
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except PermissionError:
        message = f"process {pid} belongs to another user; only its owner and root may ask it"
        raise ControlError(message, NOT_PERMITTED) from None
    except ProcessLookupError:
        raise ControlError(f"there is no process {pid}", NO_PROCESS) from None
    return None


def _name(uid: int | None) -> str:
    try:
        return pwd.getpwuid(uid or 0).pw_name
    except KeyError:
        return f"user {uid}"


def _ask(path: Path, command: str, timeout: float) -> Any:
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        while True:
            try:
                connection.connect(str(path))
                break
            except BlockingIOError:  # others wait in line; a unix socket does not let one wait for that
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE)
        try:
            connection.sendall(write_request(command))
        except BrokenPipeError:  # turned away before we have said anything; the reason is there to be read
            pass
        answer = read_answer(_read_line(connection, deadline))
    if not answer["ok"]:
        raise ControlError(str(answer.get("error")), REFUSED)
    return answer.get("result")


def _read_line(connection: socket.socket, deadline: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while size <= LARGEST_ANSWER:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        piece = connection.recv(_CHUNK)
        pieces.append(piece)
        size += len(piece)
        if not piece or piece.endswith(b"\n"):
            return b"".join(pieces)
    raise MessageError(f"the answer is longer than {LARGEST_ANSWER:,} bytes")
