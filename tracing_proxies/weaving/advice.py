"""The join point, and the advice around its calls in wrapt's form."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from sys import getrefcount
from typing import Any

from opentelemetry.context import Context

from tracing_proxies.compiled import hot
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import attach, detach
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.internal import cut_frame, internal
from tracing_proxies.weaving.stream_objects import proceed_with
from tracing_proxies.weaving.streams import CONTINUES

_continues = CONTINUES.get


class JoinPoint:
    """One woven callable. ``recipe`` is its policy, swapped by one assignment; None lets calls pass through.

    Args:
        target: its name.
        function: the raw function, which the callable is known by.
        recorder: starts and ends the spans.
        lazy: whether a call only makes a coroutine or generator.
        bound: whether the first argument is the instance or class.
        call: what a call is handed on to, if that is not the function itself.
    """

    __slots__ = (
        "__weakref__",
        "begin",
        "begin_later",
        "bound",
        "call",
        "entry",
        "function",
        "lazy",
        "mutations",
        "raw",
        "recipe",
        "recorder",
        "skip",
        "standing",
        "tally",
        "target",
    )

    def __init__(
        self, target: Target, function: Any, recorder: Recorder, *, lazy: bool, bound: bool, call: Any = None
    ) -> None:
        self.target = target
        self.function = function
        self.begin, self.begin_later, self.skip = recorder.ways
        self.recorder = recorder
        self.tally = recorder.tally(str(target))
        self.lazy = lazy
        self.bound = bound
        self.call = function if call is None else call
        self.entry: Any = None  # what was put into the namespace; None where the entry stays as it is
        self.raw: Any = None  # what had stood there
        self.mutations: dict[int, Any] = {}  # wherever the entry has been put, for as long as it lives
        self.recipe: Recipe | None = None
        self.standing: Recipe | None = None  # what `recipe` is whenever tracing is switched on

    def end_counted(
        self,
        recipe: Recipe,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        root: Context | None,
        start: int,
        stop: int,
        exc: BaseException | None,
    ) -> None:
        """End a call that was only counted, as ``Recorder.end_counted`` says."""
        instance = None
        if self.bound and args:
            instance, args = args[0], args[1:]
        self.recorder.end_counted(recipe, self.function, instance, args, kwargs, root, start, stop, exc)

    def end_judged(
        self, recipe: Recipe, args: tuple[Any, ...], kwargs: dict[str, Any], start: int, stop: int, result: Any
    ) -> None:
        """End a call that was only counted and whose result may be an error, as ``Recorder.end_judged`` says."""
        instance = None
        if self.bound and args:
            instance, args = args[0], args[1:]
        self.recorder.end_judged(recipe, self.function, instance, args, kwargs, start, stop, result)

    def follow(self, recipe: Recipe | None, on: bool) -> None:
        """Go over to another recipe, at once if tracing is switched on, else when it will be."""
        self.standing = recipe
        self.recipe = recipe if on else None


def wrap(point: JoinPoint) -> Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]:
    """Make the same advice in wrapt's form, for descriptors that bind in a way of their own."""

    @internal
    def advice(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        recipe = point.recipe
        recording = None if recipe is None else point.begin_later(recipe, point.function, instance, args, kwargs)
        if recipe is None or recording is None:
            try:
                return wrapped(*args, **kwargs)
            except BaseException as exc:
                cut_frame(exc)
                raise
        token = attach(recording.context)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as exc:
            detach(token)
            recording.fail(exc)
            cut_frame(exc)
            raise
        detach(token)
        proceed = _continues(id(type(result)))
        if proceed is not None and is_held(result):
            proceed = None
        elif proceed is None and recipe.fold is not None:
            proceed = proceed_with(type(result))
        if proceed is not None:
            return go_on(proceed, point, recipe, recording, result, instance, args, kwargs)
        recording.finish(result)
        return result

    return advice


def _count_references(result: Any) -> int:
    return getrefcount(result)


def _count_of_one() -> int:
    result: Any = object()
    return _count_references(result)


# Under a debugger, which makes copies of what frames hold, more would be counted.
_ONE = min(4 if sys.version_info < (3, 11) else 3, _count_of_one())


def is_held(result: Any) -> bool:
    """Tell whether a stream or coroutine that a call returned is held elsewhere, beside one name of the caller's.

    Then somebody else has made it. It goes out as it is, for it may be compared, and is not the call's to end.
    """
    held = getrefcount(result)
    return held > _ONE and (hot is None or held - hot.held_by_frames(result) > _ONE)


def go_on(
    proceed: Any,
    point: JoinPoint,
    recipe: Recipe,
    recording: Any,
    result: Any,
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Let a result whose work is done later, a coroutine or stream, go on under its span.

    Returns:
        What stands for the result, of the same kind.
    """
    if recording is not None and any(result is value for value in (instance, *args, *kwargs.values())):
        recording.finish(result)  # the caller's own stream, which it reads itself: handed on as the same object
        return result
    try:
        fold = recipe.fold
        folding = None if fold is None else lambda: fold(instance, recipe.bind(args, kwargs))
        opener = None
        if recording is None:
            opener = partial(point.begin_later, recipe, point.function, instance, args, kwargs)
        return proceed(result, opener, recording, recipe, folding)
    except Exception as exc:
        contain("stream", exc)
        if recording is not None:
            recording.finish(None)
        return result
