"""The one runtime of a process, from activation to deactivation, and what a control socket asks of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, Final

from tracing_proxies import failures
from tracing_proxies.active import Runtime
from tracing_proxies.control.service import Commands
from tracing_proxies.delivery.garbage import Pause
from tracing_proxies.errors import ActivationError, RegistryError
from tracing_proxies.exclusion import Exclusion
from tracing_proxies.lasting import pass_by, settle
from tracing_proxies.loops import outside_of_loops
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry

_log = logging.getLogger("tracing_proxies")
_lock = Exclusion()
_collections = Pause()
_runtime: Runtime | None = None


@outside_of_loops()
def _before_fork() -> None:
    if _runtime is not None:
        _runtime.before_fork()
        _lock.before_fork()


@outside_of_loops()
def _after_fork_in_parent() -> None:
    _lock.after_fork_in_parent()
    if _runtime is not None:
        _runtime.after_fork_in_parent()


@outside_of_loops()
def _after_fork_in_child() -> None:
    _collections.after_fork()
    _lock.after_fork_in_child()
    if _runtime is not None:
        _runtime.after_fork_in_child()


# Once: what is registered for a fork can never be taken back.
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


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
    with _lock, _collections:
        parsed = registry if isinstance(registry, Registry) else _read(registry)
        if _runtime is None:
            _runtime = Runtime(parsed, os.environ, unless_busy=_lock.unless_busy, commands=_COMMANDS)
        elif parsed is not _runtime.registry:
            _runtime.reload(parsed)
        else:
            _runtime.weaver.weave(parsed)
        problems = _runtime.weaver.unmatched()
        if problems and (failures.strict() if strict is None else strict):
            deactivate()
            raise RegistryError(problems)
        _runtime.control.open()
        _runtime.monitor.begin()
        pass_by()
        settle(_runtime.registry)
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
    return {"active": False, "tracing": "off", "failures": failures.counts()} if runtime is None else runtime.status()


def flush(timeout: float = 5.0) -> bool:
    """Wait until everything recorded before is delivered.

    Args:
        timeout: seconds, a hard limit.

    Returns:
        Whether all of it is delivered.
    """
    runtime = _runtime
    return True if runtime is None else runtime.flush(timeout)


def score(
    *,
    trace_id: str,
    name: str,
    value: bool | int | float | str,
    observation_id: str | None = None,
    comment: str | None = None,
    data_type: str | None = None,
    id: str | None = None,
) -> str | None:
    """Score a trace or an observation in it: what a user thought of it, or what was found out later.

    Args:
        trace_id: 32 hexadecimal digits; the trace need not have been made by this process.
        name: what is judged.
        value: a number, a truth value, or a text of at most 500 characters.
        observation_id: 16 hexadecimal digits; None judges the trace as a whole.
        comment: why.
        data_type: NUMERIC, BOOLEAN, CATEGORICAL or TEXT; None goes by the value.
        id: None for one that follows from trace, observation and name: there is one such score, and the latest holds.

    Returns:
        The score's id; None if tracing is not active, or sends to no Langfuse server.

    Raises:
        ValueError: an id is not hexadecimal, or the value does not fit the type.
    """
    from tracing_proxies.langfuse.scores import make_score

    made = make_score(trace_id, name, value, observation_id=observation_id, comment=comment, data_type=data_type, id=id)
    runtime = _runtime
    return made.id if runtime is not None and runtime.scoring.put(made) else None


def _active() -> Runtime:
    runtime = _runtime
    if runtime is None:
        raise ActivationError("tracing has been deactivated in this process")
    return runtime


def _acknowledge(name: str) -> list[str]:
    return _active().watch.acknowledge(name)


def _resolve(name: str) -> list[str]:
    return _active().watch.resolve(name)


def _switch(on: bool) -> dict[str, Any]:
    with _lock:
        if _runtime is None:
            raise ActivationError("tracing has been deactivated in this process")
        _runtime.switch(on)
        return {"pid": os.getpid(), "tracing": "on" if on else "off", "woven": len(_runtime.weaver.targets())}


def _reload_or_say_why() -> dict[str, Any]:
    with _lock:
        if reload():
            return {"pid": os.getpid(), "reloaded": True, "registry": str(_runtime.registry.path) if _runtime else None}
        if _runtime is None:
            raise ActivationError("tracing has been deactivated in this process")
        if _runtime.reloading.stale is not None:
            raise ActivationError(_runtime.reloading.stale)
        raise ActivationError("the registry of this process did not come from a file")


_COMMANDS: Final[Commands] = {
    "status": status,
    "metrics": lambda: _active().monitor.answer(),
    "windows": lambda: _active().monitor.answer_windows(),
    "health": lambda: _active().watch.health(),
    "alerts": lambda: _active().watch.alerts(),
    "acknowledge": _acknowledge,
    "resolve": _resolve,
    "off": lambda: _switch(False),
    "on": lambda: _switch(True),
    "reload": _reload_or_say_why,
}
