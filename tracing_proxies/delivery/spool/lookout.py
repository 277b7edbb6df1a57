"""Looks through a spool's folder for files whose owner is dead, a few hundred at a time, and takes them over."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from tracing_proxies.delivery.spool.disk import Disk
from tracing_proxies.delivery.spool.segment import DONE, FRESH, MAX_SEGMENT, OPEN, SEALED, Segment, stem_of

LOOKED_AT = 200
MOST_HELD = 64


class Lookout:
    """One process's looks at the folder.

    Args:
        disk: the folder.

    Attributes:
        others: bytes in files of living processes, as of the last complete look.
        busy: whether a look is under way.
        left_some: whether the last look met more files than may be held at once.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._files: Iterator[tuple[str, int]] | None = None
        self.begin()

    def begin(self) -> None:
        """Forget all that was seen."""
        if isinstance(self._files, Generator):
            try:
                self._files.close()
            except ValueError:  # in a forked child: it runs on in the parent's thread
                pass
        self._files = None
        self._counting = 0
        self.others = 0
        self.left_some = False

    @property
    def busy(self) -> bool:
        return self._files is not None

    def look(self, segments: list[Segment], held: set[str]) -> None:
        """Look at the next few hundred files.

        Args:
            segments: takes the files that are taken over, locked and unread.
            held: the stems of the files that this process holds; those that are taken over are added.

        Raises:
            OSError: the folder cannot be read, or changed; what was taken over before that stays so.
        """
        if self._files is None:
            self._files, self._counting, self.left_some = self._disk.files(), 0, False
        for _ in range(LOOKED_AT):
            name, size = next(self._files, ("", 0))
            if not name:
                self._files, self.others = None, self._counting
                break
            segment = self._consider(name, size, held)
            if segment is not None:
                segments.append(segment)
                held.add(segment.stem)

    def _consider(self, name: str, size: int, held: set[str]) -> Segment | None:
        named = stem_of(name)
        if named is None:
            if name.endswith((DONE, FRESH)):
                self._clear_up(name)
            return None
        stem, sealed = named
        if stem in held or size > MAX_SEGMENT:  # so large is none of ours
            return None
        if len(held) >= MOST_HELD:
            self.left_some = True
            self._counting += size
            return None
        descriptor = self._disk.take(name)
        if descriptor is None:
            self._counting += size
            return None
        try:
            return Segment(stem, descriptor, own=False, sealed=sealed, size=self._disk.size(descriptor))
        except OSError:
            self._disk.close(descriptor)
            raise

    def _clear_up(self, name: str) -> None:
        """Remove what tells how far a file was delivered that is gone itself."""
        stem = name.removesuffix(FRESH).removesuffix(DONE)
        if stem_of(stem + OPEN) is not None and not any(self._disk.holds(stem + state) for state in (OPEN, SEALED)):
            self._disk.remove(name)
