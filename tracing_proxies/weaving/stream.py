"""The recording of one stream: opened at its first step, fed with its items, ended once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracing_proxies import clocks
from tracing_proxies.compiled import hot
from tracing_proxies.failures import contain
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.context import variable
from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.weaving.internal import all_internal, aside
from tracing_proxies.weaving.standin import StandIn
from tracing_proxies.weaving.steps import Steps

Opener = Callable[[], Recording | None]
ABANDONED = "abandoned"
_clock = clocks.perf_counter_ns


class ItemFold:
    """Folds a stream into the list of its first items."""

    __slots__ = ("_items", "_limits", "_more")

    def __init__(self, recipe: Recipe) -> None:
        self._limits = recipe.limits
        self._items: list[Any] = []
        self._more = 0

    def add(self, item: Any) -> bool:
        """Take one item; no item is the last one here."""
        if len(self._items) < self._limits.max_items:
            self._items.append(snapshot(item, self._limits))
        else:
            self._more += 1
        return False

    def value(self) -> Any:
        """Return the items, with a note on those that were left out."""
        return [*self._items, f"<{self._more:,} more items>"] if self._more else self._items


def is_passed_over(fold: Any, item: Any) -> bool:
    """Tell whether a fold takes no notice of an item: of a dict that has none of the keys which its class wants."""
    wanted = getattr(type(fold), "wanted", None)
    return type(wanted) is tuple and type(item) is dict and not any(key in item for key in wanted)


@all_internal
class Stream:
    """The recording of one stream: started at its first step, ended once.

    Attributes:
        left: when its last step ended, in nanoseconds; a stream that is dropped much later ended then.
    """

    __slots__ = ("fold", "left", "opener", "recipe", "recording", "started", "steps")

    def __init__(
        self, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Callable[[], Any] | None
    ) -> None:
        self.opener = opener
        self.recipe = recipe
        self.fold: Any = fold
        self.started = False
        self.recording = begun
        self.steps: Steps | None = None
        self.left = _clock() if begun is not None else 0

    @aside
    def start(self) -> None:
        """Open the span, in the context of the first step."""
        self.started = True
        opener, self.opener = self.opener, None
        if opener is not None:
            self.recording = opener()
        if self.recording is None:
            self.fold = None
            return
        self.steps = Steps(self.recording)
        if type(self.recording) is Unrecorded or (
            self.fold is None and type(self.recording) is Span and not self.recording.trace.payload
        ):
            self.fold = None  # nothing of the items is wanted
            return
        try:
            self.fold = self.fold() if self.fold is not None else ItemFold(self.recipe)
        except Exception as exc:
            contain("fold", exc)
            self.fold = ItemFold(self.recipe)

    @aside
    def add(self, item: Any) -> None:
        """Take an item; the fold may say that it was the last one that counts."""
        try:
            fold = self.fold
            if fold is not None and not is_passed_over(fold, item) and fold.add(item):
                self.finish()
        except Exception as exc:
            contain("fold", exc)

    @aside
    def finish(self) -> None:
        """End the span with what the fold has made of the items."""
        recording, self.recording, self.steps = self.recording, None, None
        if recording is None:
            return
        value: Any = None
        try:
            value = self.fold.value() if self.fold is not None else None
        except Exception as exc:
            contain("fold", exc)
        self.fold = None
        recording.finish(value)

    @aside
    def fail(self, exc: BaseException) -> None:
        """End the span with what the body raised."""
        recording, self.recording, self.steps, self.fold = self.recording, None, None, None
        if recording is None:
            return
        if isinstance(exc, GeneratorExit):
            recording.abandon(ABANDONED)
        else:
            recording.fail(exc)

    @aside
    def abandon(self) -> None:
        """End the span of a stream that was closed before its end."""
        recording = self._forget()
        if recording is not None:
            recording.abandon(ABANDONED)

    @aside
    def drop(self) -> None:
        """End the span of a stream that nobody holds any more, as of its last step."""
        recording = self._forget()
        if type(recording) is Span and recording.stop is None:
            recording.stop = self.left
            recording.recorder.abandon(recording, ABANDONED)
        elif recording is not None:
            if type(recording) is Unrecorded:
                recording.stop = self.left
            recording.abandon(ABANDONED)

    def step(self, generator: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run one step of a generator, or of another iterator, whose every exception is its end.

        Args:
            generator: None for another iterator.
        """
        __tracebackhide__ = True
        if not self.started:
            self.start()
        steps = self.steps
        if steps is None:
            return method(*args, **kwargs)
        token = steps.enter()
        try:
            item = method(*args, **kwargs)
        except BaseException as exc:
            steps.leave(token)
            self.end_step(generator, exc)
            raise
        self._leave(steps, token)
        self.add(item)
        return item

    @aside
    def end_step(self, generator: Any, exc: BaseException) -> None:
        """Take note of a step that ended in an exception, which is nearly always the end of the stream."""
        self.left = _clock()
        if isinstance(exc, StopIteration):
            self.finish()
        elif generator is None or generator.gi_frame is None:
            self.fail(exc)  # else it refused the step (it runs already, say), and goes on

    def close(self, generator: Any) -> Any:
        """Close a generator."""
        __tracebackhide__ = True
        steps = self.steps
        token = steps.enter() if steps is not None else None
        try:
            value = generator.close()
        except BaseException as exc:
            if steps is not None:
                self._leave(steps, token)
            if generator.gi_frame is None:
                self.fail(exc)
            raise
        if steps is not None:
            self._leave(steps, token)
        self.abandon()
        return value

    def async_step(self, generator: Any, last: bool, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a part of one step of an async generator: up to where it waits, or to its end.

        Args:
            last: whether the step is that of ``aclose``.
        """
        __tracebackhide__ = True
        if not self.started and not last:
            self.start()
        steps = self.steps
        if steps is None:
            if last:
                self.abandon()  # it never began, or has ended: no later step begins it
            return method(*args, **kwargs)
        token = steps.enter()
        try:
            awaited = method(*args, **kwargs)
        except StopIteration as stop:
            self._leave(steps, token)
            if last:
                self.abandon()
            else:
                self.add(stop.value)
            raise
        except StopAsyncIteration:
            self._leave(steps, token)
            self.finish()
            raise
        except BaseException as exc:
            self._leave(steps, token)
            if generator.ag_frame is None:
                self.fail(exc)
            raise
        self._leave(steps, token)
        return awaited

    def async_close(self, generator: Any, awaitable: Any) -> Any:
        """Close the awaitable of one step; since Python 3.13 this closes the generator as well."""
        __tracebackhide__ = True
        steps = self.steps
        if steps is None:
            return awaitable.close()
        token = steps.enter()
        try:
            return awaitable.close()
        finally:
            self._leave(steps, token)
            if generator.ag_frame is None:
                self.abandon()

    def touch(self) -> None:
        """Note that a step has ended now."""
        self.left = _clock()

    @aside
    def _leave(self, steps: Steps, token: Any) -> None:
        steps.leave(token)
        self.left = _clock()

    def _forget(self) -> Recording | None:
        recording, self.recording, self.steps, self.fold = self.recording, None, None, None
        self.started = True
        self.opener = None
        return recording


if hot is not None and variable is not None:
    hot.bind_steps(
        {cls.__name__: cls for cls in (Steps, Stream, StandIn, ItemFold)} | {"variable": variable, "contain": contain}
    )
