"""Activates tracing in processes that inherit no memory, and carries the current span to the work that they are given.

Nothing is put on the application's objects. What a spawned process is told before its main module runs gets one entry
more, whose unpickling activates tracing; and the arguments of a pool's work are pickled so that unpickling them makes
the submitter's span the current one. No frame of ours runs around the work itself.
"""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.context import Context

from tracing_proxies import runtime
from tracing_proxies.adapters import uvicorn
from tracing_proxies.adapters.replacing import replace
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import SPAN_KEY, SUPPRESSED, attach, current, with_span
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.trace import Trace
from tracing_proxies.recording.unrecorded import Unrecorded, root_of
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.hooks import Hooks

_EXIT_TIMEOUT = 2.0

# Run by `exec` and without any import of ours in the pickle: where this package cannot be imported, the child is not
# traced, and works. The parent's path is the one that multiprocessing sets a moment later.
_BEGIN = """
try:
    import sys
    sys.path[:] = path
    from tracing_proxies.adapters.processes import begin_process
    begin_process(registry, carried)
except Exception as error:
    print(f"tracing-proxies: this process is not traced\\n{error}", file=sys.stderr)
"""


def install(hooks: Hooks, preset: Preset) -> None:
    """Wait for the modules that start processes and hand work to them; none is imported for it."""

    def on_spawn(module: ModuleType) -> None:
        replace(hooks, module, "get_preparation_data", _telling)

    def on_process(module: ModuleType) -> None:
        replace(hooks, module.BaseProcess, "_bootstrap", _flushing)

    def on_futures(module: ModuleType) -> None:
        replace(hooks, module, "_WorkItem", _carrying_item)

    def on_pool(module: ModuleType) -> None:
        replace(hooks, module.Pool, "apply_async", _carrying_apply)
        replace(hooks, module.Pool, "_guarded_task_generation", _carrying_tasks)

    hooks.on_module("multiprocessing.spawn", on_spawn)
    hooks.on_module("multiprocessing.process", on_process)
    hooks.on_module("concurrent.futures.process", on_futures)
    hooks.on_module("multiprocessing.pool", on_pool)
    uvicorn.install(hooks)


def begin_process(registry: str, carried: bytes) -> None:
    """Trace a process that has just been started, below the span that started it."""
    active = runtime._runtime
    # A fork server may have been activated before it forked this process.
    if active is None or str(active.registry.path) != registry:
        runtime.activate(load_registry(registry))
    _resume(carried)


def begin_work(carried: bytes, arguments: Any) -> Any:
    """Make the submitter's span the current one until the worker takes its next work; returns the arguments."""
    try:
        _resume(carried)
    except Exception as exc:
        contain("processes", exc)
    return arguments


def _telling(prepare: Any) -> Any:
    @functools.wraps(prepare)
    def telling(name: Any) -> Any:
        told = prepare(name)
        active = runtime._runtime
        if active is not None and active.registry.path is not None and type(told) is dict:
            registry = str(active.registry.path)
            told["tracing_proxies"] = _Begin(told.get("sys_path", sys.path), registry, _carry())
        return told

    return telling


def _flushing(bootstrap: Any) -> Any:
    @functools.wraps(bootstrap)
    def flushing(self: Any, *args: Any, **kwargs: Any) -> Any:
        code = bootstrap(self, *args, **kwargs)
        # Its threads have ended by now, and nothing but `os._exit` may follow.
        try:
            runtime.flush(_EXIT_TIMEOUT)
        except BaseException as exc:
            contain("processes", exc)
        return code

    return flushing


def _carrying_item(item: Any) -> Any:
    class WorkItem(item):  # type: ignore[misc]
        def __init__(self, future: Any, fn: Any, args: Any, kwargs: Any) -> None:
            super().__init__(future, fn, _carried_by(args), kwargs)

    WorkItem.__name__, WorkItem.__qualname__, WorkItem.__module__ = item.__name__, item.__qualname__, item.__module__
    return WorkItem


def _carrying_apply(apply_async: Any) -> Any:
    @functools.wraps(apply_async)
    def carrying(self: Any, func: Any, args: Any = (), *others: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return apply_async(self, func, _carried_by(args) if _pickles(self) else args, *others, **kwargs)

    return carrying


def _carrying_tasks(generate: Any) -> Any:
    # Called by whoever calls `map` or `imap`, iterated by the pool's own thread.
    @functools.wraps(generate)
    def carrying(self: Any, job: Any, func: Any, iterable: Any) -> Any:
        tasks = generate(self, job, func, iterable)
        return _carry_tasks(tasks, _carry()) if _pickles(self) and runtime._runtime is not None else tasks

    return carrying


def _carry_tasks(tasks: Iterator[Any], carried: bytes) -> Iterator[Any]:
    for job, number, func, args, kwargs in tasks:
        yield job, number, func, _Arguments(args, carried), kwargs


def _pickles(pool: Any) -> bool:
    return not any(base.__name__ == "ThreadPool" for base in type(pool).__mro__)


def _carried_by(args: Any) -> Any:
    if runtime._runtime is None or (type(args) is not tuple and type(args) is not list):
        return args
    try:
        return _Arguments(args, _carry())
    except Exception as exc:
        contain("processes", exc)
        return args


class _Arguments(tuple):  # type: ignore[type-arg]
    """The arguments of one piece of work, which bring the submitter's span along when they are pickled."""

    plain: Any
    carried: bytes

    def __new__(cls, plain: Any, carried: bytes) -> _Arguments:
        made = super().__new__(cls, plain)
        made.plain, made.carried = plain, carried
        return made

    def __reduce__(self) -> Any:
        return begin_work, (self.carried, self.plain)


class _Begin:
    """Activates tracing in the process that unpickles it."""

    def __init__(self, path: list[str], registry: str, carried: bytes) -> None:
        self._names = {"path": list(path), "registry": registry, "carried": carried}

    def __reduce__(self) -> Any:
        return exec, (_BEGIN, self._names)


def _carry() -> bytes:
    """Write down the current span."""
    try:
        context = current()
        return pickle.dumps(_described(context.get(SPAN_KEY), context))
    except Exception as exc:
        contain("processes", exc)
        return pickle.dumps(None)


def _described(span: Any, context: Context) -> Any:
    if span is None or span is SUPPRESSED:
        return None
    if type(span) is Unrecorded:
        root = root_of(span, context)
        return "counted", root.trace_id, root.random, root.recorded
    if type(span) is Span:
        trace = span.trace
        held = trace.held
        if held is not None and not held.tail.settle(held):
            return "counted", trace.trace_id, held.random, held.recorded
        shared = {name: getattr(trace, name) for name in ("name", "session", "user", "tags", "state", "flags")}
        shared["weight"] = trace.weight if held is None or held.verdict is not None else 1.0 / held.recorded
        return "ours", trace.trace_id, span.span_id, span.type, shared
    context = span.get_span_context()
    return ("foreign", context.trace_id, context.span_id, int(context.trace_flags)) if context.is_valid else None


def _resume(carried: bytes) -> None:
    active = runtime._runtime
    if active is None:
        return
    described = pickle.loads(carried)
    context = current()
    if described is not None:
        attach(with_span(context, _stand_in(active.recorder, *described)))
    elif SPAN_KEY in context:
        attach(Context({key: value for key, value in context.items() if key != SPAN_KEY}))


def _stand_in(recorder: Recorder, kind: str, *about: Any) -> otel.Span:
    """Make what stands for the parent's span here: it is no longer recording, and nobody ends it."""
    if kind == "counted":
        made = Unrecorded.stand_in(*about)
        made.tail = recorder.tail if made.trace_id else None
        return made
    if kind == "foreign":
        trace_id, span_id, flags = about
        told = otel.SpanContext(trace_id, span_id, is_remote=True, trace_flags=otel.TraceFlags(flags))
        return otel.NonRecordingSpan(told)
    trace_id, span_id, observed, shared = about
    trace = Trace(trace_id)
    for name, value in shared.items():
        setattr(trace, name, value)
    span = Span(recorder, trace, span_id, None, None)
    span.type, span.stop = observed, span.start
    return span
