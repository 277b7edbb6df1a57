"""Keeps a spool within its bounds of size and age, and the disk from filling up: the oldest without errors go first."""

from __future__ import annotations

from tracing_proxies.delivery.spool.files import Files
from tracing_proxies.delivery.spool.lookout import Lookout
from tracing_proxies.delivery.spool.reading import Reader
from tracing_proxies.delivery.spool.segment import Segment

_FREE_SHARE = 0.05
_FREE_MOST = 1 << 30
"""A twentieth of a large disk would be more than any spool may take: nothing would be kept though there is room."""
_FREE_CHECK = 64


class Room:
    """Gives files up where there is no room for new ones, and counts what was in them.

    A file of which something is on its way to the server stays: nobody knows yet what of it arrives.

    Args:
        files: what this process holds.
        lookout: knows what others hold.
        reader: knows what is in a file.
        max_size: bytes that all files in the folder may take together.
        max_age: nanoseconds.
    """

    def __init__(self, files: Files, lookout: Lookout, reader: Reader, *, max_size: int, max_age: int) -> None:
        self._files = files
        self._lookout = lookout
        self._reader = reader
        self._max_size = max_size
        self._max_age = max_age
        self._asked = 0

    def make(self, size: int) -> bool:
        """Have room for so many bytes; returns whether there is. Raises OSError."""
        self._files.prepare()
        while self._files.size + self._lookout.others + size > self._max_size:
            if not self._evict("spool_full"):
                self._files.trouble = "the spool is full"
                return False
        self._asked += 1
        if self._asked % _FREE_CHECK == 1:
            free, whole = self._files.disk.free()
            while free - size < min(whole * _FREE_SHARE, _FREE_MOST):
                if not self._evict("disk_full"):
                    self._files.fail(OSError("less than 1 GiB of the disk is free, and less than a twentieth"))
                    return False
                free, whole = self._files.disk.free()
        return True

    def expire(self) -> None:
        """Give up what is too old."""
        oldest = self._files.wall() - self._max_age
        for segment in list(self._files.segments):
            if segment.born < oldest and self._may_go(segment) and segment is not self._files.writing:
                self._give_up(segment, "spool_expired")

    def _evict(self, reason: str) -> bool:
        known = [segment for segment in self._files.segments if self._may_go(segment)]
        if not known:
            return False
        self._give_up(min(known, key=lambda segment: (segment is self._files.writing, segment.errors)), reason)
        return True

    def _may_go(self, segment: Segment) -> bool:
        return segment is not self._files.sent and self._reader.knows(segment)

    def _give_up(self, segment: Segment, reason: str) -> None:
        self._files.give_up(segment, reason, segment.spans)
        segment.damaged = 0
        self._files.retire(segment)
