"""What one process counts, from activation to deactivation: gathered every few seconds, and published for others."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracing_proxies.delivery import process
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.delivery.native import RLock
from tracing_proxies.failures import contain
from tracing_proxies.monitoring import current
from tracing_proxies.monitoring.calls import DURATION, CallCounts
from tracing_proxies.monitoring.collector import WINDOWS, MetricsCollector
from tracing_proxies.monitoring.contents import SpanContents
from tracing_proxies.monitoring.itself import Budget, Deliveries, SelfCounts
from tracing_proxies.monitoring.minutes import Minutes, Store
from tracing_proxies.monitoring.numbers import Labels, Numbers
from tracing_proxies.monitoring.server import Server
from tracing_proxies.monitoring.workers import Member, folder_of_group, merge_living, sweep
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.model import Registry

if TYPE_CHECKING:
    from tracing_proxies.monitoring.otlp import Exporter

_AT_MOST: Final = 0.005
"""The share of its time that a look may take: where there are very many targets there are fewer looks."""
_OF_BUDGET: Final = 0.1
"""The same, as a share of the budget."""
_PATIENCE: Final = 0.2
_LEAST_PATIENCE: Final = 0.1


class Monitor:
    """Counts what one runtime traces, and what becomes of it.

    Args:
        registry: what is traced.
        contents: reads spans as they are finished.
        recorder, deliveries, budget: the parts that are looked at.
        recipes: tells all recipes that are in use.
        describe: tells what holds of the registry: targets, unmatched, reloads, stale, on.
        exporter: sends metrics to a collector, where the registry asks for that.
        stores: tells the local stores, which keep what was counted.

    Attributes:
        collector: reads the numbers of this process.
        server: answers at the loopback address where the registry asks for that.
    """

    def __init__(
        self,
        registry: Registry,
        contents: SpanContents,
        recorder: Recorder,
        deliveries: Deliveries,
        budget: Budget,
        recipes: Callable[[], Iterable[Recipe]],
        describe: Callable[[], Mapping[str, Any]],
        exporter: Exporter | None,
        stores: Callable[[], Iterable[Store]] = tuple,
    ) -> None:
        self.contents = contents
        self._deliveries = deliveries
        self._budget = budget
        self._registry = registry
        self._calls = CallCounts(recorder, recipes)
        self._itself = SelfCounts(recorder, deliveries, budget, describe)
        self._exporter = exporter
        self._minutes = Minutes(stores, contents.names)
        self._loops: list[Loop] = []
        self._begun = False
        self._closed = False
        self.closing_turn = 2  # after all pipelines, of which it counts what they finish as the process ends
        self._begin_anew()
        self.collector = MetricsCollector(self._gather)
        self.server = Server({"/metrics": self._answer}, suppress)
        self._interval = registry.monitoring.interval / 1e9
        self.server.listen_at(registry.monitoring.port)
        current.attach(self)
        process.move_in(self)

    def _begin_anew(self) -> None:
        self._kept = Numbers()
        self._member: Member | None = None
        self._joining = RLock()
        self._published = Numbers()
        self._began = time.time()
        self._first = True
        self._sends = False

    def follow(self, registry: Registry, exporter: Exporter | None) -> None:
        """Keep to another registry: its names, its port, its collector."""
        before, self._registry = self._registry, registry
        self._calls.forget_names()
        self.server.listen_at(registry.monitoring.port)
        if (registry.monitoring, registry.export.otlp) == (before.monitoring, before.export.otlp):
            return
        self._interval, self._exporter = registry.monitoring.interval / 1e9, exporter
        if self._begun:
            self._end_loops()
            self.begin()

    def begin(self) -> None:
        """Start the threads that look, and that send, unless they run."""
        if self._loops or self._closed:
            return
        self._begun = self._first = True
        if self._interval:
            self._loops.append(Loop("tracing-metrics", self._step, suppress=suppress))
        if self._exporter is not None:
            self._loops.append(Loop("tracing-metrics-otlp", self._send, suppress=suppress))
        for loop in self._loops:
            loop.start()

    def pause(self) -> None:
        """Have no thread of ours beside a fork, and be there before the child is: it may end before our next look."""
        self.join()
        self.server.rest()
        self._end_loops()

    def resume(self) -> None:
        """Go on after a fork, in the parent."""
        if self._begun:
            self.begin()
        self.server.go_on()

    def begin_in_child(self) -> None:
        """Begin anew in a forked child: the parent's calls are the parent's to count."""
        self._loops = []
        self.server.forget()
        if self._member is not None:
            self._member.forget()
        self._begin_anew()
        self._calls.after_fork()
        self._itself.after_fork()
        self.contents.after_fork()
        self._minutes.after_fork()
        self.collector.begin_anew()
        if self._begun:
            self.begin()

    def after_fork(self) -> None:
        """Do nothing more: ``begin_in_child`` comes in its turn, after the parts that are looked at."""

    def flush(self, timeout: float) -> bool:
        """Publish what was counted up to now, as a child that ``multiprocessing`` has forked ends."""
        self._publish_at_last()
        return True

    def look(self) -> None:
        """Take note of what was counted while it is still known what the targets are called."""
        try:
            self.collector.look()
        except Exception as exc:
            contain("monitoring", exc)

    def close(self, timeout: float = _PATIENCE) -> bool:
        """Publish what was counted, for the processes that go on, and let nothing listen any more."""
        if not self._closed:
            self._closed, ends = True, time.monotonic() + timeout
            process.move_out(self)
            self.server.close()
            self._end_loops()
            self._deliveries.flush(timeout)
            self._publish_at_last()
            if self._exporter is not None and self._begun:
                left = max(_LEAST_PATIENCE, ends - time.monotonic())
                self._exporter.send(self.collector.look(), self._began, left)
                self._exporter.close()
            current.detach(self)
            self._leave()
        return True

    def answer(self) -> dict[str, Any]:
        """Say what this process has counted up to now, in plain values; for the control socket."""
        numbers = self.collector.look()
        member = self.join()
        return {
            "member": member.stem if member is not None else None,
            "group": str(member.folder) if member is not None else None,
            "numbers": numbers.to_plain(),
        }

    def answer_windows(self) -> dict[str, Any]:
        """Say the same, and what was counted within the last minute, five minutes and hour."""
        told = self.answer()
        stretches = {name: self.collector.stretch(window) for name, window in WINDOWS.items() if math.isfinite(window)}
        return {
            **told,
            "windows": {
                name: {"seconds": stretch.seconds, "numbers": stretch.numbers().to_plain()}
                for name, stretch in stretches.items()
            },
        }

    def read_all(self) -> Numbers:
        """Return what all processes of the application have counted together, those that have ended included."""
        return copy_context().run(self._read_all)

    def _read_all(self) -> Numbers:
        suppress()  # the application itself may ask, and trace what this uses
        numbers = self.collector.look()
        member = self.join()
        return numbers if member is None else merge_living(member.folder, member.stem, numbers)

    def _answer(self, accept: str) -> tuple[str, bytes]:
        from tracing_proxies.monitoring.prometheus import write_for

        return write_for(accept, self.read_all())

    def _gather(self) -> Numbers:
        kept = self._kept
        kept.gauges = {}
        self._calls.add_to(kept)
        self._itself.add_to(kept)
        found = kept.copy()
        found.gauges["tracing_proxies_processes", ()] = 1
        found.gauges["tracing_proxies_start_time_seconds", ()] = self._began
        self.contents.add_to(found, self._labels_of)
        return found

    def _labels_of(self, target: str) -> Labels | None:
        labels = self._calls.labels_of(target)
        return labels if (DURATION, labels) in self._kept.distributions else None

    def _step(self) -> float | None:
        if self._first:  # there is nothing to see yet
            self._first = False
            return self._interval
        begun = time.thread_time()
        try:
            numbers = self.collector.look()
            self._publish(numbers)
            self._minutes.note(numbers)
            self.server.listen()
        except Exception as exc:
            contain("monitoring", exc)
        at_most = min(_AT_MOST, _OF_BUDGET * (self._budget.share or math.inf))
        return max(self._interval, (time.thread_time() - begun) / at_most)

    def join(self) -> Member | None:
        """Become one of the application's processes, where there is a folder for that; also called by other threads."""
        with self._joining:
            if self._member is None:
                try:
                    self._member = Member.join(self._folder(), os.getpid())
                    sweep(self._member.folder)
                except OSError as exc:
                    contain("monitoring", exc)
            return self._member

    def _send(self) -> float | None:
        exporter = self._exporter
        if exporter is None:
            return None
        if not self._sends:  # there is nothing to tell yet
            self._sends = True
            return exporter.interval
        try:
            exporter.send(self.collector.look(), self._began)
        except Exception as exc:
            contain("monitoring.otlp", exc)
        return exporter.interval

    def _end_loops(self) -> None:
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.stop(_PATIENCE)

    def _folder(self) -> Path:
        return folder_of_group(self._registry.path, self._registry.service.name)

    def _leave(self) -> None:
        if self._member is not None:
            try:
                self._member.leave()
            except OSError as exc:
                contain("monitoring", exc)

    def _publish(self, numbers: Numbers) -> None:
        member, change = self.join(), numbers.since(self._published)
        if member is not None and (change.counters or change.distributions):
            member.publish(numbers.lasting())
            self._published = numbers

    def _publish_at_last(self) -> None:
        try:
            numbers = self.collector.look()
            self._minutes.note(numbers)
            if self._member is not None or self._folder().exists():  # else there is nobody whom it would be for
                self._publish(numbers)
        except Exception as exc:
            contain("monitoring", exc)
