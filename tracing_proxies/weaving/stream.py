"""The recording of one stream: opened at its first step, fed with its items, ended once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.recording.capture import snapshot
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recording
from tracing_proxies.weaving.steps import Steps, run_in_steps

Opener = Callable[[], Recording | None]
ABANDONED = "abandoned"


class ItemFold:
    """Folds a stream into the list of its first items."""

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


class Stream:
    """The recording of one stream: started at its first step, ended once."""

    __slots__ = ("fold", "opener", "recipe", "recording", "started", "steps")

    def __init__(
        self, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Callable[[], Any] | None
    ) -> None:
        self.opener = opener
        self.recipe = recipe
        self.fold: Any = fold
        self.started = False
        self.recording = begun
        self.steps: Steps | None = None

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
        try:
            self.fold = self.fold() if self.fold is not None else ItemFold(self.recipe)
        except Exception as exc:
            contain("fold", exc)
            self.fold = ItemFold(self.recipe)

    def add(self, item: Any) -> None:
        """Take an item; the fold may say that it was the last one that counts."""
        try:
            if self.fold is not None and self.fold.add(item):
                self.finish()
        except Exception as exc:
            contain("fold", exc)

    def finish(self) -> None:
        """End the span with what the fold has made of the items."""
        recording, self.recording, self.steps = self.recording, None, None
        if recording is None:
            return
        value: Any = None
        try:
            value = self.fold.value()
        except Exception as exc:
            contain("fold", exc)
        self.fold = None
        recording.finish(value)

    def fail(self, exc: BaseException) -> None:
        """End the span with what the body raised."""
        recording, self.recording, self.steps, self.fold = self.recording, None, None, None
        if recording is None:
            return
        if isinstance(exc, GeneratorExit):
            recording.abandon(ABANDONED)
        else:
            recording.fail(exc)

    def abandon(self) -> None:
        """End the span of a stream that was not read to its end."""
        self.started = True
        recording, self.recording, self.steps, self.fold = self.recording, None, None, None
        self.opener = None
        if recording is not None:
            recording.abandon(ABANDONED)

    def step(self, method: Callable[..., Any], *args: Any) -> Any:
        """Run one step of a generator."""
        __tracebackhide__ = True
        if not self.started:
            self.start()
        steps = self.steps
        if steps is None:
            return method(*args)
        token = steps.enter()
        try:
            item = method(*args)
        except StopIteration:
            steps.leave(token)
            self.finish()
            raise
        except BaseException as exc:
            steps.leave(token)
            self.fail(exc)
            raise
        steps.leave(token)
        self.add(item)
        return item

    async def async_step(self, awaitable: Any) -> Any:
        """Await one step of an async generator."""
        __tracebackhide__ = True
        if not self.started:
            self.start()
        steps = self.steps
        if steps is None:
            return await awaitable
        try:
            item = await run_in_steps(awaitable, steps)
        except StopAsyncIteration:
            self.finish()
            raise
        except BaseException as exc:
            self.fail(exc)
            raise
        self.add(item)
        return item
