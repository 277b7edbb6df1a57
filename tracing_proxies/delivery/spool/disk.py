"""The file system as the spool uses it, in one place, so that tests can put one that crashes in its stead."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

BAD: Final = "bad"
"""The folder beside the spool for files that are damaged."""
DEAD: Final = "dead"
"""The one for what a server will never take."""
_TAKE = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_LOST = (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENXIO)


class Disk(Protocol):
    """What the spool asks of a folder; every method may raise OSError. Files are named without their folder."""

    def prepare(self) -> None:
        """Make the folder, for the owner alone; raise PermissionError if somebody else has a hand in it."""

    def files(self) -> Iterator[tuple[str, int]]:
        """List the files and their sizes in bytes, in any order, without reading them all first."""

    def holds(self, name: str) -> bool:
        """Tell whether there is a file of this name."""

    def create(self, name: str) -> int:
        """Create a file that must not exist, locked for as long as its descriptor lives; return the descriptor."""

    def take(self, name: str) -> int | None:
        """Open a file that is there and lock it; None if somebody alive holds it, or it is no plain file of ours."""

    def append(self, descriptor: int, data: bytes) -> int:
        """Write at the end; return how many bytes were written, which may be fewer."""

    def size(self, descriptor: int) -> int:
        """Return a file's size in bytes."""

    def read(self, descriptor: int, start: int, length: int) -> bytes:
        """Read a part of a file; fewer bytes at its end."""

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off."""

    def sync(self, descriptor: int) -> None:
        """Return when a file's data is on the medium; raise FileNotFoundError if it has been removed meanwhile."""

    def sync_folder(self) -> None:
        """Return when creations, renames and removals are on the medium."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what has it."""

    def remove(self, name: str) -> None:
        """Remove a file; no error if it is gone."""

    def quarantine(self, name: str, most: int) -> None:
        """Move a file that is damaged out of the way, and keep at most so many of them."""

    def forget_kept(self, before: int) -> None:
        """Remove what is kept beside the spool and was written before a time, in nanoseconds since the epoch."""

    def write_small(self, name: str, data: bytes) -> None:
        """Write a small file whole, or leave what was there."""

    def read_small(self, name: str, most: int) -> bytes:
        """Read a small file; empty if there is none."""

    def close(self, descriptor: int) -> None:
        """Close a descriptor, and with it give up its lock."""

    def free(self) -> tuple[int, int]:
        """Return the bytes that are free to us on the medium, and all of its bytes."""


class PosixDisk:
    """A folder of a POSIX file system.

    Args:
        folder: made if it is not there, with mode 0700.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(self.folder)
        if not stat.S_ISDIR(found.st_mode):
            raise PermissionError(errno.EPERM, "the spool is no folder, or a symbolic link", str(self.folder))
        if found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "the spool belongs to another user", str(self.folder))
        if found.st_mode & 0o077:
            os.chmod(self.folder, 0o700)

    def files(self) -> Iterator[tuple[str, int]]:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # its owner has delivered it meanwhile
                    continue

    def holds(self, name: str) -> bool:
        return os.path.lexists(self._path(name))

    def create(self, name: str) -> int:
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path(name), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def take(self, name: str) -> int | None:
        try:
            descriptor = os.open(self._path(name), _TAKE)
        except OSError as exc:
            if exc.errno in _LOST:
                return None
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                os.close(descriptor)
                return None
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the opening and the lock its owner may have delivered and removed it, or given it another name.
            named = os.stat(self._path(name), follow_symlinks=False)
            if (named.st_dev, named.st_ino) == (found.st_dev, found.st_ino):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def append(self, descriptor: int, data: bytes) -> int:
        return os.write(descriptor, data)

    def size(self, descriptor: int) -> int:
        return os.fstat(descriptor).st_size

    def read(self, descriptor: int, start: int, length: int) -> bytes:
        parts = []
        while length > 0:
            part = os.pread(descriptor, length, start)
            if not part:
                break
            parts.append(part)
            start += len(part)
            length -= len(part)
        return b"".join(parts)

    def truncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        getattr(os, "fdatasync", os.fsync)(descriptor)  # macOS has no fdatasync
        if os.fstat(descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "a file of the spool was removed")

    def sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        os.rename(self._path(old), self._path(new))

    def remove(self, name: str) -> None:
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            return

    def quarantine(self, name: str, most: int) -> None:
        bad = self.folder / BAD
        bad.mkdir(mode=0o700, exist_ok=True)
        kept = sorted(found for found in os.listdir(bad))
        for old in kept[: max(0, len(kept) - most + 1)]:
            os.unlink(bad / old)
        os.rename(self._path(name), bad / name)

    def forget_kept(self, before: int) -> None:
        for folder in (self.folder / BAD, self.folder / DEAD):
            if folder.is_symlink() or not folder.is_dir():
                continue
            for entry in list(os.scandir(folder)):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime_ns < before:
                    self.remove(entry.path)

    def write_small(self, name: str, data: bytes) -> None:
        fresh = f"{name}.new"
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path(fresh), flags, 0o600)
        try:
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, "a small file was not written whole", name)
        finally:
            os.close(descriptor)
        self.rename(fresh, name)

    def read_small(self, name: str, most: int) -> bytes:
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        try:
            return os.read(descriptor, most)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def free(self) -> tuple[int, int]:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)
