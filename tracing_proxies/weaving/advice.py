"""The advice around every traced call: the one piece of our code on the application's hot path."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tracing_proxies.recording.context import attach, detach
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.stream_objects import proceed_with
from tracing_proxies.weaving.streams import CONTINUES

Advice = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


class JoinPoint:
    """One woven callable. ``recipe`` is its policy, swapped by one assignment; None lets calls pass through.

    Args:
        target: its name.
        function: the raw function.
        lazy: whether a call only makes a coroutine or generator.
        bound: whether the first parameter is the instance or class.
    """

    __slots__ = ("bound", "entry", "function", "lazy", "recipe", "target")

    def __init__(self, target: Target, function: Any, *, lazy: bool, bound: bool) -> None:
        self.target = target
        self.function = function
        self.lazy = lazy
        self.bound = bound
        self.entry: Any = None  # what was put into the namespace; None where the entry stays as it is
        self.recipe: Recipe | None = None


def make_advice(join_point: JoinPoint, recorder: Recorder) -> Advice:
    """Make the function that runs around each call of a join point.

    The target is called exactly once whatever happens in between; its result, or what it raises, passes unchanged.
    """
    begin = recorder.begin
    function = join_point.function
    bound = join_point.bound
    continues = CONTINUES

    def advice(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        recipe = join_point.recipe
        if recipe is None:
            return wrapped(*args, **kwargs)
        # Bound methods hand the instance over as the first argument, as they do to a function.
        given = args
        if bound and instance is None and args:
            instance, given = args[0], args[1:]
        if join_point.lazy:
            result = wrapped(*args, **kwargs)
            proceed = continues.get(id(type(result)))
            if proceed is None:
                return result
            opener = partial(begin, recipe, function, instance, given, kwargs)
            return proceed(result, opener, None, recipe, _folding(recipe, instance, given, kwargs))
        recording = begin(recipe, function, instance, given, kwargs)
        if recording is None:
            return wrapped(*args, **kwargs)
        token = attach(recording.context)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as exc:
            detach(token)
            recording.fail(exc)
            raise
        detach(token)
        proceed = continues.get(id(type(result)))
        if proceed is None and recipe.fold is not None:
            proceed = proceed_with(type(result))
        # A stream that the call was given is the caller's, who reads it elsewhere, too: handed on as the same object.
        if proceed is not None and not any(result is value for value in (*args, *kwargs.values())):
            return proceed(result, None, recording, recipe, _folding(recipe, instance, given, kwargs))
        recording.finish(result)
        return result

    return advice


def _folding(recipe: Recipe, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any] | None:
    fold = recipe.fold
    if fold is None:
        return None
    return lambda: fold(instance, recipe.bind(args, kwargs))
