"""One file of the spool: its name, what is in it, and how far it has been delivered."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

import attrs

from tracing_proxies.delivery.spool.disk import Disk
from tracing_proxies.delivery.spool.record import Record, decode, scan, size_of

OPEN, SEALED, DONE, FRESH = ".open", ".seg", ".done", ".new"
MAX_SEGMENT = 64 * 2**20
_NAME: Final = re.compile(r"(?P<stem>(?P<ns>[0-9]{1,20})-[0-9]{1,10}-[0-9a-f]{8}-[0-9]{1,10})(?P<state>\.open|\.seg)")
_DIGITS: Final = re.compile(rb"[0-9]{1,12}")


@attrs.frozen(eq=False, repr=False)
class Entry:
    """Where a record lies in its file, and what is in it."""

    start: int
    length: int
    spans: int
    errors: bool


@attrs.define(eq=False, repr=False)
class Segment:
    """A file that this process holds the lock of.

    Args:
        stem: its name without what tells its state; begins with the time of its creation, in nanoseconds.
        descriptor: open as long as the lock is to be held.
        own: whether this process made it.
        sealed: whether nothing is written to it any more.
        size: bytes that are good.
        entries: what is not delivered yet, in order; None where the file has not been read yet.
        gone: spans of the first entries that have met their end, where the others of those are still to be sent.
        damaged: bytes that hold no record.
        dirty: whether something in it may not be on the medium yet.
        removed: whether it has been found that somebody has taken its name away.
        retry_at: when it may be read again after the disk refused to, in seconds of the monotonic clock.
    """

    stem: str
    descriptor: int
    own: bool
    sealed: bool = False
    size: int = 0
    entries: deque[Entry] | None = None
    gone: int = 0
    damaged: int = 0
    dirty: bool = False
    removed: bool = False
    retry_at: float = float("-inf")

    @property
    def name(self) -> str:
        """The file's name."""
        return self.stem + (SEALED if self.sealed else OPEN)

    @property
    def born(self) -> int:
        """When it was made, in nanoseconds since the epoch."""
        return int(self.stem.partition("-")[0])

    @property
    def spans(self) -> int:
        """How many spans in it are not delivered yet, as far as is known."""
        return sum(entry.spans for entry in self.entries or ()) - self.gone

    @property
    def errors(self) -> bool:
        """Whether there is an error among them."""
        return any(entry.errors for entry in self.entries or ())


def stem_of(name: str) -> tuple[str, bool] | None:
    """Return a segment's stem and whether it is sealed, None for the name of anything else."""
    found = _NAME.fullmatch(name)
    return None if found is None else (found["stem"], found["state"] == SEALED)


def read_entries(disk: Disk, segment: Segment) -> deque[Entry]:
    """Read what a segment of another process holds and has not delivered.

    Raises:
        OSError: the file cannot be read.
    """
    data = disk.read(segment.descriptor, 0, min(segment.size, MAX_SEGMENT))
    told = disk.read_small(segment.stem + DONE, 32).strip()
    done = int(told) if _DIGITS.fullmatch(told) else 0
    entries: deque[Entry] = deque()
    for found in scan(data, min(done, len(data))):
        if found.record is None:
            segment.damaged += found.end - found.start
        else:
            entries.append(Entry(found.start, found.end - found.start, found.record.spans, found.record.errors))
    return entries


def read_record(disk: Disk, segment: Segment, entry: Entry) -> Record | None:
    """Read one record; None if the medium has not kept it.

    Raises:
        OSError: the file cannot be read.
    """
    return decode(disk.read(segment.descriptor, entry.start, entry.length))


def entry_of(record: Record, start: int) -> Entry:
    """Return the entry of a record that is written at an offset."""
    return Entry(start, size_of(record.payload), record.spans, record.errors)
