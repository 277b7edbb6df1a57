"""Generators and async generators whose steps run under their span."""

from __future__ import annotations

from typing import Any

import wrapt

from tracing_proxies.weaving.steps import run_in_steps
from tracing_proxies.weaving.stream import Stream


class TracedGenerator(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """A generator whose steps run under its span."""

    def __init__(self, generator: Any, stream: Stream) -> None:
        super().__init__(generator)
        self._self_tp_stream = stream

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        return self._self_tp_stream.step(self.__wrapped__.__next__)

    def send(self, value: Any) -> Any:
        __tracebackhide__ = True
        return self._self_tp_stream.step(self.__wrapped__.send, value)

    def throw(self, *args: Any) -> Any:
        __tracebackhide__ = True
        return self._self_tp_stream.step(self.__wrapped__.throw, *args)

    def close(self) -> None:
        __tracebackhide__ = True
        stream = self._self_tp_stream
        steps = stream.steps
        token = steps.enter() if steps is not None else None
        try:
            self.__wrapped__.close()
        except BaseException as exc:
            stream.fail(exc)
            raise
        finally:
            if steps is not None:
                steps.leave(token)
        stream.abandon()

    def __del__(self) -> None:
        self._self_tp_stream.abandon()


class TracedAsyncGenerator(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """An async generator whose steps run under its span."""

    def __init__(self, generator: Any, stream: Stream) -> None:
        super().__init__(generator)
        self._self_tp_stream = stream

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        return self._self_tp_stream.async_step(self.__wrapped__.__anext__())

    def asend(self, value: Any) -> Any:
        return self._self_tp_stream.async_step(self.__wrapped__.asend(value))

    def athrow(self, *args: Any) -> Any:
        return self._self_tp_stream.async_step(self.__wrapped__.athrow(*args))

    async def aclose(self) -> None:
        __tracebackhide__ = True
        stream = self._self_tp_stream
        try:
            if stream.steps is None:
                await self.__wrapped__.aclose()
            else:
                await run_in_steps(self.__wrapped__.aclose(), stream.steps)
        except BaseException as exc:
            stream.fail(exc)
            raise
        stream.abandon()

    def __del__(self) -> None:
        self._self_tp_stream.abandon()
