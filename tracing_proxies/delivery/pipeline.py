"""Takes ended spans from the application's threads and gives them, finished, to every sink's lane."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Sequence
from typing import Any

from tracing_proxies import debugging, failures
from tracing_proxies.delivery import process
from tracing_proxies.delivery.batch import BATCH_SPANS
from tracing_proxies.delivery.flush import Flush
from tracing_proxies.delivery.lane import Lane
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.delivery.native import replaced_by
from tracing_proxies.delivery.queue import Queue
from tracing_proxies.delivery.sends import Sends
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.delivery.slices import Slices
from tracing_proxies.delivery.stretch import finish
from tracing_proxies.delivery.weight import weigh
from tracing_proxies.recording.observation import Observation

MAX_PENDING_BYTES = 64 * 2**20
MAX_PENDING_SPANS = 100_000
_POLL = 0.1
_POLL_FOR = 1.0
_CROWDED_POLL = 0.005
_URGENT = 0.1
"""The share of the queue from which on the worker stands back for nobody."""
_LAST_PATIENCE = 0.5  # for a request that is under way when all that could be flushed is


class Pipeline:
    """Owns the queue, the worker that finishes spans, and one lane with its own thread per sink.

    Threads are daemons, started by the first span of each process. A forked child starts with nothing: what the parent
    had queued is delivered by the parent.

    Args:
        sinks: the destinations; each keeps its own pace.
        prepare: finishes a span on the worker's thread: masking, naming; None means that sampling leaves it out.
        ledger: the accounts.
        max_pending_bytes: memory for finished spans that wait for their sinks, shared evenly among the sinks.
        max_pending_spans: unfinished spans in the queue; a hundredth above it the oldest are dropped down to it,
            counted as ``overflow``.
        suppress: switches tracing off for the thread that calls it; called once in each of the pipeline's threads.
        clock: seconds, monotonic: what the waits between attempts go by.
        get_ready: does what finishing spans needs once, on the worker's thread.

    Attributes:
        put: queues an ended span; called on the application's threads.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        prepare: Callable[[Any], Observation | None],
        *,
        ledger: Ledger,
        max_pending_bytes: int = MAX_PENDING_BYTES,
        max_pending_spans: int = MAX_PENDING_SPANS,
        suppress: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        get_ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._prepare = prepare
        self.ledger = ledger
        self._queue = Queue(ledger, max_pending_spans, self._wake_worker)
        self.put = self._queue.put
        self._suppress = suppress
        self.closing_turn = 0
        share = max_pending_bytes // max(1, len(sinks))
        self._lanes = [
            _kind_of_lane(sink)(sink, ledger, max_bytes=share, contain=self._contain, clock=clock) for sink in sinks
        ]
        self._lane_loops = [
            Loop(f"tracing-{lane.name}", lane.step, suppress=suppress, delivers=True) for lane in self._lanes
        ]
        self._loop = Loop(
            "tracing-worker",
            self._work,
            suppress=suppress,
            ended=self._queue.fall_asleep,
            get_ready=get_ready,
            awaited=False,
            delivers=True,
        )
        self._reset()
        process.move_in(self)

    def _reset(self) -> None:
        self._last_busy = 0.0
        self._hurried = False
        self._strict_failure: BaseException | None = None

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was put before is delivered to every sink.

        Args:
            timeout: seconds; never exceeded by more than a few milliseconds while threads can be started.

        Returns:
            Whether it is all delivered, or safe on disk where a sink has a spool and does not answer. False comes early
            when it is known that a sink cannot be reached, or has asked to be left alone for longer than ``timeout``.

        Raises:
            BaseException: in strict mode (``TRACING_PROXIES_STRICT=1``), what failed inside the pipeline since the last
                flush.
        """
        delivered = self._flush(timeout)
        failure, self._strict_failure = self._strict_failure, None
        if failure is not None:
            raise failure
        return delivered

    def close(self, timeout: float) -> bool:
        """Flush, stop the threads and close the sinks; what is left is counted as dropped, ``closed``.

        Args:
            timeout: seconds for all of it.

        Returns:
            Whether everything was delivered.
        """
        if self._queue.closed:
            return True
        deadline = time.monotonic() + timeout
        delivered = self._flush(timeout)
        self._queue.close()
        stopped = self._loop.stop(max(0.05, deadline - time.monotonic()))
        for loop in self._lane_loops:
            loop.stop(0.0)
        if stopped:
            self._queue.discard()
        for lane, loop in zip(self._lanes, self._lane_loops, strict=True):
            ended = loop.stop(max(0.05, min(_LAST_PATIENCE, deadline - time.monotonic())))
            lane.abandon("closed")
            if ended:  # else its thread is within the sink at this moment
                lane.close()
                self._close_sink(lane)
        process.move_out(self)
        return delivered

    def adopt(self) -> None:
        """Begin to deliver what dead processes have left on disk, if there is anything."""
        contextvars.copy_context().run(self._adopt)

    def _adopt(self) -> None:
        if self._suppress is not None:
            self._suppress()
        for lane, loop in zip(self._lanes, self._lane_loops, strict=True):
            if lane.has_leftovers() and loop.start():
                loop.wake()

    def prepare_with(self, prepare: Callable[[Any], Observation | None]) -> None:
        """Finish the spans in another way from now on, those that wait as well."""
        self._prepare = prepare

    def bequeath(self, heir: Pipeline) -> None:
        """Let what is put after the close go to another pipeline, by threads that still hold this one.

        What is here still is tried again at once, with the keys that the heir has for the same destination.
        """
        self._queue.bequeath(heir._queue)
        heirs = {lane.name: lane for lane in heir._lanes}
        for lane, loop in zip(self._lanes, self._lane_loops, strict=True):
            if lane.name in heirs:
                lane.follow(heirs[lane.name])
                loop.wake()

    def retry(self) -> None:
        """Try what waits again at once, since the keys have changed."""
        for lane, loop in zip(self._lanes, self._lane_loops, strict=True):
            lane.retry()
            loop.wake()

    def work(self) -> tuple[float, int, int]:
        """Return the threads' seconds of CPU so far, the spans that they have finished, and the rest."""
        loops = (self._loop, *self._lane_loops)
        return sum([loop.cpu for loop in loops]), *self.ledger.work()

    def sends(self) -> dict[str, Sends]:
        """Return how the attempts to send went, by destination."""
        return {lane.name: lane.sends for lane in self._lanes}

    def status(self) -> dict[str, Any]:
        """Return queue sizes, accounts and the state of every sink in plain values."""
        snapshot = self.ledger.snapshot()
        sinks = {}
        for lane in self._lanes:
            balance = snapshot.sinks[lane.name]
            sinks[lane.name] = {
                **lane.status(),
                "delivered": balance.delivered,
                "dropped": dict(balance.dropped),
                "queued": balance.queued,
                "spooled": balance.spooled,
            }
        return {
            "queue": len(self._queue),
            "worker_alive": self._loop.alive,
            "threads": replaced_by() or "native",
            "closed": self._queue.closed,
            "produced": snapshot.produced,
            "delivered": snapshot.delivered,
            "sampled_out": snapshot.sampled_out,
            "dropped": dict(snapshot.dropped),
            "queued": snapshot.queued,
            "spooled": snapshot.spooled,
            "sinks": sinks,
        }

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self.ledger.after_fork()
        for lane in self._lanes:
            lane.after_fork()
        for loop in (self._loop, *self._lane_loops):
            loop.after_fork()
        self._queue.after_fork()
        self._reset()

    def _flush(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        flush = Flush(self.ledger, self._lanes, deadline)
        if flush.done():
            return True
        # Tried one by one: where the lanes' threads cannot start, the worker's is no help.
        threads = [loop.start() for loop in (self._loop, *self._lane_loops)]
        if not all(threads):
            return contextvars.copy_context().run(self._drain_here, flush, deadline)
        self._loop.wake()
        return flush.wait(self._wake_lanes)

    def _wake_lanes(self) -> None:
        self._hurried = True
        for lane, loop in zip(self._lanes, self._lane_loops, strict=True):
            lane.hurry()
            if loop.start():
                loop.wake()
        self._wake_worker()

    def _drain_here(self, flush: Flush, deadline: float) -> bool:
        # No thread can be started: the interpreter shuts down, or the process may have no more. The calling thread does
        # the work, in a context of its own, so that the application's stays traced.
        if self._suppress is not None:
            self._suppress()
        idle = [lane for lane, loop in zip(self._lanes, self._lane_loops, strict=True) if not loop.alive]
        for lane in idle:
            _limit(lane.sink, deadline)
        try:
            while True:
                if not self._loop.alive:
                    self._take_all()
                for lane in self._lanes:
                    lane.hurry()
                pauses = [lane.step() for lane in idle]
                if flush.done():
                    return flush.succeeded()
                if flush.hopeless() or time.monotonic() >= deadline:
                    return False
                waits = [pause for pause in pauses if pause is not None]
                time.sleep(min([*waits, 0.01]))
        finally:
            self._loop.aside.give_back()
            for lane in idle:
                _limit(lane.sink, None)

    def _wake_worker(self) -> bool:
        started = self._loop.start()
        if started:
            self._loop.wake()
        return started

    def _work(self) -> float | None:
        busy = self._take_all()
        if self._hurried:  # somebody flushes: a lane's own thread may be waiting for a server that is silent
            self._hurried = False
            for lane in self._lanes:
                self._keep(lane)
        now = time.monotonic()
        if busy:
            self._last_busy = now
        if self._queue and busy:
            return _CROWDED_POLL
        if now - self._last_busy < _POLL_FOR:
            return _POLL
        return None if self._queue.rest() else 0.0

    def _take_all(self) -> bool:
        busy = False
        while self._queue:
            busy = True
            if any(lane.crowded() for lane in self._lanes):
                break
            self._take(BATCH_SPANS)
        return busy

    def _take(self, most: int) -> None:
        with self.ledger.lock:
            spans = self._queue.take(most)
        spans.reverse()
        finished: list[Observation] = []
        size = weighed = 0
        slices = Slices(hurried=self._is_urgent, aside=self._loop.aside)
        try:
            while spans:
                slices.between()
                size += finish(spans, finished, self._prepare, self._lose, slices.left())
                weighed = len(finished)
        finally:
            # Only an asynchronous exception gets here with spans left: nothing of it may be lost.
            size += sum(map(weigh, finished[weighed:]))
            with self.ledger.lock:
                if spans:
                    self._queue.put_back(spans)
                if finished:
                    self.ledger.hand_over(len(finished))
                    for lane in self._lanes:
                        lane.offer(finished, size)
        if finished:
            if "recording" in debugging.rooms:
                _tell_spans(finished)
            for lane in self._lanes:
                self._keep(lane)
            for loop in self._lane_loops:
                if loop.start():
                    loop.wake()

    def _is_urgent(self) -> bool:
        return self._hurried or self._queue.closed or len(self._queue) > self._queue.most * _URGENT

    def _keep(self, lane: Lane) -> None:
        try:
            lane.keep()
        except Exception as exc:
            self._contain(f"sink.{lane.name}.keep", exc)

    def _lose(self, exc: BaseException | None) -> None:
        """Count a span of which nothing comes: one that sampling leaves out, where nothing was raised."""
        if exc is None:
            self.ledger.sample_out(1)
            return
        self.ledger.drop("prepare", 1)
        if not isinstance(exc, Exception):
            raise exc
        self._contain("prepare", exc)

    def _close_sink(self, lane: Lane) -> None:
        try:
            lane.sink.close()
        except Exception as exc:
            self._contain(f"sink.{lane.name}.close", exc)

    def _contain(self, reason: str, exc: BaseException) -> None:
        # In strict mode `contain` raises. On a thread of ours nobody would see that: the next flush raises it instead.
        try:
            failures.contain(reason, exc)
        except BaseException as raised:
            self._strict_failure = raised


def _tell_spans(finished: Sequence[Observation]) -> None:
    for one in finished:
        taken = (one.end_time - one.start_time) / 1e6
        fields = {"trace_id": one.trace_id, "span_id": one.id, "parent_id": one.parent_observation_id}
        debugging.tell("recording", "span", **fields, type=one.type, name=one.name, level=one.level, ms=taken)


def _limit(sink: Sink, deadline: float | None) -> None:
    limit = getattr(sink, "limit", None)
    if callable(limit):
        limit(deadline)


def _kind_of_lane(sink: Sink) -> type[Lane]:
    if getattr(sink, "storage", None) is None:
        return Lane
    # What writes to the disk takes 4 ms to import, which who keeps nothing there need not pay.
    from tracing_proxies.delivery.spool_lane import SpoolLane

    return SpoolLane
