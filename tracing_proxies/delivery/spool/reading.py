"""Reads back what the spool's files hold: what a file of a dead process has left, and the requests to send next."""

from __future__ import annotations

import attrs

from tracing_proxies.delivery.spool.files import PROBE_PAUSE, Files
from tracing_proxies.delivery.spool.record import Record
from tracing_proxies.delivery.spool.segment import Entry, Segment, read_entries, read_record


@attrs.frozen(eq=False, repr=False)
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


class Reader:
    """Reads files as they are needed, and leaves one alone for a while that the disk does not give.

    Args:
        files: what this process holds.

    Attributes:
        adopted: spans that were found in files of others.
        damaged: bytes that held no record.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.adopted = 0
        self.damaged = 0

    def after_fork(self) -> None:
        """Count anew in a forked child."""
        self.adopted = self.damaged = 0

    def knows(self, segment: Segment) -> bool:
        """Tell whether it is known what is in a file, after reading it if it is not yet."""
        if segment.entries is not None:
            return True
        if self._files.clock() < segment.retry_at:
            return False
        try:
            segment.entries = read_entries(self._files.disk, segment)
        except OSError as exc:
            self._fail(segment, exc)
            return False
        self.damaged += segment.damaged
        self.adopted += segment.spans
        return True

    def read(self, segment: Segment, most_spans: int, most_bytes: int) -> Items | None:
        """Read the first requests of a file; None if the first one cannot be read, or is damaged and thus given up."""
        assert segment.entries, "only files with something in them are read"
        entries: list[Entry] = []
        records: list[Record] = []
        for entry in segment.entries:
            most_spans -= entry.spans
            most_bytes -= entry.length
            if entries and (most_spans < 0 or most_bytes < 0):
                break
            try:
                record = read_record(self._files.disk, segment, entry)
            except OSError as exc:
                self._fail(segment, exc)
                break
            if record is None:
                break
            entries.append(entry)
            records.append(record)
        if records:
            return Items(segment, tuple(entries), tuple(records))
        if self._files.clock() >= segment.retry_at:
            self._give_up(segment, segment.entries.popleft())
        return None

    def _give_up(self, segment: Segment, entry: Entry) -> None:
        segment.damaged += entry.length
        self.damaged += entry.length
        self._files.give_up(segment, "spool_damaged", entry.spans - segment.gone)
        segment.gone = 0
        self._files.advance(segment, entry)

    def _fail(self, segment: Segment, exc: OSError) -> None:
        segment.retry_at = self._files.clock() + PROBE_PAUSE
        self._files.fail(exc)
