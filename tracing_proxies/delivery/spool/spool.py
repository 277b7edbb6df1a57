"""The spool of one destination: requests on disk, in files of this process and of dead ones, oldest first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from tracing_proxies.delivery.spool.disk import Disk
from tracing_proxies.delivery.spool.files import Files
from tracing_proxies.delivery.spool.lookout import MOST_HELD, Lookout
from tracing_proxies.delivery.spool.reading import Items, Reader
from tracing_proxies.delivery.spool.record import Record, encode
from tracing_proxies.delivery.spool.room import Room
from tracing_proxies.delivery.spool.segment import Segment, entry_of

MAX_SIZE = 512 * 2**20
MAX_AGE = 24 * 3600 * 10**9
KEPT_AGE = 7 * 24 * 3600 * 10**9
"""How long is kept what a server has refused for good, and what is damaged."""
SEGMENT_SIZE = 8 * 2**20
SYNC_PAUSE = 0.5
SCAN_PAUSE = 30.0


class Spool:
    """Keeps requests until they are delivered. Used by one thread at a time.

    Trouble with the disk is never raised: ``append`` then answers False, and the caller keeps the request in memory.

    Args:
        disk: the folder.
        max_size: bytes that all files in the folder may take together; the oldest without errors go first.
        max_age: nanoseconds; what is older is dropped.
        segment_size: bytes at which a file is sealed.
        clock: seconds, monotonic.
        wall: nanoseconds since the epoch.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        max_size: int = MAX_SIZE,
        max_age: int = MAX_AGE,
        segment_size: int = SEGMENT_SIZE,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._segment_size = min(segment_size, max(4096, max_size // 4))
        self._clock = clock
        self._lookout = Lookout(disk)
        self._files = Files(disk, clock, wall)
        self._reader = Reader(self._files)
        self._room = Room(self._files, self._lookout, self._reader, max_size=max_size, max_age=max_age)
        self._synced = self._scanned = float("-inf")

    @property
    def spans(self) -> int:
        """How many spans of this process wait."""
        return sum(segment.spans for segment in self._files.segments if segment.own)

    @property
    def size(self) -> int:
        """How many bytes the files take that this process holds."""
        return self._files.size

    @property
    def dirty(self) -> bool:
        """Whether something of it may not be on the medium yet."""
        return any(segment.dirty for segment in self._files.segments)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(segment.entries is None or segment.entries for segment in self._files.segments)

    @property
    def dropped(self) -> Counter[str]:
        """Spans of this process that were given up, by reason."""
        return self._files.dropped

    @property
    def dropped_adopted(self) -> Counter[str]:
        """The same of those that were taken over from dead processes."""
        return self._files.dropped_adopted

    @property
    def adopted(self) -> int:
        """How many spans were taken over."""
        return self._reader.adopted

    @property
    def damaged(self) -> int:
        """How many bytes held no record."""
        return self._reader.damaged

    @property
    def trouble(self) -> str:
        """What the disk last said, "" while it works."""
        return self._files.trouble

    def append(self, record: Record, *, durable: bool = False) -> bool:
        """Write one request behind all others.

        Args:
            durable: whether it is to be on the medium when this returns, not within half a second.

        Returns:
            Whether it is written. False while the disk is in trouble, which is tried again every 30 seconds.
        """
        files = self._files
        if not files.usable:
            return False
        data = encode(record)
        try:
            if not self._room.make(len(data)):
                return False
            segment = files.writing or files.create()
        except OSError as exc:
            files.fail(exc)
            return False
        start = segment.size
        if not files.write(segment, data, durable):
            return False
        assert segment.entries is not None, "a file of our own is known"
        segment.entries.append(entry_of(record, start))
        segment.size = start + len(data)
        files.trouble = ""
        if segment.size >= self._segment_size:
            files.seal(segment)
        return True

    def next(self, *, most_spans: int = 1, most_bytes: int = MAX_SIZE, smallest: bool = False) -> Items | None:
        """Return the oldest requests that wait, None if there is none; they stay until they are settled.

        Args:
            most_spans: how many spans they may have together; the first request comes whatever it has.
            most_bytes: how many bytes they may take together.
            smallest: only one, and the smallest of the files' first ones: to try a server that may be down.
        """
        while True:
            heads = self._heads(smallest)
            if not heads:
                return None
            chosen = min(heads, key=lambda head: head[0])[1]
            items = self._reader.read(chosen, 1 if smallest else most_spans, most_bytes)
            if items is not None:
                return items

    def hold(self, items: Items | None) -> None:
        """Make no room of the file of these requests, which are on their way, until this is called again."""
        self._files.sent = None if items is None or not self.holds(items) else items.segment

    def holds(self, items: Items) -> bool:
        """Tell whether requests that ``next`` has returned are still here: room may have been made of them."""
        entries = items.segment.entries
        return items.segment in self._files.segments and bool(entries) and entries[0] is items.entries[0]  # type: ignore[index]

    def settle(self, items: Items) -> None:
        """Forget requests that have been delivered, or that nobody will ever take."""
        segment, entries = items.segment, items.segment.entries
        if entries is None or not self.holds(items):
            return
        for _ in items.entries:
            entries.popleft()
        segment.gone = 0
        self._files.advance(segment, items.entries[-1])

    def settle_part(self, items: Items, spans: int) -> None:
        """Count so many spans of requests as having met their end; the requests stay until the others have."""
        if self.holds(items):
            items.segment.gone += spans

    def tend(self) -> None:
        """Do what is due: bring what was written to the medium, look for files of dead processes, drop what is old."""
        now = self._clock()
        if not self._files.usable:
            return
        try:
            if now - self._synced >= SYNC_PAUSE:
                self._synced = now
                self.sync()
            self._files.clear_away()
            has_room = self._lookout.left_some and len(self._files.segments) < MOST_HELD // 2
            if self._lookout.busy or has_room or now - self._scanned >= SCAN_PAUSE:
                self._look_around(now)
            self._room.expire()
        except OSError as exc:
            self._files.fail(exc)

    def sync(self) -> bool:
        """Bring all that was written to the medium; returns whether that is done."""
        return self._files.sync()

    def close(self) -> None:
        """Leave what waits to the next process."""
        self.sync()
        for segment in list(self._files.segments):
            if segment.own and not segment.entries:
                self._files.retire(segment)
        self._files.release()
        self._begin_to_look()

    def after_fork(self) -> None:
        """Begin anew in a forked child: the files, and their locks, are the parent's."""
        self._files.after_fork()
        self._reader.after_fork()
        self._begin_to_look()

    def _begin_to_look(self) -> None:
        self._lookout.begin()
        self._synced = self._scanned = float("-inf")

    def _heads(self, smallest: bool) -> list[tuple[int, Segment]]:
        """Return the files that have something to send, with the size of their first request; one unless ``smallest``.

        Those that have nothing any more are removed on the way.
        """
        heads: list[tuple[int, Segment]] = []
        for segment in list(self._files.segments):
            if not self._reader.knows(segment):
                continue
            if segment.entries and self._clock() < segment.retry_at:
                continue
            if segment.entries:
                heads.append((segment.entries[0].length, segment))
                if not smallest:
                    break
            elif segment is not self._files.writing:
                self._files.retire(segment)
        return heads

    def _look_around(self, now: float) -> None:
        self._files.prepare()
        try:
            self._lookout.look(self._files.segments, self._files.stems)
        finally:
            self._files.segments.sort(key=lambda segment: segment.born)
        if not self._lookout.busy:
            self._scanned = now
            self._files.disk.forget_kept(self._files.wall() - KEPT_AGE)
