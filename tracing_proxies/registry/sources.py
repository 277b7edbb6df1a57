"""What a registry was read from, file by file, and whether that is still what the files hold."""

from __future__ import annotations

import os
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tracing_proxies.registry.files import matching, read_content

# A file system's clock may tick this slowly: of a file that has just been written, its times say nothing yet.
_YOUNG: Final = 2 * 10**9

State = tuple[tuple[str, object], ...]
"""Names of files with what they held, and patterns with the names that they stood for; comparable."""


class Sources:
    """The files that were read, with a digest of each, and the patterns of `include:` with what they stood for.

    Files are compared by content: a new time, another inode or another target of a symbolic link alone are no change.
    """

    def __init__(self) -> None:
        self._digests: dict[Path, str | None] = {}
        self._patterns: dict[tuple[str, Path], tuple[Path, ...]] = {}
        self._known: dict[Path, tuple[object, str | None]] = {}

    def note(self, path: Path, content: bytes | None, status: os.stat_result | None) -> None:
        """Take note of a file that was read.

        Args:
            content: what it held, None if it was refused or missing.
            status: of the open file.
        """
        self._digests[path] = _digest(content)
        self._know(path, status, self._digests[path])

    def note_pattern(self, pattern: str, base: Path, found: list[Path]) -> None:
        """Take note of an entry of `include:` and of the files that it stands for."""
        self._patterns[pattern, base] = tuple(found)

    @property
    def digest(self) -> str:
        """A short name of everything that was read: it is equal for equal contents under equal names."""
        return blake2b(repr(self.state).encode(), digest_size=8).hexdigest()

    @property
    def state(self) -> State:
        """What was read."""
        return _state(self._digests, self._patterns)

    def look(self) -> State:
        """Return what would be read now; a file whose status is the same as before is not opened."""
        patterns = {(pattern, base): _expand(pattern, base) for pattern, base in self._patterns}
        stood = {path for found in self._patterns.values() for path in found}
        stand = {path for found in patterns.values() for path in found}
        # A file that a pattern stands for no longer, or only now, shows in the pattern; the latter's content
        # counts as well, for it may be half-written.
        read = [path for path in self._digests if path not in stood or path in stand]
        return _state({path: self._look_at(path) for path in (*read, *sorted(stand - stood))}, patterns)

    def _look_at(self, path: Path) -> str | None:
        try:
            signature = _signature(os.stat(path))
        except (OSError, ValueError):
            self._known.pop(path, None)
            return None
        known = self._known.get(path)
        if known is not None and known[0] == signature:
            return known[1]
        content = read_content(path)
        digest = _digest(content.text)
        self._know(path, content.status, digest)
        return digest

    def _know(self, path: Path, status: os.stat_result | None, digest: str | None) -> None:
        # A file that was written a moment ago may be written once more without looking any different, so it is read
        # again the next time; as Git does ("racy" entries of its index).
        if status is None or max(status.st_mtime_ns, status.st_ctime_ns) > time.time_ns() - _YOUNG:
            self._known.pop(path, None)
        else:
            self._known[path] = (_signature(status), digest)


def _signature(status: os.stat_result) -> object:
    return status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest(content: bytes | None) -> str | None:
    return None if content is None else blake2b(content, digest_size=16).hexdigest()


def _expand(pattern: str, base: Path) -> tuple[Path, ...]:
    try:
        return tuple(matching(pattern, base))
    except (OSError, ValueError):
        return ()


def _state(digests: dict[Path, str | None], patterns: dict[tuple[str, Path], tuple[Path, ...]]) -> State:
    files = sorted((str(path), digest) for path, digest in digests.items())
    found = sorted((f"{base}:{pattern}", tuple(map(str, paths))) for (pattern, base), paths in patterns.items())
    return (*files, *found)
