"""The way to a sink that keeps its requests on disk: they are written first, and sent from there.

What is written and sent soon after never meets the medium: the kernel has not written it out by then. Small requests
become one as they are sent, since gzip members and protobuf messages may be strung together. So what is kept can be
small, and be kept soon, while the server sees few and large requests.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, cast

from tracing_proxies.delivery.batch import BATCH_SPANS, merge
from tracing_proxies.delivery.lane import Lane
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.native import RLock
from tracing_proxies.delivery.sinks.protocol import Parcel, Shipped, Shipper, Sink, Storage
from tracing_proxies.delivery.spool.disk import PosixDisk
from tracing_proxies.delivery.spool.reading import Items
from tracing_proxies.delivery.spool.record import MAX_PAYLOAD, Record
from tracing_proxies.delivery.spool.segment import OPEN, SEALED
from tracing_proxies.delivery.spool.spool import Spool

MOST_BYTES = 1_000_000
_TEND = 0.5
_IDLE = 30.0
_CLOSE_PATIENCE = 1.0


class SpoolLane(Lane):
    """Brings spans to one sink by way of a spool.

    Where the disk does not take them, they wait in memory as in any other lane.

    Args:
        sink: must be a ``Shipper`` with a storage.
        ledger: the accounts.
        max_bytes: memory for what the disk does not take.
        contain: takes what the sink raises, against its contract.
        spool: where requests are kept; None for the sink's own storage.
    """

    def __init__(
        self,
        sink: Sink,
        ledger: Ledger,
        *,
        max_bytes: int,
        contain: Callable[[str, BaseException], None],
        spool: Spool | None = None,
        **arguments: Any,
    ) -> None:
        self._shipper = cast(Shipper, sink)
        storage = self._shipper.storage
        assert storage is not None, "a lane with a spool is for a sink that has one"
        self._storage: Storage = storage
        self._batch = int(getattr(sink, "most_spans", BATCH_SPANS))
        self._ordered = bool(getattr(sink, "ordered", False))
        self._spool = spool or Spool(PosixDisk(storage.folder), max_size=storage.max_size, max_age=storage.max_age)
        super().__init__(sink, ledger, max_bytes=max_bytes, contain=contain, **arguments)

    def after_fork(self) -> None:
        super().after_fork()
        self._spool.after_fork()
        self._disk_lock = RLock()
        self._loose: deque[Parcel] = deque()  # what the disk did not take
        self._partial: tuple[Items | None, list[Parcel]] | None = None  # what is left of requests that were taken apart
        self._on_disk = 0
        self._unsynced = False
        self._sends_loose = False
        self._most_spans = self._batch
        self._since: float | None = None
        self._seen_drops: Counter[str] = Counter()
        self._adopted = {"delivered": 0, "dropped": 0}

    def step(self) -> float | None:
        """Write down what is new, and make one attempt to send, if one is due.

        Returns:
            Seconds until it wants to be called again.
        """
        with self._disk_lock:
            if self._abandoned:
                return None
            self._spool.tend()
            self._keep_all()
            if self._hurried or (self._spool.dirty and self.reason):
                self._sync()
            self._account_for_drops()
            chosen = self._choose()
            self._spool.hold(None if chosen is None else chosen[0])
        if chosen is None:
            self._hurried = False
            pause = self._pause_of_spool()
            return _TEND if pause == 0.0 and not self._backlog else pause
        items, parcel = chosen
        self._sends_loose = items is None
        self._begin_attempt()
        try:
            shipped = self._shipper.ship(parcel, whole=items is not None and len(items.records) > 1)
        except Exception as exc:
            shipped = self._after_failed_ship(parcel, exc)
        with self._disk_lock:
            self._sends_loose = False
            self._spool.hold(None)
            if not self._abandoned:
                self._settle_shipped(items, parcel, shipped)
        self._tell()
        with self._disk_lock:
            return self._pause_of_spool()

    def keep(self) -> None:
        """Write down what was offered. Called by the worker: this lane's own thread may wait for the server."""
        with self._disk_lock:
            if not self._abandoned:
                self._keep_all()
                if self._hurried:
                    self._sync()

    def hurry(self) -> None:
        with self._ledger.lock:
            super().hurry()
            self._hurried = True  # also where nothing is in memory: what is on disk is to be synced, and sent

    def follow(self, heir: Lane) -> None:
        # One folder is one server and one project: what is here may go there with the heir's keys.
        follow = getattr(self.sink, "follow", None)
        if follow is not None and isinstance(heir, SpoolLane) and heir._storage.folder == self._storage.folder:
            follow(heir.sink)
        super().follow(heir)

    def waits_for(self, target: int) -> bool:
        with self._ledger.lock:
            return self.owes(target) or self._on_disk > 0  # what is safe is waited for as well, while there is hope

    def owes(self, target: int) -> bool:
        with self._ledger.lock:
            return super().waits_for(target) or bool(self._loose) or (self._on_disk > 0 and self._unsynced)

    def is_saving(self) -> bool:
        with self._ledger.lock:
            if self._spool.trouble or self._loose:
                return False
            return bool(self._backlog) or self._in_flight is not None or (self._unsynced and self._on_disk > 0)

    def abandon(self, reason: str) -> None:
        if self._disk_lock.acquire(timeout=_CLOSE_PATIENCE):
            try:
                if not self._abandoned:
                    self._keep_all()
                    self._sync()
                    self._account_for_drops()
            finally:
                self._disk_lock.release()
        with self._ledger.lock:
            for parcel in self._loose:
                self._ledger.drop_at(self.name, reason, parcel.spans)
                self._spans -= parcel.spans
            self._loose.clear()
        super().abandon(reason)

    def close(self) -> None:
        """Leave the spool to the next process."""
        with self._disk_lock:
            self._spool.close()

    def has_leftovers(self) -> bool:
        """Tell whether the folder holds anything, so that a look at it is worth a thread."""
        try:
            with os.scandir(self._storage.folder) as entries:  # a hundred thousand names are not read for this
                return any(entry.name.endswith((OPEN, SEALED)) for entry in entries)
        except OSError:
            return False

    def status(self) -> dict[str, Any]:
        spool = self._spool
        with self._ledger.lock:
            return {
                **super().status(),
                "durability": "wal" if self._storage.durable else "spill",
                "spool": {
                    "folder": str(self._storage.folder),
                    "spans": self._on_disk,
                    "durable": 0 if self._unsynced else self._on_disk,
                    "bytes": spool.size,
                    "max_bytes": self._storage.max_size,
                    "adopted": spool.adopted,
                    "adopted_delivered": self._adopted["delivered"],
                    "adopted_dropped": self._adopted["dropped"] + spool.dropped_adopted.total(),
                    "damaged_bytes": spool.damaged,
                    "trouble": spool.trouble,
                },
            }

    def _spooled(self) -> int:
        return self._on_disk

    def _keep_all(self) -> None:
        """Write down what is in memory, the oldest first, as long as the disk takes it."""
        while self._loose and self._may_move() and self._keep(self._loose[0]):
            with self._ledger.lock:
                self._move_to_disk(self._pop_loose())
        while True:
            with self._ledger.lock:
                self._recover()
                if not self._backlog or self._abandoned:
                    return
                batch = merge(self._backlog.popleft(), self._backlog)
                self._in_flight = batch
            try:
                parcels, dropped = self._shipper.pack(batch.spans)
            except Exception as exc:
                self._contain(f"sink.{self.name}", exc)
                parcels, dropped = [], {"sink_error": len(batch.spans)}
            kept = [parcel for parcel in parcels if not self._loose and self._keep(parcel)]
            with self._ledger.lock:
                self._in_flight = None
                self._bytes -= batch.size
                for reason, spans in dropped.items():
                    self._ledger.drop_at(self.name, reason, spans)
                    self._spans -= spans
                for parcel in parcels:
                    if any(parcel is one for one in kept):
                        self._move_to_disk(parcel)
                    else:
                        self._loose.append(parcel)
                        self._bytes += len(parcel.payload)
                while self._bytes > self._max_bytes and len(self._loose) > 1:
                    lost = self._pop_loose(1)  # the first may be on its way
                    self._spans -= lost.spans
                    self._ledger.drop_at(self.name, "overflow", lost.spans)

    def _pop_loose(self, at: int = 0) -> Parcel:
        parcel = self._loose[at]
        del self._loose[at]
        self._bytes -= len(parcel.payload)
        return parcel

    def _may_move(self) -> bool:
        """Tell whether what is in memory is not on its way, and nothing of it has arrived."""
        return not self._sends_loose and (self._partial is None or self._partial[0] is not None)

    def _keep(self, parcel: Parcel) -> bool:
        if len(parcel.payload) > MAX_PAYLOAD:
            return False
        record = Record(parcel.payload, parcel.spans, secrets.randbits(64), parcel.errors)
        return self._spool.append(record, durable=self._storage.durable)

    def _move_to_disk(self, parcel: Parcel) -> None:
        self._spans -= parcel.spans
        self._on_disk += parcel.spans
        self._unsynced = self._unsynced or not self._storage.durable
        if self._since is None:
            self._since = self._clock()

    def _sync(self) -> None:
        if self._spool.sync():
            with self._ledger.lock:
                self._unsynced = False

    def _account_for_drops(self) -> None:
        new = self._spool.dropped - self._seen_drops
        if new:
            with self._ledger.lock:
                for reason, spans in new.items():
                    self._ledger.drop_at(self.name, reason, spans)
                    self._on_disk -= spans
            self._seen_drops = Counter(self._spool.dropped)

    def _choose(self) -> tuple[Items | None, Parcel] | None:
        """Pick what is sent next; None if nothing is, or not yet."""
        if self.retry_at > self._clock():
            return None
        if self._partial is not None:
            items, parcels = self._partial
            if items is None or self._spool.holds(items):
                return items, parcels[0]
            self._partial = None  # room was made of the rest of it
        if self._loose:
            return None, self._loose[0]
        if self._lingers() > 0:
            return None
        smallest = bool(self.reason) and not self._ordered
        items = self._spool.next(most_spans=self._most_spans, most_bytes=MOST_BYTES, smallest=smallest)
        if items is None:
            self._since = None
            return None
        records = items.records
        payload = records[0].payload if len(records) == 1 else b"".join(record.payload for record in records)
        return items, Parcel(payload, items.spans, any(record.errors for record in records))

    def _lingers(self) -> float:
        """Return for how many seconds what is there still waits for company."""
        if self._since is None or self.reason or self._hurried or self._on_disk >= BATCH_SPANS:
            return 0.0
        return max(0.0, self._since + self._linger - self._clock())

    def _settle_shipped(self, items: Items | None, parcel: Parcel, shipped: Shipped) -> None:
        left = sum(part.spans for part in shipped.rest)
        untouched = len(shipped.rest) == 1 and shipped.rest[0] is parcel
        rest = [*shipped.rest, *(self._partial[1][1:] if self._partial is not None else ())]
        is_here = items is None or self._spool.holds(items)  # else room was made of it, and it is counted as dropped
        if shipped.refused:
            with self._ledger.lock:
                self.attempts += 1
                self._most_spans = max(1, min(self._most_spans, parcel.spans) // 2)
            return
        if items is not None and not untouched:
            # Before it is counted: a process that ends as soon as it hears of it must not leave it to be sent again.
            if rest:
                self._spool.settle_part(items, parcel.spans - left)
            else:
                self._spool.settle(items)
        with self._ledger.lock:
            self.attempts += 1
            if is_here:
                self._count(items, parcel, shipped, left)
            self._note(shipped, failed=bool(shipped.rest) or shipped.retry_after is not None)
            if items is None and not rest:
                self._pop_loose()
        if untouched:
            return
        self._partial = (items, rest) if rest else None
        if not rest:
            self._most_spans = min(self._batch, self._most_spans * 2)
        if not self._spool.spans and not self._loose:
            self._since = None

    def _count(self, items: Items | None, parcel: Parcel, shipped: Shipped, left: int) -> None:
        gone = sum(shipped.dropped.values())
        missing = parcel.spans - shipped.delivered - gone - left
        dropped = {**shipped.dropped, "unaccounted": missing} if missing > 0 else dict(shipped.dropped)
        if items is not None and not items.own:
            self._adopted["delivered"] += shipped.delivered
            self._adopted["dropped"] += sum(dropped.values())
            return
        self._ledger.deliver(self.name, shipped.delivered)
        for reason, spans in dropped.items():
            self._ledger.drop_at(self.name, reason, spans)
        if items is not None:
            self._on_disk -= parcel.spans - left
        else:
            self._spans -= parcel.spans - left

    def _after_failed_ship(self, parcel: Parcel, exc: Exception) -> Shipped:
        if self._gives_up(exc):
            return Shipped(dropped={"sink_error": parcel.spans})
        return Shipped(rest=(parcel,), reason=f"the sink raised {type(exc).__name__}")

    def _pause_of_spool(self) -> float | None:
        with self._ledger.lock:
            now = self._clock()
            if self._abandoned:
                return None
            if self._backlog:
                return 0.0
            if self._spool.empty and not self._loose and self._partial is None:
                return _IDLE
            if self.retry_at > now:
                return min(self.retry_at - now, _TEND)
            return min(self._lingers(), _TEND)
