"""Context managers whose span lasts from enter to exit."""

from __future__ import annotations

import contextlib
from typing import Any

import wrapt

from tracing_proxies.recording.context import attach, detach
from tracing_proxies.recording.span import Span
from tracing_proxies.weaving.steps import Recording

MANAGERS = frozenset((contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager))
"""Context managers by their result's type; many other objects (files, locks, clients) can be entered as well, and mean
something else when a function returns them."""


class TracedContextManager(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """A context manager, sync or async, whose span lasts from enter to exit and is current in between."""

    def __init__(self, manager: Any, recording: Recording) -> None:
        super().__init__(manager)
        self._self_tp_recording: Recording | None = recording
        self._self_tp_token: Any = None
        self._self_tp_entered = False
        self._self_tp_value: Any = None

    def __enter__(self) -> Any:
        __tracebackhide__ = True
        self._begin()
        try:
            self._self_tp_value = self.__wrapped__.__enter__()
        except BaseException as exc:
            self._end(exc)
            raise
        return self._self_tp_value

    def __exit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        try:
            suppressed = self.__wrapped__.__exit__(kind, exc, traceback)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None if suppressed else exc)
        return suppressed

    async def __aenter__(self) -> Any:
        __tracebackhide__ = True
        self._begin()
        try:
            self._self_tp_value = await self.__wrapped__.__aenter__()
        except BaseException as exc:
            self._end(exc)
            raise
        return self._self_tp_value

    async def __aexit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        try:
            suppressed = await self.__wrapped__.__aexit__(kind, exc, traceback)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None if suppressed else exc)
        return suppressed

    def _begin(self) -> None:
        recording = self._self_tp_recording
        self._self_tp_entered = True
        if recording is not None:
            self._self_tp_token = attach(recording.context)

    def _end(self, exc: BaseException | None) -> None:
        recording, self._self_tp_recording = self._self_tp_recording, None
        value, self._self_tp_value = self._self_tp_value, None
        if recording is None:
            return
        detach(self._self_tp_token)
        if exc is None:
            recording.finish(value)
        else:
            recording.fail(exc)

    def __del__(self) -> None:
        recording = self._self_tp_recording
        if isinstance(recording, Span) and not self._self_tp_entered:
            recording.recorder.discard(recording)
