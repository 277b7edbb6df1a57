"""A file system in memory that crashes: what was not brought to the medium is torn, lost or kept, by chance."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator

import attrs


@attrs.define(eq=False)
class File:
    """What a process reads (``data``), and how much of it the medium holds for sure (``safe``)."""

    data: bytearray = attrs.field(factory=bytearray)
    safe: int = 0


class Medium:
    """What outlives a process: files by name, as everybody sees them and as they are on the medium."""

    def __init__(self) -> None:
        self.names: dict[str, File] = {}
        self.safe_names: dict[str, File] = {}
        self.bad: dict[str, File] = {}

    def lose_power(self, chance: random.Random) -> None:
        """Keep of what is not safe a part by chance: names old or new, tails torn, missing or full of noise."""
        before, after = ({id(f): (n, f) for n, f in names.items()} for names in (self.safe_names, self.names))
        kept = {}
        for key in sorted(before.keys() | after.keys(), key=lambda k: (before.get(k) or after[k])[0]):
            # By file, not by name: a rename happens as a whole or not at all.
            found = chance.choice((before, after)).get(key)
            if found is not None:
                kept[found[0]] = found[1]
        self.names = kept
        self.safe_names = dict(self.names)
        for file in self.names.values():
            tail = file.data[file.safe :]
            length = chance.randint(0, len(tail))
            fate = chance.random()
            if fate < 0.3:  # blocks that were allotted and never written
                tail[:length] = bytes(length)
            elif fate < 0.6 and length:
                tail[chance.randrange(length)] ^= 1 << chance.randrange(8)
            file.data[file.safe :] = tail[:length]
            file.safe = len(file.data)

    def rot(self, chance: random.Random) -> None:
        """Flip one bit of one file."""
        files = [file for file in self.names.values() if file.data]
        if files:
            file = chance.choice(files)
            file.data[chance.randrange(len(file.data))] ^= 1 << chance.randrange(8)


class SimulatedDisk:
    """One process's view of a medium.

    Args:
        faults: asked before each operation by its name; True makes it fail.
    """

    def __init__(
        self, medium: Medium, locks: dict[int, SimulatedDisk], faults: random.Random | None, rate: float
    ) -> None:
        self.medium = medium
        self.locks = locks  # by the identity of the file
        self.faults = faults
        self.rate = rate
        self.open: dict[int, File] = {}
        self.next = 3

    def die(self) -> None:
        """End the process: its locks are free."""
        for file in self.open.values():
            if self.locks.get(id(file)) is self:
                del self.locks[id(file)]
        self.open.clear()

    def _may_fail(self) -> bool:
        return self.faults is not None and self.faults.random() < self.rate

    def _step(self) -> None:
        if self._may_fail():
            assert self.faults is not None
            raise OSError(self.faults.choice((errno.EIO, errno.ENOSPC, errno.EROFS)), "injected")

    def prepare(self) -> None:
        self._step()

    def files(self) -> Iterator[tuple[str, int]]:
        for name, file in list(self.medium.names.items()):
            yield name, len(file.data)

    def holds(self, name: str) -> bool:
        return name in self.medium.names

    def _descriptor(self, file: File) -> int:
        self.next += 1
        self.open[self.next] = file
        self.locks[id(file)] = self
        return self.next

    def create(self, name: str) -> int:
        self._step()
        assert name not in self.medium.names
        file = self.medium.names[name] = File()
        return self._descriptor(file)

    def take(self, name: str) -> int | None:
        file = self.medium.names.get(name)
        if file is None or id(file) in self.locks:
            return None
        return self._descriptor(file)

    def append(self, descriptor: int, data: bytes) -> int:
        if self._may_fail():
            assert self.faults is not None
            if self.faults.random() < 0.5:
                raise OSError(errno.ENOSPC, "injected")
            data = data[: self.faults.randint(0, len(data))]
        self.open[descriptor].data += data
        return len(data)

    def size(self, descriptor: int) -> int:
        self._step()
        return len(self.open[descriptor].data)

    def read(self, descriptor: int, start: int, length: int) -> bytes:
        self._step()
        return bytes(self.open[descriptor].data[start : start + length])

    def truncate(self, descriptor: int, size: int) -> None:
        self._step()
        file = self.open[descriptor]
        del file.data[size:]
        file.safe = min(file.safe, size)

    def sync(self, descriptor: int) -> None:
        self._step()
        file = self.open[descriptor]
        file.safe = len(file.data)

    def sync_folder(self) -> None:
        self._step()
        self.medium.safe_names = dict(self.medium.names)

    def rename(self, old: str, new: str) -> None:
        self._step()
        if old not in self.medium.names:
            raise FileNotFoundError(errno.ENOENT, "gone", old)
        self.medium.names[new] = self.medium.names.pop(old)

    def remove(self, name: str) -> None:
        self._step()
        self.medium.names.pop(name, None)

    def quarantine(self, name: str, most: int) -> None:
        self._step()
        if name not in self.medium.names:
            raise FileNotFoundError(errno.ENOENT, "gone", name)
        self.medium.bad[name] = self.medium.names.pop(name)
        assert len(self.medium.bad) <= 1_000

    def forget_kept(self, before: int) -> None:
        self._step()

    def write_small(self, name: str, data: bytes) -> None:
        self._step()
        self.medium.names[name] = File(bytearray(data), len(data))

    def read_small(self, name: str, most: int) -> bytes:
        self._step()
        file = self.medium.names.get(name)
        return b"" if file is None else bytes(file.data[:most])

    def close(self, descriptor: int) -> None:
        file = self.open.pop(descriptor)
        if file not in self.open.values() and self.locks.get(id(file)) is self:
            del self.locks[id(file)]

    def free(self) -> tuple[int, int]:
        return 10**12, 10**12
