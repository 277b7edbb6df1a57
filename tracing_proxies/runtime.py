"""The one runtime of a process: owns a recorder, a weaver and a pipeline, from activation to deactivation."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracing_proxies import destinations, failures, listeners
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.prepare import Preparer, ServiceNames
from tracing_proxies.errors import RegistryError
from tracing_proxies.masking import Masker
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.context import suppress
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.weaving.weaver import Weaver

_log = logging.getLogger("tracing_proxies")
_lock = threading.RLock()
_EXIT_TIMEOUT = 2.0


class Runtime:
    """Everything that is active.

    Args:
        registry: what to trace.
        environ: the environment: Langfuse's keys and the release.
    """

    def __init__(self, registry: Registry, environ: Mapping[str, str]) -> None:
        self.registry = registry
        self.stale: str | None = None
        self._environ = environ
        self._sinks_of = registry.export
        self.pipeline = self._make_pipeline(registry)
        self.recorder = Recorder(self._emit)
        self.weaver = Weaver(self.recorder)
        listeners.attach(self.recorder)
        try:
            install_adapters(registry, self.weaver)
            self.weaver.weave(registry)
        except BaseException:
            self.close()
            raise
        self.pipeline.adopt()

    def _make_pipeline(self, registry: Registry) -> Pipeline:
        self.prepare = Preparer(make_masker(registry), service_names(registry, self._environ))
        sinks = destinations.open_sinks(registry, self._environ)
        return Pipeline(sinks, self.prepare, ledger=Ledger(), suppress=suppress)

    def _emit(self, span: Span) -> None:
        if listeners.active:
            listeners.notify(span, self.prepare)
        self.pipeline.put(span)

    def reload(self, registry: Registry) -> None:
        """Go over to another registry: policies at once, structure by its differences, destinations after a flush."""
        before, pipeline = self.registry, self.pipeline
        self.registry, self.stale = registry, None
        self.pipeline = self._make_pipeline(registry)
        if before.presets != registry.presets:
            install_adapters(registry, self.weaver)
        self.weaver.weave(registry)
        pipeline.close(_EXIT_TIMEOUT)

    def close(self) -> None:
        """Take everything back and deliver what is left."""
        self.weaver.undo()
        listeners.detach(self.recorder)
        self.pipeline.close(_EXIT_TIMEOUT)

    def status(self) -> dict[str, Any]:
        """Describe what is woven, what is under way and what went wrong, in plain values."""
        targets = self.weaver.targets()
        delivery, left_out = self.pipeline.status(), self.recorder.left_out
        # Calls that sampling leaves out make no span, so the pipeline has never seen them.
        delivery.update(produced=delivery["produced"] + left_out, sampled_out=delivery["sampled_out"] + left_out)
        return {
            "active": True,
            "pid": os.getpid(),
            "registry": str(self.registry.path) if self.registry.path else None,
            "stale": self.stale,
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
    parsed = (
        registry if isinstance(registry, Registry) else load_registry(find_registry(registry, os.environ, Path.cwd()))
    )
    with _lock:
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
        if _runtime is None or _runtime.registry.path is None:
            return False
        try:
            _runtime.reload(load_registry(_runtime.registry.path))
        except RegistryError as error:
            _runtime.stale = str(error)
            _log.error("the registry was not reloaded; the last good one stays\n%s", error)
            return False
        return True


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
    return True if runtime is None else runtime.pipeline.flush(timeout)


def make_masker(registry: Registry) -> Masker:
    """Make the masker that a registry describes."""
    m = registry.masking
    return Masker(policy=m.policy, hide=m.hide, show=m.show, allow=m.allow, detect=m.detect)


def service_names(registry: Registry, environ: Mapping[str, str]) -> ServiceNames:
    """Name the application: from the registry, else from Langfuse's environment variables."""
    service = registry.service
    return ServiceNames(
        name=service.name or "python",
        environment=service.environment or environ.get("LANGFUSE_TRACING_ENVIRONMENT") or "default",
        release=service.release or environ.get("LANGFUSE_RELEASE"),
        version=service.version,
    )
