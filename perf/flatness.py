"""Whether a figure that is sampled over hours stays where it is: a robust slope, and a bound for it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import combinations

import attrs

HOUR = 3_600.0


@attrs.frozen
class Trend:
    """How a figure has moved.

    Args:
        first: its median in the first cycle after the warm-up.
        last: its median in the last cycle.
        per_hour: the Theil-Sen slope over the medians of all cycles after the warm-up.
    """

    first: float
    last: float
    per_hour: float


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median of the slopes between all pairs of points (Theil 1950, Sen 1968).

    Args:
        points: abscissa and ordinate of each; a third of them may be anywhere, and the slope hardly moves.

    Raises:
        ValueError: there are fewer than two different abscissae.
    """
    slopes = [(y - other) / (x - before) for (before, other), (x, y) in combinations(points, 2) if x != before]
    if not slopes:
        raise ValueError("a slope needs two points at different times")
    return statistics.median(slopes)


def follow(samples: Sequence[tuple[float, float]], cycle: float, warm_up: float) -> Trend:
    """Say how a figure has moved, by its medians over cycles in each of which the same things happen.

    Args:
        samples: seconds since the start, and the figure.
        cycle: seconds.
        warm_up: seconds at the start that do not count.

    Raises:
        ValueError: there are fewer than two cycles after the warm-up.
    """
    cycles: dict[int, list[float]] = {}
    for seconds, figure in samples:
        if seconds >= warm_up:
            cycles.setdefault(int(seconds // cycle), []).append(figure)
    medians = [((number + 0.5) * cycle / HOUR, statistics.median(found)) for number, found in sorted(cycles.items())]
    return Trend(medians[0][1] if medians else 0.0, medians[-1][1] if medians else 0.0, slope(medians))
