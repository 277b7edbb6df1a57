"""Methods of the same name, of which one may be called through ``super()`` by another."""

from __future__ import annotations

from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.tally import Tally
from tracing_proxies.weaving.advice import JoinPoint


class Namesakes:
    """Marks the tallies of methods whose calls have to know one another: one that joins the other's is not counted.

    A call of theirs that is not recorded has an object of its own for that, which takes three times as long as counting
    it. So it has one only where some method of this name joins calls at all, and functions never do.
    """

    def __init__(self) -> None:
        self._tallies: dict[str, dict[Tally, None]] = {}
        self._joining: set[str] = set()

    def note(self, point: JoinPoint, recipe: Recipe) -> None:
        """Take note of the recipe that a join point gets."""
        if not point.bound:
            return
        name = recipe.function
        alike = self._tallies.setdefault(name, {})
        alike[point.tally] = None
        if recipe.nested == "merge":
            self._joining.add(name)
        if len(alike) > 1 and name in self._joining:
            all_marked = next(iter(alike)).has_namesakes
            for tally in (point.tally,) if all_marked else alike:
                tally.has_namesakes = True
