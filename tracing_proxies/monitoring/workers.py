"""The processes of one application: each publishes what it has counted, and whoever is asked adds it up.

A process's file outlives it, so that nothing that was counted vanishes. Those of processes that have ended are folded
into one, which names them, so that nothing is counted twice whenever somebody reads. When the last process has ended,
the next one begins anew, as an application that is started anew does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from tracing_proxies.control.folder import judge, own_folder
from tracing_proxies.errors import ControlError
from tracing_proxies.exclusion import importing
from tracing_proxies.monitoring.figures import Count
from tracing_proxies.monitoring.numbers import Numbers

_NUMBERS: Final = ".json"
_ALIVE: Final = ".alive"
_ENDED: Final = "ended.json"
_LOCK: Final = "lock"
_MOST_NAMES: Final = 4_096
_TIMEOUT: Final = 2.0
_TIME_TO_LOCK: Final = 0.5
_PAUSE: Final = 0.005


def folder_of_group(registry: Path | None, service: str | None) -> Path:
    """Return the folder for the processes that trace by one registry, as one service: beside that of the sockets.

    Raises:
        OSError: there is none that is ours alone.
    """
    beside = own_folder()
    named = hashlib.sha256(f"{registry}\n{service}".encode()).hexdigest()[:12]
    return beside.with_name(f"{beside.name}-metrics-{named}")


class Member:
    """One process of an application.

    Attributes:
        folder: the application's.
        stem: what this process's files are called.
    """

    def __init__(self, folder: Path, stem: str, alive: int) -> None:
        self.folder = folder
        self.stem = stem
        self._alive = alive

    @classmethod
    def join(cls, folder: Path, pid: int) -> Member:
        """Become one; whatever processes have left behind that have all ended is forgotten.

        Raises:
            OSError: there is no such folder to be had.
        """
        stem = f"{pid}-{secrets.token_hex(4)}"
        with locked(folder):
            if not _living(folder):
                _clear(folder)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            alive = os.open(folder / (stem + _ALIVE), flags, 0o600)
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _fold_ended(folder)
        return cls(folder, stem, alive)

    def publish(self, numbers: Numbers) -> None:
        """Write what was counted up to now, in place of what was written before."""
        write_plain(self.folder / (self.stem + _NUMBERS), numbers.to_plain())

    def leave(self) -> None:
        """Be one no more. What was published stays for the others; the last one leaves nothing behind.

        Raises:
            OSError: the folder is not to be had any more.
        """
        with locked(self.folder):
            self.forget()
            _remove_unless_living(self.folder)

    def forget(self) -> None:
        """Close what holds the lock of this process; in a forked child it is the parent's, which has it still."""
        alive, self._alive = self._alive, -1
        if alive >= 0:
            os.close(alive)


def merge_living(folder: Path, own_stem: str = "", own: Numbers | None = None) -> Numbers:
    """Add up what the processes of an application have counted: the living are asked, of the others it is read.

    Args:
        own_stem, own: of the process that asks, if it is one of them.
    """
    total = Numbers() if own is None else own.copy()
    read: dict[str, Numbers] = {}
    for stem in _stems(folder):
        if stem != own_stem:
            numbers = _ask(stem) or _read(folder / (stem + _NUMBERS))
            if numbers is not None:
                read[stem] = numbers
    return _add_ended(folder, total, read)


def _add_ended(folder: Path, total: Numbers, read: dict[str, Numbers]) -> Numbers:
    # Read last: whose file has gone meanwhile is in it by now, and it says so.
    names, ended = _read_ended(folder)
    for stem, numbers in read.items():
        if stem not in names:
            total.merge(numbers)
    total.merge(ended)
    return total


def merge_windows(folder: Path) -> dict[str, Count]:
    """Add up what the processes have counted within the last minute, five minutes and hour, and since the start.

    Of processes that have ended only what they have counted altogether is known.
    """
    recent: dict[str, Count] = {}
    read: dict[str, Numbers] = {}
    for stem in _stems(folder):
        told = _ask_plain(stem, "windows")
        numbers = _read(folder / (stem + _NUMBERS)) if told is None else Numbers.of_plain(told["numbers"])
        if numbers is not None:
            read[stem] = numbers
        for name, window in ({} if told is None else told["windows"]).items():
            known = recent.get(name)
            counted = Numbers() if known is None else known.numbers
            counted.merge(Numbers.of_plain(window["numbers"]))
            recent[name] = Count(counted, max(window["seconds"], 0.0 if known is None else known.seconds))
    total = _add_ended(folder, Numbers(), read)
    began = total.gauges.get(("tracing_proxies_start_time_seconds", ()))
    return {**recent, "start": Count(total, 0.0 if began is None else max(0.0, time.time() - began))}


def folder_of(pid: int) -> Path:
    """Ask a process in which folder its application's processes publish what they count.

    Raises:
        ControlError: it cannot be asked, or has no such folder.
    """
    told = _ask_any(pid, "metrics")
    if not isinstance(told, dict) or not told.get("group"):
        raise ControlError(f"process {pid} has no folder to publish its metrics in", 1)
    return Path(told["group"])


def _ask(stem: str) -> Numbers | None:
    told = _ask_plain(stem, "metrics")
    return None if told is None else Numbers.of_plain(told["numbers"])


def _ask_plain(stem: str, command: str) -> Any:
    """Ask a process what it has counted; None where it has ended, does not answer, or has become another member."""
    try:
        told = _ask_any(int(stem.partition("-")[0]), command)
        if told["member"] != stem:
            return None
        for numbers in (told["numbers"], *(window["numbers"] for window in told.get("windows", {}).values())):
            Numbers.of_plain(numbers)
    except (ControlError, OSError, ValueError, KeyError, TypeError):
        return None
    return told


def _ask_any(pid: int, command: str) -> Any:
    with importing:  # only where somebody reads: most processes never ask another one
        from tracing_proxies.control.client import ask

    return ask(pid, command, _TIMEOUT)


def _stems(folder: Path) -> list[str]:
    """List the names of all members whose files are there."""
    try:
        return sorted(name.removesuffix(_ALIVE) for name in os.listdir(folder) if name.endswith(_ALIVE))
    except FileNotFoundError:  # the last one has just left
        return []


def sweep(folder: Path) -> None:
    """Remove what other applications have left behind beside one's folder, whose processes were killed, all of them."""
    stem = folder.name.rpartition("-")[0]
    for other in folder.parent.glob(f"{stem}-*"):
        try:
            if other != folder and not _living(other):
                with locked(other):
                    _remove_unless_living(other)
        except OSError:  # not ours, or somebody is about it at this moment
            continue


def _remove_unless_living(folder: Path) -> None:
    """Remove a folder in which nobody lives any more; called under its lock."""
    if not _living(folder):
        _clear(folder)
        (folder / _LOCK).unlink(missing_ok=True)
        os.rmdir(folder)


def _living(folder: Path) -> bool:
    """Tell whether any process that has joined lives still."""
    return any(is_alive(folder, stem) for stem in _stems(folder))


def _clear(folder: Path) -> None:
    """Remove what processes have left behind that have all ended; called under the folder's lock."""
    for name in os.listdir(folder):
        if name.endswith((_NUMBERS, _ALIVE)) or name.startswith("."):
            (folder / name).unlink(missing_ok=True)


def is_alive(folder: Path, stem: str) -> bool:
    """Tell whether the process lives that has joined under this name."""
    try:
        descriptor = os.open(folder / (stem + _ALIVE), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _fold_ended(folder: Path) -> None:
    """Add what ended processes have counted to one file, and remove theirs; called under the folder's lock."""
    ended = [stem for stem in _stems(folder) if not is_alive(folder, stem)]
    if not ended:
        return
    known, total = _read_ended(folder)
    for stem in ended:
        numbers = _read(folder / (stem + _NUMBERS))
        if numbers is not None and stem not in known:
            total.merge(numbers)
    names = [*known, *ended][-_MOST_NAMES:]
    write_plain(folder / _ENDED, {"names": names, "numbers": total.lasting().to_plain()})
    for stem in ended:
        for suffix in (_NUMBERS, _ALIVE):
            (folder / (stem + suffix)).unlink(missing_ok=True)


def _read_ended(folder: Path) -> tuple[list[str], Numbers]:
    """Return the names of the members that have been folded, and what they have counted together."""
    try:
        plain = read_plain(folder / _ENDED)
        return list(plain["names"]), Numbers.of_plain(plain["numbers"])
    except (ValueError, TypeError, KeyError):  # there is none yet, or it is damaged
        return [], Numbers()


def _read(path: Path) -> Numbers | None:
    plain = read_plain(path)
    try:
        return None if plain is None else Numbers.of_plain(plain)
    except (ValueError, TypeError, KeyError):
        return None


def read_plain(path: Path) -> Any:
    """Read what ``write_plain`` has written; None where there is nothing of the kind."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            return orjson.loads(file.read())
        except ValueError:
            return None


def write_plain(path: Path, plain: Any) -> None:
    """Replace a file as a whole, so that whoever reads it reads one state or the other."""
    written = orjson.dumps(plain)  # first, so that no descriptor is open while this waits for the interpreter
    unborn = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(unborn, flags, 0o600), "wb") as file:
            file.write(written)
        os.rename(unborn, path)
    except BaseException:
        unborn.unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of an application's folder, which is made if need be, and may be removed while one waits."""
    while True:
        folder.mkdir(0o700, exist_ok=True)
        judge(folder, os.geteuid())
        try:
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            continue
        try:
            _lock(descriptor)
            if _is_same(descriptor, folder / _LOCK):
                yield
                return
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take a lock that is held for moments only; who holds it for longer may have been stopped.

    Raises:
        BlockingIOError: it is not to be had.
    """
    ends = time.monotonic() + _TIME_TO_LOCK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise
            time.sleep(_PAUSE)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
