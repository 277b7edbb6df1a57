"""Generators and async generators whose steps run under their span."""

from __future__ import annotations

from typing import Any

from tracing_proxies.weaving.standin import StandIn
from tracing_proxies.weaving.steps import run_in_steps


class TracedGenerator(StandIn):
    """A generator whose steps run under its span."""

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        return self._tp_state.step(self._tp_wrapped.__next__)

    def send(self, value: Any) -> Any:
        __tracebackhide__ = True
        return self._tp_state.step(self._tp_wrapped.send, value)

    def throw(self, *args: Any) -> Any:
        __tracebackhide__ = True
        return self._tp_state.step(self._tp_wrapped.throw, *args)

    def close(self) -> None:
        __tracebackhide__ = True
        stream = self._tp_state
        steps = stream.steps
        token = steps.enter() if steps is not None else None
        try:
            self._tp_wrapped.close()
        except BaseException as exc:
            stream.fail(exc)
            raise
        finally:
            if steps is not None:
                steps.leave(token)
        stream.abandon()

    def __del__(self) -> None:
        self._tp_state.abandon()


class TracedAsyncGenerator(StandIn):
    """An async generator whose steps run under its span."""

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        return self._tp_state.async_step(self._tp_wrapped.__anext__())

    def asend(self, value: Any) -> Any:
        return self._tp_state.async_step(self._tp_wrapped.asend(value))

    def athrow(self, *args: Any) -> Any:
        return self._tp_state.async_step(self._tp_wrapped.athrow(*args))

    async def aclose(self) -> None:
        __tracebackhide__ = True
        stream = self._tp_state
        try:
            if stream.steps is None:
                await self._tp_wrapped.aclose()
            else:
                await run_in_steps(self._tp_wrapped.aclose(), stream.steps)
        except BaseException as exc:
            stream.fail(exc)
            raise
        stream.abandon()

    def __del__(self) -> None:
        self._tp_state.abandon()
