"""Where the sockets of traced processes stand: a folder of their owner's that nobody else may enter."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

_NAME: Final = "tracing_proxies"
_SOCKET: Final = re.compile(r"([0-9]{1,10})-[0-9a-f]{8}\.sock")
_UNBORN: Final = re.compile(r"\.([0-9]{1,10})-[0-9a-f]{8}")
_LONGEST_PATH: Final = 103
"""What `sun_path` holds on macOS, the shorter one."""
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_TIME_TO_PROBE: Final = 0.2


class FolderError(OSError):
    """Says why a folder cannot be trusted with a socket."""


@attrs.frozen(eq=False, repr=False)
class Address:
    """One process's socket."""

    pid: int
    path: Path


def own_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for this process's socket, made if need be and judged in any case.

    Raises:
        OSError: there is none that is ours alone.
    """
    refusal: OSError = FolderError("the path of every folder for a socket is too long for one")
    for folder in _candidates(os.geteuid(), environ, ours=True):
        try:
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                pass
            judge(folder, os.geteuid())
            return folder
        except OSError as exc:
            refusal = exc
    raise refusal


def judge(folder: Path, owner: int) -> None:
    """Make sure that a folder is a user's alone.

    Args:
        owner: the user's id.

    Raises:
        FolderError: it is a symbolic link or no folder, belongs to somebody else, is open to others, or stands where
            others could put one in its place.
    """
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):  # a link to a folder is none
        raise FolderError(f"{folder} is no folder of its own")
    if found.st_uid != owner:
        raise FolderError(f"{folder} belongs to user {found.st_uid}, not to user {owner}")
    if found.st_mode & _OTHERS:
        raise FolderError(f"{folder} is open to others than its owner; remove it")
    above = os.stat(folder.parent)
    if above.st_mode & _OTHERS_WRITE and not above.st_mode & stat.S_ISVTX:
        raise FolderError(f"others than its owner may rename what stands in {folder.parent}")


def new_path(folder: Path) -> Path:
    """Choose a name for this process's socket."""
    return folder / f"{os.getpid()}-{os.urandom(4).hex()}.sock"


def unborn(path: Path) -> Path:
    """Return the name that a socket has until somebody listens behind it, so that nobody takes it for a stale one."""
    return path.with_name(f".{path.stem}")


def addresses(uid: int, environ: Mapping[str, str] = os.environ) -> list[Address]:
    """List the sockets of a user's processes, from every folder in which they may stand, stale ones included.

    A process may have been started with other variables than ours, so more than one place is looked at.
    """
    return [
        Address(int(matched[1]), folder / name)
        for folder in folders(uid, environ)
        for name in sorted(os.listdir(folder))
        if (matched := _SOCKET.fullmatch(name)) is not None
    ]


def folders(uid: int, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """List the folders that are there and a user's alone."""
    found = []
    for folder in _candidates(uid, environ):
        try:
            judge(folder, uid)
            found.append(folder)
        except OSError:
            continue
    return found


def sweep(folder: Path) -> None:
    """Remove the sockets that processes have left behind which were killed."""
    for path, pid in _sockets_in(folder):
        if not is_running(pid) and is_deaf(path):
            try:
                os.unlink(path)
            except FileNotFoundError:  # somebody else sweeps at this moment
                continue


def is_running(pid: int) -> bool:
    """Tell whether there is a process of this id."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_deaf(path: Path) -> bool:
    """Tell whether nobody listens at a socket; a process of another container may, whose id means nothing here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_TIME_TO_PROBE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:  # too busy to answer, or gone
            return False
    return False


def _sockets_in(folder: Path) -> Iterator[tuple[Path, int]]:
    for name in os.listdir(folder):
        matched = _SOCKET.fullmatch(name) or _UNBORN.fullmatch(name)
        path = folder / name
        if matched is None:
            continue
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                yield path, int(matched[1])
        except FileNotFoundError:
            continue


def _candidates(uid: int, environ: Mapping[str, str], *, ours: bool = False) -> list[Path]:
    """List the folders where a user's sockets may stand, the preferred one first.

    Args:
        ours: whether only what this process itself would use is meant.
    """
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    above = [runtime] if os.path.isabs(runtime) and _is_owned(runtime, uid) else []
    above += [] if ours else [f"/run/user/{uid}"]
    found = [Path(folder) / _NAME for folder in above]
    temporary = [folder for folder in (environ.get("TMPDIR", ""), "/tmp") if os.path.isabs(folder)]
    found += [Path(folder) / f"{_NAME}-{uid}" for folder in temporary]
    return [folder for folder in dict.fromkeys(found) if len(str(new_path(folder)).encode()) <= _LONGEST_PATH]


def _is_owned(folder: str, uid: int) -> bool:
    try:
        found = os.stat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & _OTHERS_WRITE
