"""The advice around each call of a woven function, compiled: what it has to know of the classes beside it."""

from __future__ import annotations

import time
import types
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import OWN_KEY, SPAN_KEY, variable
from tracing_proxies.recording.handles import Adoption
from tracing_proxies.recording.held import Held
from tracing_proxies.recording.nesting import demote_inner_generation
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import RELEASED
from tracing_proxies.recording.stubs import end_unrecorded
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.tally import Tally
from tracing_proxies.recording.unrecorded import LEFT_OUT_CONTEXT, ROOT_KEY, UNSAMPLED, Unrecorded, root_of
from tracing_proxies.weaving.advice import JoinPoint, go_on
from tracing_proxies.weaving.generators import TracedAsyncGenerator, TracedGenerator
from tracing_proxies.weaving.stream_objects import proceed_with
from tracing_proxies.weaving.streams import CONTINUES, drive

advised: Any = None if hot is None or variable is None else hot.Advised
"""The base whose ``__call__`` is the advice; None where nothing is compiled, or contexts are kept otherwise."""


def straighten(woven: type, kind: type) -> None:
    """Let the instances of a class be asked for the attributes of what they stand for without a detour.

    Args:
        woven: a class of woven functions.
        kind: the class of what they stand for: functions, or what binds as they do and can no more.
    """
    hot.straighten(woven, kind)


def bind(woven: type, getattribute: Any, wrapts: Any, wrapped: Any, not_functions: frozenset[str]) -> None:
    """Let the compiled advice know whom it deals with; it reads their slots by place.

    Args:
        woven: the class of the proxies, whose slot ``_self_tp`` holds the join point.
        getattribute: the original of how their attributes are read.
        wrapts: how those of wrapt's own proxies are.
        wrapped: the descriptor of what one of them wraps.
        not_functions: the names that only the original knows how to read.
    """
    classes = (JoinPoint, Recorder, Tally, Tail, Held, Context, Unrecorded, Adoption)
    hot.bind(
        {
            **{cls.__name__: cls for cls in classes},
            "TracedGenerator": TracedGenerator,
            "TracedAsyncGenerator": TracedAsyncGenerator,
            "WovenFunction": woven,
            "getattribute": getattribute,
            "wrapt_getattribute": wrapts,
            "wrapt_wrapped": wrapped,
            "not_functions": not_functions,
            "root_of": root_of,
            "end_unrecorded": end_unrecorded,
            "UNSAMPLED": UNSAMPLED,
            "LEFT_OUT_CONTEXT": LEFT_OUT_CONTEXT,
            "RELEASED": RELEASED,
            "SPAN_KEY": SPAN_KEY,
            "OWN_KEY": OWN_KEY,
            "ROOT_KEY": ROOT_KEY,
            "continues": CONTINUES,
            "proceed_with": proceed_with,
            "proceed_generator": CONTINUES[id(types.GeneratorType)],
            "proceed_async_generator": CONTINUES[id(types.AsyncGeneratorType)],
            "proceed_coroutine": CONTINUES[id(types.CoroutineType)],
            "drive": drive,
            "go_on": go_on,
            "clock": time.perf_counter_ns,
            "wall_clock": time.time_ns,
            "NonRecordingSpan": NonRecordingSpan,
            "demote": demote_inner_generation,
        }
    )
