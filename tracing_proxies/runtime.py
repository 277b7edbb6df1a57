"""The one runtime of a process: owns a recorder, a weaver and a pipeline, from activation to deactivation."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracing_proxies import destinations, failures, finishing, listeners
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.prepare import Preparer
from tracing_proxies.delivery.succession import Succession
from tracing_proxies.errors import RegistryError
from tracing_proxies.exclusion import Exclusion
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.reloading import Reloading
from tracing_proxies.weaving.weaver import Weaver

_log = logging.getLogger("tracing_proxies")
_lock = Exclusion()
_EXIT_TIMEOUT = 2.0


class Runtime:
    """Everything that is active.

    Args:
        registry: what to trace.
        environ: the environment: Langfuse's keys and the release.
    """

    def __init__(self, registry: Registry, environ: Mapping[str, str]) -> None:
        self.registry = registry
        self._environ = environ
        self._way = self._describe(registry)
        self.prepare = finishing.make_preparer(registry, environ)
        self.pipeline = self._make_pipeline(registry, self.prepare)
        self._pipelines = Succession(self.pipeline, suppress)
        self.recorder = Recorder(self._emit)
        self.weaver = Weaver(self.recorder)
        self.reloading = Reloading(registry, self.reload, _lock.unless_busy)
        listeners.attach(self.recorder)
        try:
            install_adapters(registry, self.weaver)
            self.weaver.weave(registry)
            self.reloading.follow(registry)
        except BaseException:
            self.close()
            raise

    def _describe(self, registry: Registry) -> tuple[object, object]:
        """Return what says how spans are finished, and where they go."""
        return finishing.describe(registry, self._environ), destinations.describe(registry, self._environ)

    def _make_pipeline(self, registry: Registry, prepare: Preparer) -> Pipeline:
        sinks = destinations.open_sinks(registry, self._environ)
        return Pipeline(sinks, prepare, ledger=Ledger(), suppress=suppress)

    def _emit(self, span: Span) -> None:
        if listeners.active:
            listeners.notify(span, self.prepare)
        self.pipeline.put(span)

    def reload(self, registry: Registry) -> None:
        """Go over to another registry: policies and masking at once, structure and destinations by what differs.

        Calls that are under way end under the policies that they began with, and what waits for a destination that is
        exchanged is delivered there.

        Raises:
            ActivationError: a destination lacks its credentials; nothing has changed then.
            ValueError: a destination or a detector is named that cannot be; likewise.
        """
        prepare, heir, way = self.prepare, None, self._describe(registry)
        if way[0] != self._way[0]:
            prepare = finishing.make_preparer(registry, self._environ)
        if way[1] != self._way[1]:
            heir = self._make_pipeline(registry, prepare)
        known = set(map(str, self.weaver.unmatched()))
        self.registry, self.prepare, self._way = registry, prepare, way
        if heir is None:
            self.pipeline.prepare_with(prepare)
        else:
            self._pipelines.succeed(heir)
            self.pipeline = heir
        install_adapters(registry, self.weaver)
        self.weaver.weave(registry)
        self.reloading.follow(registry)
        for problem in self.weaver.unmatched():
            if str(problem) not in known:
                _log.warning("%s", problem)

    def close(self) -> None:
        """Take everything back and deliver what is left."""
        self.reloading.end()
        self.weaver.undo()
        listeners.detach(self.recorder)
        self._pipelines.close(_EXIT_TIMEOUT)

    def flush(self, timeout: float) -> bool:
        """Wait, for at most ``timeout`` seconds, until everything recorded before is delivered."""
        return self._pipelines.flush(timeout)

    def status(self) -> dict[str, Any]:
        """Describe what is woven, what is under way and what went wrong, in plain values."""
        targets = self.weaver.targets()
        delivery, left_out = self._pipelines.status(), self.recorder.left_out
        # Calls that sampling leaves out make no span, so the pipeline has never seen them.
        delivery.update(produced=delivery["produced"] + left_out, sampled_out=delivery["sampled_out"] + left_out)
        return {
            "active": True,
            "pid": os.getpid(),
            "registry": str(self.registry.path) if self.registry.path else None,
            **self.reloading.status(),
            "presets": [preset.name for preset in self.registry.presets],
            "skipped_presets": [{"name": n, "reason": r} for n, r in self.registry.skipped_presets],
            "woven": len(targets),
            "aliases": self.weaver.aliases,
            "out_of_reach": len(self.weaver.reach.beyond),
            "targets": sorted(map(str, targets)),
            "refused": [{"target": str(target), "reason": why} for target, why in self.weaver.refused.items()],
            "unmatched": [str(problem) for problem in self.weaver.unmatched()],
            "open": len(self.recorder.open),
            "delivery": delivery,
            "failures": failures.counts(),
        }


_runtime: Runtime | None = None


def _before_fork() -> None:
    if _runtime is not None:
        _runtime.reloading.pause()
        _lock.before_fork()


def _after_fork() -> None:
    _lock.after_fork_in_parent()
    if _runtime is not None:
        _runtime.reloading.resume()


def _begin_anew() -> None:
    _lock.after_fork_in_child()
    if _runtime is not None:
        _runtime.reloading.resume(unsure=_runtime.weaver.after_fork())


# Once: what is registered for a fork can never be taken back.
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_begin_anew)


def activate(registry: str | Path | Registry | None = None, *, strict: bool | None = None) -> None:
    """Trace what a registry lists, from now on.

    Calling it again with another registry goes over to that one; with the same, what has been defined since is traced.

    Args:
        registry: a file or a parsed registry; None looks for ``TRACING_PROXIES_REGISTRY``, then for ``registry.yaml``
            in the working directory and above it.
        strict: whether a rule without a match in a loaded module is an error; None asks ``TRACING_PROXIES_STRICT``.

    Raises:
        RegistryError: the registry has mistakes; it names all of them. Nothing is traced then.
        ActivationError: a destination lacks its credentials.
    """
    global _runtime
    if os.environ.get("TRACING_PROXIES", "").lower() in ("off", "0", "false"):
        return
    with _lock:
        parsed = registry if isinstance(registry, Registry) else _read(registry)
        if _runtime is None:
            _runtime = Runtime(parsed, os.environ)
        elif parsed is not _runtime.registry:
            _runtime.reload(parsed)
        else:
            _runtime.weaver.weave(parsed)
        problems = _runtime.weaver.unmatched()
        if problems and (failures.strict() if strict is None else strict):
            deactivate()
            raise RegistryError(problems)
    for problem in problems:
        _log.warning("%s", problem)


def deactivate() -> None:
    """Leave the application exactly as it was, and deliver what is left within two seconds."""
    global _runtime
    with _lock:
        runtime, _runtime = _runtime, None
        if runtime is not None:
            runtime.close()


def reload() -> bool:
    """Read the registry's file again and go over to it.

    Returns:
        Whether the new registry holds; if it has mistakes the old one stays, the mistakes are logged, and
        ``status()["stale"]`` names them.
    """
    with _lock:
        return _runtime is not None and _runtime.reloading.read()


def _read(named: str | Path | None) -> Registry:
    path = find_registry(named, os.environ, Path.cwd())
    if _runtime is not None and _runtime.reloading.is_up_to_date(path):
        return _runtime.registry
    return load_registry(path)


def status() -> dict[str, Any]:
    """Describe what is traced and what became of the spans, in plain values."""
    runtime = _runtime
    return {"active": False, "failures": failures.counts()} if runtime is None else runtime.status()


def flush(timeout: float = 5.0) -> bool:
    """Wait until everything recorded before is delivered.

    Args:
        timeout: seconds, a hard limit.

    Returns:
        Whether all of it is delivered.
    """
    runtime = _runtime
    return True if runtime is None else runtime.flush(timeout)
