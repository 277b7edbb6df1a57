"""Steps a rule down whose tracing holds calls up: its payloads are left out for a while, then it is tried again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import attrs

from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.registry.model import Rule

_FIRST = 60.0
_LONGEST = 1_800.0
_TWICE_WITHIN = 60.0

_log = logging.getLogger("tracing_proxies")


@attrs.define(eq=False, repr=False)
class _Stepped:
    """One rule that has been stepped down."""

    rule: Rule
    until: float
    pause: float
    restores: list[Callable[[], None]]


class Brake:
    """The last resort, for what a budget cannot see in time: a call that waits because its arguments are copied.

    Args:
        recipes: tells all recipes that are in use.
        clock: tells the monotonic time in seconds.
    """

    def __init__(self, recipes: Callable[[], Iterable[Recipe]], clock: Callable[[], float] = time.monotonic) -> None:
        self._recipes = recipes
        self._clock = clock
        self._stepped: dict[int, _Stepped] = {}
        self._held_up_at: dict[int, float] = {}
        self.trips = 0

    @property
    def is_on(self) -> bool:
        """Whether any rule is stepped down."""
        return any(stepped.restores for stepped in self._stepped.values())

    def trip(self, recipe: Recipe, taken: int) -> None:
        """Step the rule of a recipe down: at first for a minute, each time twice as long, at most half an hour.

        A rule that reads properties, and so may run code of the application's, is stepped down at once. One that only
        copies is if that happens twice within a minute: a single call may have been held up by the machine, which had
        another process run, or by a collection of garbage that came meanwhile.

        Args:
            taken: how long one call was held up, in nanoseconds.
        """
        rule = recipe.policy.rule
        before = self._stepped.get(id(rule))
        if before is not None and before.restores:
            return
        if recipe.is_plain and not self._is_second(rule):
            return
        pause = _FIRST if before is None else min(_LONGEST, 2 * before.pause)
        restores = [each.step_down() for each in self._recipes() if each.policy.rule is rule]
        restores = restores or [recipe.step_down()]
        self._stepped[id(rule)] = _Stepped(rule, self._clock() + pause, pause, restores)
        self.trips += 1
        _log.warning(
            "%s: recording %s held its call up for %.0f ms; this rule records no payload for %.0f s",
            rule.place, recipe.function, taken / 1e6, pause,
        )  # fmt: skip

    def _is_second(self, rule: Rule) -> bool:
        now, before = self._clock(), self._held_up_at.get(id(rule))
        self._held_up_at[id(rule)] = now
        return before is not None and now - before <= _TWICE_WITHIN

    def release(self) -> None:
        """Try those rules again whose time is up."""
        now = self._clock()
        for stepped in list(self._stepped.values()):
            if stepped.restores and now >= stepped.until:
                restores, stepped.restores = stepped.restores, []
                for restore in restores:
                    restore()

    def status(self) -> list[str]:
        """Name the rules that are stepped down, by where they stand."""
        return [str(stepped.rule.place) for stepped in list(self._stepped.values()) if stepped.restores]
