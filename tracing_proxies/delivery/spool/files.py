"""The files of the spool that this process holds: made, written, sealed and removed, and what the disk last said."""

from __future__ import annotations

import os
import secrets
from collections import Counter, deque
from collections.abc import Callable

from tracing_proxies.delivery.spool.disk import Disk
from tracing_proxies.delivery.spool.segment import DONE, OPEN, SEALED, Entry, Segment

PROBE_PAUSE = 30.0
_MOST_BAD = 16


class Files:
    """Holds segments, oldest first, and counts what of them is given up.

    Args:
        disk: the folder.
        clock: seconds, monotonic.
        wall: nanoseconds since the epoch.

    Attributes:
        segments: what waits, in files of this process and in those that it has taken over.
        writing: the one that is written to.
        sent: the one of which something is on its way to the server.
        trouble: what the disk last said, "" while it works.
        failed_until: when the disk is tried again, in seconds of the clock.
        dropped: spans of this process that were given up, by reason.
        dropped_adopted: the same of those that were taken over.
    """

    def __init__(self, disk: Disk, clock: Callable[[], float], wall: Callable[[], int]) -> None:
        self.disk = disk
        self.clock = clock
        self.wall = wall
        self.dropped: Counter[str] = Counter()
        self.dropped_adopted: Counter[str] = Counter()
        self._begin()

    def _begin(self) -> None:
        self.trouble = ""
        self.failed_until = float("-inf")
        self.segments: list[Segment] = []
        self.writing: Segment | None = None
        self.sent: Segment | None = None
        self._spent: list[Segment] = []  # delivered, and not removed since the disk did not let us
        self._prepared = False
        self._identity = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._sequence = 0

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return sum(segment.size for segment in (*self.segments, *self._spent))

    @property
    def stems(self) -> set[str]:
        """The stems of all of them."""
        return {segment.stem for segment in (*self.segments, *self._spent)}

    @property
    def usable(self) -> bool:
        """Whether the disk may be tried."""
        return self.clock() >= self.failed_until

    def fail(self, exc: OSError) -> None:
        """Leave the disk alone for a while.

        The file that is written to or the whole folder may be gone: after the pause everything begins anew, in a new
        file.
        """
        self.trouble = f"{type(exc).__name__}: {exc.strerror or exc}"
        self.failed_until = self.clock() + PROBE_PAUSE
        self.writing = None
        self._prepared = False

    def prepare(self) -> None:
        """Make sure of the folder; raises OSError."""
        if not self._prepared:
            self.disk.prepare()
            self._prepared = True

    def create(self) -> Segment:
        """Begin a file; raises OSError."""
        stem = f"{self.wall()}-{self._identity}-{self._sequence}"
        self._sequence += 1
        segment = Segment(stem, self.disk.create(stem + OPEN), own=True, entries=deque())
        self.segments.append(segment)
        self.writing = segment
        self.disk.sync_folder()
        return segment

    def write(self, segment: Segment, data: bytes, durable: bool) -> bool:
        """Write behind what is there; returns whether all of it is written, of which nothing is left otherwise."""
        segment.dirty = True
        try:
            written = self.disk.append(segment.descriptor, data)
            if written < len(data):
                raise OSError(f"{written} of {len(data)} bytes were written")
            if durable:
                self._sync(segment)
            return True
        except OSError as exc:
            self.fail(exc)
        try:
            # The caller keeps the request: it is not to come back from here as well.
            self.disk.truncate(segment.descriptor, segment.size)
        except OSError as exc:
            self.fail(exc)
        return False

    def seal(self, segment: Segment) -> None:
        """Write no more to a file; a disk that fails leaves it as it is, under the name of an open one."""
        if self.writing is segment:
            self.writing = None
        try:
            self._sync(segment)
            self.disk.rename(segment.stem + OPEN, segment.stem + SEALED)
            segment.sealed = True
            self.disk.sync_folder()
        except OSError as exc:
            self.fail(exc)

    def sync(self) -> bool:
        """Bring all that was written to the medium; returns whether that is done."""
        try:
            for segment in self.segments:
                if segment.dirty:
                    self._sync(segment)
        except OSError as exc:
            self.fail(exc)
            return False
        return not any(segment.removed and segment.entries for segment in self.segments)

    def advance(self, segment: Segment, entry: Entry) -> None:
        """Note that all up to an entry has met its end, and remove the file when that was all."""
        try:
            if segment.entries or segment is self.writing:
                self.disk.write_small(segment.stem + DONE, b"%d" % (entry.start + entry.length))
            else:
                self.retire(segment)
        except OSError as exc:
            self.fail(exc)

    def give_up(self, segment: Segment, reason: str, spans: int) -> None:
        """Count spans of a file as dropped."""
        if spans:
            (self.dropped if segment.own else self.dropped_adopted)[reason] += spans

    def retire(self, segment: Segment) -> None:
        """Remove a file that is done with."""
        if segment is self.writing:
            self.writing = None
        if segment is self.sent:
            self.sent = None
        self.segments.remove(segment)
        self._spent.append(segment)
        self.clear_away()

    def clear_away(self) -> None:
        """Remove the files that are done with. What cannot be removed stays locked, or it would be sent again."""
        while self._spent:
            segment = self._spent[-1]
            try:
                if segment.damaged:
                    self.disk.quarantine(segment.name, _MOST_BAD)
                else:
                    self.disk.remove(segment.name)
                self.disk.remove(segment.stem + DONE)
            except FileNotFoundError:
                pass  # somebody has cleared the folder
            except OSError as exc:
                self.fail(exc)
                return
            self._spent.pop()
            self.disk.close(segment.descriptor)

    def release(self) -> None:
        """Close all, which gives up their locks, and hold none."""
        for segment in (*self.segments, *self._spent):
            try:
                self.disk.close(segment.descriptor)
            except OSError:
                continue  # closed already by an application that closes all descriptors in a child
        self._begin()

    def after_fork(self) -> None:
        """Begin anew in a forked child: the files, and their locks, are the parent's."""
        self.release()
        self.dropped, self.dropped_adopted = Counter(), Counter()

    def _sync(self, segment: Segment) -> None:
        try:
            self.disk.sync(segment.descriptor)
        except FileNotFoundError:
            # Somebody has removed it: what is in it can be read and sent by us alone, and no sync will help.
            segment.dirty, segment.removed = False, True
            raise
        segment.dirty = False
