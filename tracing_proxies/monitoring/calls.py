"""Every call, from the exact tallies that recording keeps: how many, how many failed, how long, how many under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import attrs

from tracing_proxies.monitoring.distribution import Distribution
from tracing_proxies.monitoring.numbers import Labels, Numbers
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.tally import Tally

CALLS = "tracing_proxies_calls_total"
DURATION = "tracing_proxies_call_duration_seconds"
IN_FLIGHT = "tracing_proxies_calls_in_flight"
EVENTS = "tracing_proxies_events_total"
_NONE = (0, 0)


@attrs.frozen(eq=False, repr=False)
class _Known:
    """What the registry says of a target.

    Args:
        is_root: whether each call begins a trace of its own.
        is_exact: whether each call has a span while it is under way, as far as its own rule goes.
    """

    labels: Labels
    is_root: bool
    is_exact: bool


class CallCounts:
    """Adds up what the tallies of a recorder say.

    A tally goes by its target alone. What it has counted since the last look is added to the name that the target has
    by then, so that a reload which gives it another name begins another series and takes nothing from the old one.

    Args:
        recorder: whose calls they are.
        recipes: tells all recipes that are in use.
    """

    def __init__(self, recorder: Recorder, recipes: Callable[[], Iterable[Recipe]]) -> None:
        self._recorder = recorder
        self._recipes = recipes
        self._known: dict[str, _Known] = {}
        self._stale = True
        self._seen: dict[str, tuple[int, int]] = {}

    def forget_names(self) -> None:
        """Ask for the names of the targets anew: the registry has changed."""
        self._stale = True

    def after_fork(self) -> None:
        """Begin anew in a forked child, as the tallies do."""
        self._seen = {}

    def add_to(self, numbers: Numbers) -> None:
        """Add what was counted since the last look, and say what is under way."""
        tallies = list(self._recorder.tallies.values())
        if self._stale or any(tally.target not in self._known for tally in tallies):
            self._learn_names()
        for tally in tallies:
            if tally.calls != self._seen.get(tally.target, _NONE)[0]:
                self._add(tally, numbers)
        self._add_open(numbers)

    def _add(self, tally: Tally, numbers: Numbers) -> None:
        known, (calls_before, errors_before) = self._of(tally.target), self._seen.get(tally.target, _NONE)
        all_calls, all_errors, sketch = tally.take()
        self._seen[tally.target] = all_calls, all_errors
        if all_calls < calls_before:
            calls_before, errors_before = _NONE  # it began anew
        calls, errors = all_calls - calls_before, all_errors - errors_before
        for outcome, many in (("ok", calls - errors), ("error", errors)):
            # Also where there are none: a rate of errors needs a counter that stood at 0 before the first.
            numbers.count((CALLS, (*known.labels, outcome)), many)
            if known.is_root:
                numbers.count((EVENTS, (*known.labels[:2], outcome)), many)
        numbers.distribute((DURATION, known.labels), Distribution.of(sketch))

    def _add_open(self, numbers: Numbers) -> None:
        if self._recorder.tail is not None:
            return  # calls that are not recorded are under way without anybody's knowing
        spans = list(self._recorder.open.values())
        under_way = Counter(span.recipe.tally.target for span in spans)
        for target in self._seen.keys() | under_way.keys():
            known = self._of(target)
            if known.is_exact:
                numbers.gauges[IN_FLIGHT, known.labels] = under_way[target]

    def _learn_names(self) -> None:
        self._stale = False
        for recipe in list(self._recipes()):
            name = recipe.constant_name
            if name is None and recipe.policy.name is not None:
                # As it is written: only each call can tell the rest.
                name = recipe.policy.name.text.replace("{function}", recipe.function)
            self._known[recipe.tally.target] = _Known(
                (recipe.tally.target, name or "", recipe.observation),
                recipe.root,
                recipe.sample >= 1.0 and recipe.rate is None and recipe.delegate is None,
            )
        for target in list(self._recorder.tallies):
            # Until its rule is in use, or where it never was: what the target itself says.
            self._known.setdefault(target, _Known((target, target.partition(":")[2], "span"), False, False))

    def labels_of(self, target: str) -> Labels:
        """Return the labels of a target: its own name, that of its spans, and their type."""
        return self._of(target).labels

    def _of(self, target: str) -> _Known:
        return self._known.get(target) or _Known((target, target.partition(":")[2], "span"), False, False)
