"""The spans that a server will never take, kept for people to look at, and to send again when it can take them.

One file for each, ``<ns>-<rand>-<why>.gz`` in the folder ``dead`` of the destination's spool: a request of OTLP/HTTP
with one span in it, compressed as it was sent. There is room for a bounded number; the oldest go first, and the spool
forgets those that are old.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from tracing_proxies.delivery.spool.disk import DEAD, PosixDisk

MOST_LETTERS: Final = 1_000
MOST_BYTES: Final = 16 * 2**20
_NAME: Final = re.compile(r"(?P<ns>[0-9]{1,20})-[0-9a-f]{8}-(?P<why>[a-z0-9_]{1,40})\.gz")


@attrs.frozen(eq=False, repr=False)
class Letter:
    """One request that was given up.

    Args:
        name: its file's.
        time_ns: when it was given up, nanoseconds since the epoch.
        why: what the server answered, such as ``http_400``.
    """

    name: str
    time_ns: int
    why: str


class DeadLetters:
    """The folder of one destination.

    Several processes may use it. Trouble with the disk is never raised by ``bury``: what cannot be kept is counted in
    the accounts as dropped, as everything in here is.

    Args:
        spool: the destination's folder.
        most_letters: how many files there may be.
        most_bytes: how much they may take together.
        wall: nanoseconds since the epoch.

    Attributes:
        trouble: what the disk last said, "" while it works.
    """

    def __init__(
        self,
        spool: Path,
        *,
        most_letters: int = MOST_LETTERS,
        most_bytes: int = MOST_BYTES,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self.folder = spool / DEAD
        self._disk = PosixDisk(self.folder)
        self._most_letters = most_letters
        self._most_bytes = most_bytes
        self._wall = wall
        self._pid = 0
        self._buried = 0
        self.trouble = ""

    def bury(self, request: bytes, why: str) -> bool:
        """Keep one request.

        Args:
            request: compressed.
            why: words of lower-case letters, digits and underscores.

        Returns:
            Whether it was kept.
        """
        name = f"{self._wall()}-{secrets.token_hex(4)}-{why}.gz"
        try:
            self._disk.prepare()
            if not self._make_room(len(request)):
                self.trouble = "it is too large to be kept"
                return False
            self._disk.write_small(name, request)
        except OSError as exc:
            self.trouble = f"{type(exc).__name__}: {exc.strerror or exc}"
            return False
        self._buried = self.buried + 1
        self._pid = os.getpid()
        self.trouble = ""
        return True

    @property
    def buried(self) -> int:
        """How many this process has kept."""
        return self._buried if self._pid == os.getpid() else 0

    def letters(self) -> list[Letter]:
        """Return what is here, the oldest first.

        Raises:
            OSError: the folder cannot be read.
        """
        try:
            found = [_NAME.fullmatch(name) for name, _ in self._disk.files()]
        except FileNotFoundError:
            return []
        letters = [Letter(match[0], int(match["ns"]), match["why"]) for match in found if match]
        return sorted(letters, key=lambda letter: (letter.time_ns, letter.name))

    def read(self, letter: Letter) -> bytes:
        """Return a request as it was sent; empty if it is gone."""
        return self._disk.read_small(letter.name, self._most_bytes)

    def remove(self, letter: Letter) -> None:
        """Forget a request, delivered after all."""
        self._disk.remove(letter.name)

    def status(self) -> dict[str, Any]:
        """Return the folder, and what this process has put there, in plain values."""
        return {"folder": str(self.folder), "spans": self.buried, "trouble": self.trouble}

    def _make_room(self, size: int) -> bool:
        if size > self._most_bytes:
            return False
        found = sorted(self._sizes())
        total = sum(length for _, _, length in found)
        while found and (len(found) >= self._most_letters or total + size > self._most_bytes):
            _, name, length = found.pop(0)
            self._disk.remove(name)
            total -= length
        return True

    def _sizes(self) -> Iterator[tuple[int, str, int]]:
        for name, size in self._disk.files():
            match = _NAME.fullmatch(name)
            # What a process left that was killed as it wrote is as old as can be.
            yield (int(match["ns"]) if match else 0), name, size
