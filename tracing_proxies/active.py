"""Everything that is active: a recorder, a weaver, pipelines, and what follows the registry's files."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tracing_proxies import debugging, destinations, failures, finishing, listeners
from tracing_proxies.budgeting import Budgeting
from tracing_proxies.control.server import ControlServer
from tracing_proxies.control.service import Commands
from tracing_proxies.delivery import besides
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.prepare import Preparer
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.delivery.succession import Succession
from tracing_proxies.fake_files import RealFiles
from tracing_proxies.langfuse.adoption import ADOPT, Adoption, Wish
from tracing_proxies.langfuse.scores_flow import Scoring
from tracing_proxies.langfuse.variables import wants_debug
from tracing_proxies.lasting import settle
from tracing_proxies.monitoring.contents import SpanContents
from tracing_proxies.monitoring.health_watch import Watch
from tracing_proxies.monitoring.minutes import Store
from tracing_proxies.monitoring.monitor import Monitor
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.observation import Observation
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.routing import Reader
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.model import Registry
from tracing_proxies.reloading import Reloading
from tracing_proxies.sampling.learning import Work
from tracing_proxies.weaving import compiled
from tracing_proxies.weaving.unmatched import Loaded, find_pending, loaded_namespaces
from tracing_proxies.weaving.weaver import Weaver

if TYPE_CHECKING:
    from tracing_proxies.monitoring.otlp import Exporter

_log = logging.getLogger("tracing_proxies")
_EXIT_TIMEOUT = 2.0

UnlessBusy = Callable[[Callable[[], object]], bool]


class Runtime:
    """Everything that is active.

    Args:
        registry: what to trace.
        environ: the environment: Langfuse's keys and the release.
        unless_busy: runs an action unless another thread changes what is active.
        commands: what the control socket is asked for.
    """

    def __init__(
        self, registry: Registry, environ: Mapping[str, str], *, unless_busy: UnlessBusy, commands: Commands
    ) -> None:
        self.registry = registry
        self.on = True
        self._is_new = False
        self._is_closed = False
        self.control = ControlServer(commands, suppress)
        self._described: object = None
        self._unmatched = 0
        self._environ = environ
        if wants_debug(environ):
            _log.setLevel(logging.DEBUG)
        self._way = self._describe(registry)
        readers: list[Reader] = []
        self.prepare = finishing.make_preparer(registry, environ, readers)
        sinks = destinations.open_sinks(registry, environ)
        score_sinks = destinations.open_score_sinks(registry, environ)
        self.scoring = Scoring(score_sinks, registry.scores, lambda: self.prepare, suppress)
        self.contents = SpanContents()
        self.pipeline = self._make_pipeline(sinks, self.prepare)
        exporter = _make_exporter(registry, environ)
        self._pipelines = Succession(self.pipeline, suppress)
        self.recorder = Recorder(self.pipeline.put)
        self.recorder.readers = readers
        self.budgeting = Budgeting(self.recorder, lambda span: self.recorder.emit(span), self._work)
        self.budgeting.follow(registry)
        self.weaver = Weaver(self.recorder)
        self.budgeting.watch(self.weaver.recipes)
        self.adoption = Adoption(self.weaver, self.scoring.put)
        self._real_files = RealFiles(self.weaver)
        self.reloading = Reloading(registry, self.reload, unless_busy)
        self.monitor = Monitor(
            registry,
            self.contents,
            self.recorder,
            self._pipelines,
            self.budgeting,
            self.weaver.recipes,
            self._describe_registry,
            exporter,
            lambda: self._stores,
        )
        self.watch = Watch(registry, environ, self.monitor.collector, self.status, self.monitor.join)
        self.monitor.server.routes.update(self.watch.routes())
        listeners.attach(self.recorder, self._direct)
        self.watch.mark_logs(registry)
        debugging.begin(environ)
        try:
            install_adapters(registry, self.weaver)
            self.adoption.follow(self._wish())
            self.weaver.weave(registry)
            self.reloading.follow(registry)
            self.watch.follow(registry)
        except BaseException:
            self.close()
            raise
        self.pipeline.adopt()
        self.scoring.adopt()

    def _describe(self, registry: Registry) -> tuple[object, object]:
        """Return what says how spans are finished, and where they go."""
        return finishing.describe(registry, self._environ), destinations.describe(registry, self._environ)

    def _wish(self) -> Wish:
        """Say what is to become of the spans of Langfuse's SDK."""
        stated = next((preset.native for preset in self.registry.presets if preset.name == "langfuse"), None)
        projects = destinations.langfuse_projects(self.registry, self._environ)
        room = self.registry.defaults.spans_per_trace
        return Wish(stated or ADOPT, projects, elsewhere=stated == ADOPT and not projects, room=room)

    def _make_pipeline(self, sinks: Sequence[Sink], prepare: Preparer) -> Pipeline:
        watched = self._watched(prepare)
        self._stores = [sink for sink in sinks if isinstance(sink, Store)]
        return Pipeline(sinks, watched, ledger=Ledger(), suppress=suppress, get_ready=prepare.get_ready)

    def _watched(self, prepare: Preparer) -> Callable[[Span], Observation | None]:
        """Let scores and metrics see what is prepared."""
        return self.contents.watch(self.scoring.watch(prepare))

    def _emit(self, span: Span) -> None:
        if listeners.active:
            listeners.notify(span, self.prepare)
        self.pipeline.put(span)

    def _direct(self) -> None:
        """Let ended spans go straight into the queue, 0.1 us sooner, unless there is more to do with them.

        Called after each change of what decides, by any thread: the last to have written finds that nothing has changed
        since, so that no lock is needed, which a forked child or a signal handler might wait for.
        """
        while True:
            way = self._way_out()
            self.recorder.emit = way
            if way == self._way_out():
                return

    def _way_out(self) -> Callable[[Span], None]:
        if self._is_new:
            return self._emit_first
        # Spans may end after the close, when nobody tells any more that a listener has come.
        return self._emit if self._is_closed or listeners.active else self.pipeline.put

    def _emit_first(self, span: Span) -> None:
        self._is_new = False
        self._direct()
        try:
            self.control.open()
        finally:
            self._emit(span)

    def _work(self) -> Work:
        cpu, finished, waiting = self._pipelines.work()
        return Work(cpu + self.scoring.cpu(), finished, waiting, besides.taken())

    def switch(self, on: bool) -> None:
        """Let every call pass through unrecorded, or trace them again under the registry that holds by then."""
        self.on = on
        self.weaver.switch(on)
        self.adoption.switch(on)

    def before_fork(self) -> None:
        """Have no thread of ours beside the fork, as far as that can be had at once."""
        self.reloading.pause()
        self.watch.pause()
        self.monitor.pause()
        self.control.rest()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self.control.go_on()
        self.monitor.resume()
        self.watch.resume()
        self.reloading.resume()

    def after_fork_in_child(self) -> None:
        """Begin anew in a forked child, which has a control socket from its first span on.

        While tracing is off there will be no span, and only its socket lets it be switched on.
        """
        self.control.forget()
        self.budgeting.after_fork()
        self.monitor.begin_in_child()
        self.watch.begin_in_child()
        self.reloading.resume(unsure=self.weaver.after_fork())
        self._is_new = self.on
        self._direct()
        if not self.on:
            self.control.open()

    def reload(self, registry: Registry) -> None:
        """Go over to another registry: policies and masking at once, structure and destinations by what differs.

        Calls that are under way end under the policies that they began with, and what waits for a destination that is
        exchanged is delivered there.

        Raises:
            ActivationError: a destination lacks its credentials; nothing has changed then.
            ValueError: a destination or a detector is named that cannot be; likewise.
        """
        prepare, heir, way = self.prepare, None, self._describe(registry)
        exporter = _make_exporter(registry, self._environ)
        if way[0] != self._way[0]:
            prepare = finishing.make_preparer(registry, self._environ, self.recorder.readers)
        if way[1] != self._way[1]:
            sinks = destinations.open_sinks(registry, self._environ)
            self.scoring.exchange(destinations.open_score_sinks(registry, self._environ))
            heir = self._make_pipeline(sinks, prepare)
        known = set(map(str, self.weaver.unmatched()))
        self.registry, self.prepare, self._way = registry, prepare, way
        self.scoring.settings = registry.scores
        if heir is None:
            self.pipeline.prepare_with(self._watched(prepare))
        else:
            self._pipelines.succeed(heir)
            self.pipeline = heir
            self._direct()
            heir.adopt()
        self.budgeting.follow(registry)
        install_adapters(registry, self.weaver)
        self.adoption.follow(self._wish())
        self.weaver.weave(registry)
        self.reloading.follow(registry)
        self.monitor.follow(registry, exporter)
        self.watch.follow(registry)
        settle(registry)
        for problem in self.weaver.unmatched():
            if str(problem) not in known:
                _log.warning("%s", problem)

    def close(self) -> None:
        """Take everything back and deliver what is left."""
        self.control.close()
        self.watch.close()
        self.reloading.end()
        self.adoption.close()
        self._real_files.close()
        self.monitor.look()
        self.weaver.undo()
        listeners.detach(self.recorder)
        self._is_closed = True
        self._direct()
        self.budgeting.close()
        deadline = time.monotonic() + _EXIT_TIMEOUT
        self._pipelines.close(_EXIT_TIMEOUT)
        self.scoring.close(deadline)
        self.monitor.close()
        debugging.end()

    def _describe_registry(self) -> dict[str, Any]:
        """Describe what the registry has led to, as the monitor tells it every few seconds."""
        status, woven = self.reloading.status(), (self.registry, self.weaver.points.added)
        if woven != self._described:  # among thousands of targets it takes a while to find out
            self._described, self._unmatched = woven, self.weaver.count_unmatched()
        return {
            "on": self.on,
            "targets": len(self.weaver.targets()),
            "unmatched": self._unmatched,
            "stale": status["stale"] is not None,
            "reloads": status["reloads"],
        }

    def flush(self, timeout: float) -> bool:
        """Wait, for at most ``timeout`` seconds, until everything recorded before is delivered."""
        deadline = time.monotonic() + timeout
        delivered = self._pipelines.flush(timeout)
        return self.scoring.flush(deadline) and delivered

    def status(self) -> dict[str, Any]:
        """Describe what is woven, what is under way and what went wrong, in plain values."""
        targets, loaded = self.weaver.targets(), loaded_namespaces()
        delivery, left_out, held = self._pipelines.status(), self.recorder.left_out, 0
        if self.recorder.tail is not None:
            tail = self.recorder.tail
            left_out, held = left_out + tail.left_out + tail.unrecorded, tail.holding
        # Calls that sampling leaves out make no span, so the pipeline has never seen them; it will see what is held.
        delivery.update(
            produced=delivery["produced"] + left_out + held,
            sampled_out=delivery["sampled_out"] + left_out,
            queued=delivery["queued"] + held,
        )
        return {
            "active": True,
            "tracing": "on" if self.on else "off",
            "compiled": compiled.advised is not None,
            "pid": os.getpid(),
            "program": os.path.basename(next(iter(getattr(sys, "argv", ())), "")) or "python",
            "service": finishing.service_names(self.registry, self._environ).name,
            "control": str(self.control.path) if self.control.path else None,
            "metrics_at": {"port": self.registry.monitoring.port, "listens": self.monitor.server.port is not None},
            "registry": str(self.registry.path) if self.registry.path else None,
            **self.reloading.status(),
            "presets": [preset.name for preset in self.registry.presets],
            "skipped_presets": [{"name": n, "reason": r} for n, r in self.registry.skipped_presets],
            "woven": len(targets),
            "aliases": self.weaver.aliases,
            "out_of_reach": len(self.weaver.reach.beyond),
            "targets": sorted(map(str, targets)),
            "rules": self._rules(loaded),
            "refused": [{"target": str(target), "reason": why} for target, why in self.weaver.refused.items()],
            "unmatched": [str(problem) for problem in self.weaver.unmatched(loaded=loaded)],
            "open": len(self.recorder.open),
            "calls": self.recorder.count_calls(),
            "sampling": self.budgeting.status(),
            "delivery": delivery,
            "scores": self.scoring.status(),
            "langfuse": self.adoption.status(),
            "firing": self.watch.firing(),
            "failures": failures.counts(),
        }

    def _rules(self, loaded: Loaded) -> list[dict[str, Any]]:
        matches, pending = self.weaver.matches(), find_pending(self.registry, self.weaver.targets(), loaded)
        return [
            {
                "place": str(rule.place),
                "preset": rule.preset,
                "match": [pointcut.text for pointcut in rule.match],
                "targets": sorted(map(str, matches.get(rule.index, ()))),
                "pending": pending.get(rule.index, []),
            }
            for rule in self.registry.rules
        ]


def _make_exporter(registry: Registry, environ: Mapping[str, str]) -> Exporter | None:
    if not registry.monitoring.otlp:
        return None
    # HTTP and TLS take 15 ms to import, which who sends nothing need not pay.
    from tracing_proxies.monitoring.otlp import make_exporter

    return make_exporter(registry, environ)
