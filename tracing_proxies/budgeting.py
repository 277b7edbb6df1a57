"""Holds what is traced to the budget that a registry sets: the controller, its thread, and what asks it."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tracing_proxies import failures
from tracing_proxies.brake import Brake
from tracing_proxies.delivery.loop import Loop
from tracing_proxies.errors import Place
from tracing_proxies.recording.context import attach, current, detach, suppress, with_span
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.tally import count_calls
from tracing_proxies.recording.unrecorded import UNSAMPLED
from tracing_proxies.registry.model import Registry, Rule, SamplingSettings, Settings
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import Policy
from tracing_proxies.sampling.controller import CALM_TICK, Controller
from tracing_proxies.sampling.host import HostLoad, host_load
from tracing_proxies.sampling.learning import Work
from tracing_proxies.sampling.stacked import find_stacked
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.proxies import weave_callable

_log = logging.getLogger("tracing_proxies")
T = TypeVar("T")
_ATTENTIVE_FOR = 2.0
_AWAKE_FOR = 30.0
_CALIBRATION_CALLS = 200
_MANY = 32
_MOST_HELD_UP = 4_096


class Budgeting:
    """The budget of one runtime.

    Args:
        recorder: whose traces are sampled.
        emit: takes each span that is kept.
        worker: tells what our own threads have done so far.
    """

    def __init__(self, recorder: Recorder, emit: Callable[[Any], None], worker: Callable[[], Work]) -> None:
        self._recorder = recorder
        self._emit = emit
        self._worker = worker
        self._settings: SamplingSettings | None = None
        self._controller: Controller | None = None
        self._tail: Tail | None = None
        self._loop = Loop("tracing-sampling", self._step, suppress=suppress, awaited=False)
        self._roots = 0
        self._busy = 0.0
        self._calibrated = False
        self._counted = (0.0, 0, 0.0)
        self._brake = Brake(list)
        self._held_up: deque[str] = deque(maxlen=_MOST_HELD_UP)

    def watch(self, recipes: Callable[[], Iterable[Recipe]]) -> None:
        """Step down the rules whose tracing holds calls up, of all recipes that are in use."""
        self._brake = Brake(recipes)
        self._recorder.impatient = self._trip

    def follow(self, registry: Registry) -> None:
        """Go over to the budget of a registry, at once; traces that are under way keep to the one they began with."""
        settings = registry.sampling
        if settings == self._settings:
            return
        self._settings = settings
        self._recorder.patience = settings.max_latency
        for sampler in () if settings.unlimited else find_stacked(os.environ):
            _log.warning("two samplers: %s", sampler)
        if settings.unlimited:
            self._recorder.sample(None)
            return
        if self._controller is None:
            self._controller = Controller(
                settings.budget,
                floor=settings.floor,
                worker=self._worker,
                calls=self._calls,
                host=HostLoad(host_load()),
            )
        self._controller.budget, self._controller.floor = settings.budget, settings.floor
        self._tail = Tail(self._controller, settings.keep, self._emit, self._rouse)
        self._recorder.sample(self._tail)

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._loop.after_fork()

    def close(self) -> None:
        """Decide on what is undecided, and end the thread."""
        self._loop.stop(0.2)
        if self._tail is not None:
            self._tail.close()

    @property
    def share(self) -> float | None:
        """The budget, as a share of one core; None where there is none."""
        return None if self._controller is None or self._recorder.tail is None else self._controller.budget

    def status(self) -> dict[str, Any]:
        """Describe the budget and what it has led to, in plain values."""
        stepped = {"stepped_down": self._brake.status(), "stacked": find_stacked(os.environ)}
        if self._controller is None or self._recorder.tail is None:
            return {"budget": None, "step": "full", **stepped}
        tail = self._recorder.tail
        return {**self._controller.status(), "undecided": len(tail.undecided), "held": tail.holding, **stepped}

    def take_costs(self) -> list[float]:
        """Return what recording a span took on the application's threads, each since the last time it was measured."""
        return [] if self._controller is None else _take(self._controller.timings)

    def take_held_up(self) -> list[str]:
        """Return the target of each call that recording has held up since the last time."""
        return _take(self._held_up)

    def _trip(self, recipe: Recipe, taken: int) -> None:
        self._held_up.append(recipe.tally.target)
        self._brake.trip(recipe, taken)
        if self._loop.start():
            self._loop.wake()

    def _rouse(self) -> None:
        if self._controller is not None and self._tail is not None:
            self._controller.roots = self._tail.arrived
        due = self._controller is not None and self._controller.due
        if not self._loop.start():
            if due:
                self._beat()  # no thread can be started: the calling one does it
        elif due:  # it wakes by itself as long as it is awake; twice as often would cost twice as much
            self._loop.wake()

    def _step(self) -> float | None:
        controller = self._controller
        self._brake.release()
        if controller is None or self._recorder.tail is None:
            return 1.0 if self._brake.is_on else None
        if not self._calibrated:
            self._calibrated = True
            controller.costs.count = cost_of_counting()
        self._beat()
        now = time.monotonic()
        if controller.roots != self._roots or (self._tail is not None and self._tail.undecided):
            self._roots, self._busy = controller.roots, now
        if now - self._busy < _AWAKE_FOR:
            # What begins of a sudden rouses it sooner.
            return controller.tick if now - self._busy < _ATTENTIVE_FOR else CALM_TICK
        return 1.0 if self._brake.is_on else None

    def _beat(self) -> None:
        try:
            if self._controller is not None:
                if self._tail is not None:
                    self._controller.roots = self._tail.arrived
                    self._controller.commitment.under_way = len(self._tail.undecided)
                self._controller.step()
            if self._tail is not None:
                self._tail.sweep()
        except Exception as exc:
            failures.contain("sampling", exc)

    def _calls(self) -> int:
        tallies = self._recorder.tallies
        now = time.monotonic()
        then, known, rate = self._counted
        # Asking thousands of targets ten times a second would cost more than what it is asked for.
        if len(tallies) > _MANY and 0 <= now - then < 1.0:
            return known + int(rate * (now - then))
        found = count_calls(list(tallies.values()))
        self._counted = (now, found, max(0.0, (found - known) / (now - then)) if now > then > 0 else 0.0)
        return found


def _take(noted: deque[T]) -> list[T]:
    """Return what was noted, and forget it; what is noted meanwhile stays."""
    return [noted.popleft() for _ in range(len(noted))]


def cost_of_counting() -> float:
    """Measure what it costs to count one call of a woven function, besides the call itself.

    Returns:
        Seconds of CPU.
    """
    recorder = Recorder(lambda span: None)
    point = JoinPoint(Target(__name__, None, "_nothing"), _nothing, recorder, lazy=False, bound=False)
    rule = Rule((), (), (), Place("", 1, 1), -1, Settings())
    point.recipe = Recipe(Policy(rule, (rule,)), _nothing, "_nothing", bound=False)
    woven = weave_callable(_nothing, point)
    token = attach(with_span(current(), UNSAMPLED))
    try:
        return min(max(0.0, _time(woven) - _time(_nothing)) for _ in range(3))
    finally:
        detach(token)


def _nothing() -> None:
    """Stand for any function."""


def _time(function: Callable[[], None]) -> float:
    start = time.thread_time()
    for _ in range(_CALIBRATION_CALLS):
        function()
    return (time.thread_time() - start) / _CALIBRATION_CALLS
