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

from tracing_proxies.control.folder import Address, addresses, folders, is_running, sweep
from tracing_proxies.control.messages import LARGEST_ANSWER, MessageError, read_answer, write_request
from tracing_proxies.control.peer import ROOT, pid_of_peer, uid_of_peer
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


class OtherProcessError(Exception):
    """Says that a socket is that of a process of another container, whose id happens to be the same."""


@attrs.frozen(eq=False, repr=False)
class Running:
    """One traced process, and what it says of itself; None where it does not answer in time."""

    pid: int
    status: dict[str, Any] | None


def ask(pid: int, command: str, timeout: float = _TIMEOUT, *, about: str | None = None) -> Any:
    """Have a process carry out a command.

    Args:
        command: such as ``status``, ``off``, ``on`` or ``reload``.
        timeout: seconds until the answer must be there.
        about: what the command is about, for those that need to know.

    Returns:
        Its answer, in plain values.

    Raises:
        ControlError: there is no such process, it is not traced, is somebody else's, does not answer, or says that it
            cannot.
    """
    owner = _owner_of(pid)
    if owner not in (None, os.geteuid()) and os.geteuid() != ROOT:
        message = f"process {pid} belongs to {_name(owner)}; only its owner and root may ask it"
        raise ControlError(message, NOT_PERMITTED)
    # A process that has become another user's since has its socket where it started.
    users = dict.fromkeys(uid for uid in (owner, os.geteuid()) if uid is not None)
    known = [(user, address) for user in users for address in addresses(user)]
    for user, address in known:
        if address.pid == pid:
            try:
                return _ask(address, user, command, timeout, about)
            except (ConnectionRefusedError, FileNotFoundError, OtherProcessError):
                continue  # left behind by an earlier process of this id
            except PermissionError:
                raise ControlError(f"process {pid} does not let you in", NOT_PERMITTED) from None
            except (OSError, MessageError) as error:
                message = f"process {pid} gives no answer: {error}"
                raise ControlError(message, NO_ANSWER) from error
    message = (
        f"process {pid} is not traced. Start it with `tracing-proxies run -- …`, or have it call "
        "tracing_proxies.activate(); where TRACING_PROXIES=off is set, neither does anything. A process that was "
        "forked can be asked from its first span on"
    )
    raise ControlError(message, NOT_TRACED)


def traced_processes() -> list[Running]:
    """List this user's processes that are traced, by id, each with its status."""
    return sorted(_traced(), key=lambda running: running.pid)


def _traced() -> Iterator[Running]:
    uid = os.geteuid()
    for folder in folders(uid):
        sweep(folder)
    for address in addresses(uid):
        if is_running(address.pid):
            try:
                status = _ask(address, uid, "status", _TIME_TO_LIST)
            except (ConnectionRefusedError, FileNotFoundError, OtherProcessError):
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
        # The folder in /proc may be root's: it is where a process has changed its user.
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
        return next(int(line.split()[2]) for line in lines if line.startswith("Uid:"))
    except (OSError, StopIteration):  # no such folder on this system, or not for us
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


def _ask(address: Address, owner: int, command: str, timeout: float, about: str | None = None) -> Any:
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        while True:
            try:
                connection.connect(str(address.path))
                break
            except BlockingIOError:  # others wait in line; a unix socket does not let one wait for that
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE)
        if uid_of_peer(connection) not in (owner, None):
            raise ControlError(f"who listens at {address.path} is not its owner", NOT_PERMITTED)
        if pid_of_peer(connection) not in (address.pid, None):
            raise OtherProcessError
        try:
            connection.sendall(write_request(command, about))
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
