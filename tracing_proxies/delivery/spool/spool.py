"""The spool of one destination: requests on disk, in files of this process and of dead ones, oldest first."""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable

import attrs

from tracing_proxies.delivery.spool.disk import Disk
from tracing_proxies.delivery.spool.lookout import MOST_HELD, Lookout
from tracing_proxies.delivery.spool.record import Record, encode
from tracing_proxies.delivery.spool.segment import (
    DONE,
    OPEN,
    SEALED,
    Entry,
    Segment,
    entry_of,
    read_entries,
    read_record,
)

MAX_SIZE = 512 * 2**20
MAX_AGE = 24 * 3600 * 10**9
SEGMENT_SIZE = 8 * 2**20
PROBE_PAUSE = 30.0
SYNC_PAUSE = 0.5
SCAN_PAUSE = 30.0
_MOST_BAD = 16
_FREE_SHARE = 0.05
_FREE_CHECK = 64


@attrs.frozen(eq=False)
class Items:
    """Records of one file, in order, that are to be delivered: ``Spool.next`` gives, ``settle`` takes back."""

    segment: Segment
    entries: tuple[Entry, ...]
    records: tuple[Record, ...]

    @property
    def own(self) -> bool:
        """Whether this process has written them."""
        return self.segment.own

    @property
    def spans(self) -> int:
        """How many spans are in them."""
        return sum(record.spans for record in self.records)


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

    Attributes:
        dropped: spans of this process that were given up, by reason.
        dropped_adopted: the same of those that were taken over from dead processes.
        adopted: spans that were taken over.
        damaged: bytes that held no record.
        trouble: what the disk last said, "" while it works.
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
        self._disk = disk
        self._max_size = max_size
        self._max_age = max_age
        self._segment_size = min(segment_size, max(4096, max_size // 4))
        self._clock = clock
        self._wall = wall
        self.dropped: Counter[str] = Counter()
        self.dropped_adopted: Counter[str] = Counter()
        self.damaged = 0
        self._lookout = Lookout(disk)
        self._begin()

    def _begin(self) -> None:
        self.trouble = ""
        self.adopted = 0
        self._segments: list[Segment] = []
        self._spent: list[Segment] = []  # delivered, and not removed since the disk did not let us
        self._writing: Segment | None = None
        self._prepared = False
        self._failed_until = float("-inf")
        self._synced = self._scanned = float("-inf")
        self._lookout.begin()
        self._written = 0
        self._identity = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._sequence = 0

    @property
    def spans(self) -> int:
        """How many spans of this process wait."""
        return sum(segment.spans for segment in self._segments if segment.own)

    @property
    def size(self) -> int:
        """How many bytes the files take that this process holds."""
        return sum(segment.size for segment in (*self._segments, *self._spent))

    @property
    def dirty(self) -> bool:
        """Whether something of it may not be on the medium yet."""
        return any(segment.dirty for segment in self._segments)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(segment.entries is None or segment.entries for segment in self._segments)

    def append(self, record: Record, *, durable: bool = False) -> bool:
        """Write one request behind all others.

        Args:
            durable: whether it is to be on the medium when this returns, not within half a second.

        Returns:
            Whether it is written. False while the disk is in trouble, which is tried again every 30 seconds.
        """
        if self._clock() < self._failed_until:
            return False
        data = encode(record)
        try:
            if not self._make_room(len(data)):
                return False
            segment = self._writing or self._create()
        except OSError as exc:
            self._fail(exc)
            return False
        start = segment.size
        if not self._write(segment, data, durable):
            return False
        assert segment.entries is not None, "a file of our own is known"
        segment.entries.append(entry_of(record, start))
        segment.size = start + len(data)
        self.trouble = ""
        if segment.size >= self._segment_size:
            try:
                self._seal(segment)
            except OSError as exc:
                self._fail(exc)  # what is written stays as it is, under the name of an open file
        return True

    def next(self, *, most_spans: int = 1, most_bytes: int = MAX_SIZE, smallest: bool = False) -> Items | None:
        """Return the oldest requests that wait, None if there is none; they stay until they are settled.

        Args:
            most_spans: how many spans they may have together; the first request comes whatever it has.
            most_bytes: how many bytes they may take together.
            smallest: only one, and the smallest of the files' first ones: to try a server that may be down.
        """
        while True:
            heads: list[tuple[int, Segment]] = []
            for segment in list(self._segments):
                if not self._known(segment):
                    continue
                if segment.entries and self._clock() < segment.retry_at:
                    continue
                if segment.entries:
                    heads.append((segment.entries[0].length, segment))
                    if not smallest:
                        break
                elif segment is not self._writing:
                    self._retire(segment)
            if not heads:
                return None
            chosen = min(heads, key=lambda head: head[0])[1]
            items = self._read(chosen, 1 if smallest else most_spans, most_bytes)
            if items is not None:
                return items

    def holds(self, items: Items) -> bool:
        """Tell whether requests that ``next`` has returned are still here: room may have been made of them."""
        entries = items.segment.entries
        return items.segment in self._segments and bool(entries) and entries[0] is items.entries[0]  # type: ignore[index]

    def settle(self, items: Items) -> None:
        """Forget requests that have been delivered, or that nobody will ever take."""
        segment, entries = items.segment, items.segment.entries
        if entries is None or not self.holds(items):
            return
        for _ in items.entries:
            entries.popleft()
        self._advance(segment, items.entries[-1])

    def tend(self) -> None:
        """Do what is due: bring what was written to the medium, look for files of dead processes, drop what is old."""
        now = self._clock()
        if now < self._failed_until:
            return
        try:
            if now - self._synced >= SYNC_PAUSE:
                self._synced = now
                self.sync()
            self._clear_away()
            has_room = self._lookout.left_some and len(self._segments) < MOST_HELD // 2
            if self._lookout.busy or has_room or now - self._scanned >= SCAN_PAUSE:
                self._look_around(now)
            self._expire()
        except OSError as exc:
            self._fail(exc)

    def sync(self) -> bool:
        """Bring all that was written to the medium; returns whether that is done."""
        try:
            for segment in self._segments:
                if segment.dirty:
                    self._sync(segment)
            return True
        except OSError as exc:
            self._fail(exc)
            return False

    def close(self) -> None:
        """Leave what waits to the next process."""
        self.sync()
        for segment in list(self._segments):
            if segment.own and not segment.entries:
                self._retire(segment)
        self._release()

    def after_fork(self) -> None:
        """Begin anew in a forked child: the files, and their locks, are the parent's."""
        self._release()
        self.dropped, self.dropped_adopted = Counter(), Counter()
        self.damaged = 0

    def _release(self) -> None:
        for segment in (*self._segments, *self._spent):
            try:
                self._disk.close(segment.descriptor)
            except OSError:
                continue  # closed already by an application that closes all descriptors in a child
        self._begin()

    def _create(self) -> Segment:
        stem = f"{self._wall()}-{self._identity}-{self._sequence}"
        self._sequence += 1
        segment = Segment(stem, self._disk.create(stem + OPEN), own=True, entries=deque())
        self._segments.append(segment)
        self._writing = segment
        self._disk.sync_folder()
        return segment

    def _prepare(self) -> None:
        if not self._prepared:
            self._disk.prepare()
            self._prepared = True

    def _write(self, segment: Segment, data: bytes, durable: bool) -> bool:
        segment.dirty = True
        try:
            written = self._disk.append(segment.descriptor, data)
            if written < len(data):
                raise OSError(f"{written} of {len(data)} bytes were written")
            if durable:
                self._sync(segment)
            return True
        except OSError as exc:
            self._fail(exc)
        try:
            # The caller keeps the request: it is not to come back from here as well.
            self._disk.truncate(segment.descriptor, segment.size)
        except OSError as exc:
            self._fail(exc)
        return False

    def _sync(self, segment: Segment) -> None:
        self._disk.sync(segment.descriptor)
        segment.dirty = False

    def _seal(self, segment: Segment) -> None:
        if self._writing is segment:
            self._writing = None
        self._sync(segment)
        self._disk.rename(segment.stem + OPEN, segment.stem + SEALED)
        segment.sealed = True
        self._disk.sync_folder()

    def _known(self, segment: Segment) -> bool:
        if segment.entries is not None:
            return True
        if self._clock() < segment.retry_at:
            return False
        try:
            segment.entries = read_entries(self._disk, segment)
        except OSError as exc:
            self._fail_to_read(segment, exc)
            return False
        self.damaged += segment.damaged
        self.adopted += segment.spans
        return True

    def _read(self, segment: Segment, most_spans: int, most_bytes: int) -> Items | None:
        assert segment.entries, "only files with something in them are read"
        entries: list[Entry] = []
        records: list[Record] = []
        for entry in segment.entries:
            most_spans -= entry.spans
            most_bytes -= entry.length
            if entries and (most_spans < 0 or most_bytes < 0):
                break
            try:
                record = read_record(self._disk, segment, entry)
            except OSError as exc:
                self._fail_to_read(segment, exc)
                break
            if record is None:
                break
            entries.append(entry)
            records.append(record)
        if records:
            return Items(segment, tuple(entries), tuple(records))
        if self._clock() >= segment.retry_at:
            entry = segment.entries.popleft()
            segment.damaged += entry.length
            self.damaged += entry.length
            self._drop(segment, "spool_damaged", entry.spans)
            self._advance(segment, entry)
        return None

    def _drop(self, segment: Segment, reason: str, spans: int) -> None:
        if spans:
            (self.dropped if segment.own else self.dropped_adopted)[reason] += spans

    def _advance(self, segment: Segment, entry: Entry) -> None:
        try:
            if segment.entries or segment is self._writing:
                self._disk.write_small(segment.stem + DONE, b"%d" % (entry.start + entry.length))
            else:
                self._retire(segment)
        except OSError as exc:
            self._fail(exc)

    def _retire(self, segment: Segment) -> None:
        if segment is self._writing:
            self._writing = None
        self._segments.remove(segment)
        self._spent.append(segment)
        self._clear_away()

    def _clear_away(self) -> None:
        """Remove the files that are done with. What cannot be removed stays locked, or it would be sent again."""
        while self._spent:
            segment = self._spent[-1]
            try:
                if segment.damaged:
                    self._disk.quarantine(segment.name, _MOST_BAD)
                else:
                    self._disk.remove(segment.name)
                self._disk.remove(segment.stem + DONE)
            except FileNotFoundError:
                pass  # somebody has cleared the folder
            except OSError as exc:
                self._fail(exc)
                return
            self._spent.pop()
            self._disk.close(segment.descriptor)

    def _fail_to_read(self, segment: Segment, exc: OSError) -> None:
        segment.retry_at = self._clock() + PROBE_PAUSE
        self._fail(exc)

    def _make_room(self, size: int) -> bool:
        self._prepare()
        while self.size + self._lookout.others + size > self._max_size:
            if not self._evict("spool_full"):
                self.trouble = "the spool is full"
                return False
        self._written += 1
        if self._written % _FREE_CHECK == 1:
            free, whole = self._disk.free()
            while free - size < whole * _FREE_SHARE:
                if not self._evict("disk_full"):
                    self._fail(OSError("less than a twentieth of the disk is free"))
                    return False
                free, whole = self._disk.free()
        return True

    def _evict(self, reason: str) -> bool:
        known = [segment for segment in self._segments if self._known(segment)]
        if not known:
            return False
        without = [segment for segment in known if not segment.errors and segment is not self._writing]
        segment = next(iter(without or [s for s in known if s is not self._writing] or known))
        self._drop(segment, reason, segment.spans)
        segment.damaged = 0
        self._retire(segment)
        return True

    def _expire(self) -> None:
        oldest = self._wall() - self._max_age
        for segment in list(self._segments):
            if segment.born < oldest and segment is not self._writing and self._known(segment):
                self._drop(segment, "spool_expired", segment.spans)
                self._retire(segment)

    def _look_around(self, now: float) -> None:
        self._prepare()
        held = {segment.stem for segment in (*self._segments, *self._spent)}
        try:
            self._lookout.look(self._segments, held)
        finally:
            self._segments.sort(key=lambda segment: segment.born)
        if not self._lookout.busy:
            self._scanned = now

    def _fail(self, exc: OSError) -> None:
        self.trouble = f"{type(exc).__name__}: {exc.strerror or exc}"
        self._failed_until = self._clock() + PROBE_PAUSE
        # The file or the whole folder may be gone: after the pause everything begins anew, in a new file.
        self._writing = None
        self._prepared = False
