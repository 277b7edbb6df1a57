"""The advice around each call of a woven function in Python: the original of what is compiled (hot/advice.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context

from tracing_proxies import clocks
from tracing_proxies.recording.context import SPAN_KEY, attach, current, detach, reset, with_span
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tally import LOOK_AT
from tracing_proxies.recording.unrecorded import LEFT_OUT_CONTEXT, UNSAMPLED, Unrecorded
from tracing_proxies.weaving.advice import JoinPoint, go_on, is_held
from tracing_proxies.weaving.internal import cut_frame, internal
from tracing_proxies.weaving.stream_objects import proceed_with
from tracing_proxies.weaving.streams import CONTINUES

_clock = clocks.perf_counter_ns
_continues = CONTINUES.get


def make_advice(point_of: Callable[[Any], JoinPoint]) -> Callable[..., Any]:
    """Make the `__call__` of what stands for a woven function.

    The target is called exactly once whatever happens in between; its result, or what it raises, passes unchanged, and
    without an entry of the advice's frame in the traceback.

    Args:
        point_of: reads a proxy's join point, past its `__getattribute__`.
    """

    @internal
    def advise(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        point: Any = point_of(self)
        recipe = point.recipe
        recording: Any = None
        counted = False
        if recipe is not None and not point.lazy:
            # What is not recorded is counted here, before anything is made for it.
            context = current()
            above = context.get(SPAN_KEY)
            inside = tail = None
            if above is None:
                if recipe.never:
                    inside = with_span(context, UNSAMPLED) if context else LEFT_OUT_CONTEXT
                    point.skip()
                elif recipe.is_plain and not point.recorder.forced:
                    tail = point.recorder.tail
                    if tail is not None:
                        inside = tail.leave_out(recipe, context)
            if type(inside) is Context or (
                above is not None
                and type(above) is Unrecorded
                and recipe.counts_alone
                and not point.tally.has_namesakes
            ):
                counted = True
                token = None if inside is None else attach(inside)
                start = _clock()
                try:
                    result = point.call(*args, **kwargs)
                except BaseException as exc:
                    stop = _clock()
                    if token is not None:
                        detach(token)
                    point.end_counted(recipe, args, kwargs, inside, start, stop, exc)
                    cut_frame(exc)
                    raise
                taken = _clock() - start
                if token is not None:
                    try:
                        reset(token)
                    except (ValueError, LookupError):
                        pass
                later = _continues(id(type(result))) is not None
                if is_held(result) if later else recipe.fold is None:
                    if recipe.error_when is not None:
                        point.end_judged(recipe, args, kwargs, start, start + taken, result)
                        return result
                    recipe.count(taken)
                    if not start & LOOK_AT:
                        point.tally.relieve()
                    if tail is not None and (taken > point.tally.slow or tail.roots):
                        point.end_counted(recipe, args, kwargs, inside, start, start + taken, None)
                    return result
                if point.bound and args:  # what its call has only made goes on, under a recording that lasts as long
                    recording = point.begin_later(recipe, point.function, args[0], args[1:], kwargs)
                else:
                    recording = point.begin_later(recipe, point.function, None, args, kwargs)
            elif point.bound and args:
                recording = point.begin(recipe, point.function, args[0], args[1:], kwargs, context, above, inside or 0)
            else:
                recording = point.begin(recipe, point.function, None, args, kwargs, context, above, inside or 0)
        if counted:
            pass
        elif recording is None:
            try:
                result = point.call(*args, **kwargs)
            except BaseException as exc:
                cut_frame(exc)
                raise
            if recipe is None or not point.lazy:
                return result
        else:
            token = attach(recording.context)
            try:
                result = point.call(*args, **kwargs)
            except BaseException as exc:
                detach(token)
                recording.fail(exc)
                cut_frame(exc)
                raise
            try:  # `detach` without the call
                reset(token)
            except (ValueError, LookupError):
                pass
        proceed = _continues(id(type(result)))
        if proceed is not None and not point.lazy and is_held(result):
            proceed = None
        elif proceed is None and recipe.fold is not None:
            proceed = proceed_with(type(result))
        if proceed is not None:
            instance, rest = (args[0], args[1:]) if point.bound and args else (None, args)
            return go_on(proceed, point, recipe, recording, result, instance, rest, kwargs)
        if type(recording) is Span and recording.stop is None:  # `Span.finish` without the call
            recording.stop = _clock()
            recording.recorder.finish(recording, result)
        elif recording is not None:
            recording.finish(result)
        return result

    return advise
