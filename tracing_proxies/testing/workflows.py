"""A deterministic stream of triggers that arrive by chance, each with the whole trace that it leads to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from tracing_proxies.registry.suggest import nearest
from tracing_proxies.testing.scenes import PRODUCTS, SCENES
from tracing_proxies.testing.steps import Trigger, Workflow
from tracing_proxies.testing.unfolding import unfold

KINDS: Final = tuple(SCENES)
"""The kinds of triggers."""

_INTENSITIES: Final = ("low", "medium", "high")
_INTENSITY_WEIGHTS: Final = (5, 3, 1)


def workflows(
    seed: int,
    rate: float = 10.0,
    mix: Mapping[str, float] | None = None,
    error_share: float = 0.05,
    pii_share: float = 0.2,
) -> Iterator[Workflow]:
    """Yield workflows of a retail optimiser without end, in the order of their triggers.

    Triggers arrive in virtual time as a Poisson process. When they arrive depends on ``seed`` and ``rate`` alone, and
    what each of them leads to does not depend on those before: the same arguments give the same stream, and another
    ``error_share`` lets other workflows fail without moving any.

    Args:
        seed: of all chance.
        rate: triggers per second of virtual time.
        mix: how frequent each kind of trigger is, as weights by kind; kinds that are left out do not occur. By default
            all of `KINDS` do, alerts and forecasts more often than reviews.
        error_share: share of the workflows in which a tool fails, by raising or by what it returns. From some the agent
            recovers, some fail as a whole.
        pii_share: share of the workflows whose payloads hold invented names, e-mail addresses, phone and card
            numbers.

    Raises:
        ValueError: a rate, weight or share is out of its range, or there is no such kind.
    """
    weights = _weigh(mix)
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"rate must be a positive number of triggers per second, not {rate!r}")
    for name, share in (("error_share", error_share), ("pii_share", pii_share)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be between 0 and 1, not {share!r}")
    return _stream(seed, rate, weights, error_share, pii_share)


def _stream(
    seed: int, rate: float, weights: Mapping[str, float], error_share: float, pii_share: float
) -> Iterator[Workflow]:
    arrivals = Random(seed)
    kinds, frequency = list(weights), list(weights.values())
    seconds, number = 0.0, 0
    while True:
        number += 1
        seconds += arrivals.expovariate(rate)
        random = Random(f"{seed}/{number}")
        kind = random.choices(kinds, frequency)[0]
        trigger = Trigger(
            id=f"run-{seed}-{number:06d}",
            kind=kind,
            source=SCENES[kind].source,
            intensity=random.choices(_INTENSITIES, _INTENSITY_WEIGHTS)[0],
            products=tuple(random.sample(PRODUCTS, random.randrange(1, 4))),
            at=int(seconds * 1e9),
        )
        fails, personal = random.random() < error_share, random.random() < pii_share
        yield unfold(trigger, random, fails=fails, personal=personal)


def _weigh(mix: Mapping[str, float] | None) -> Mapping[str, float]:
    if mix is None:
        return {kind: scene.weight for kind, scene in SCENES.items()}
    for kind, weight in mix.items():
        if kind not in SCENES:
            near = nearest(kind, KINDS)
            hint = f"Did you mean {near!r}?" if near else f"There are: {', '.join(KINDS)}"
            raise ValueError(f"mix: no kind of trigger {kind!r}. {hint}")
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"mix: the weight of {kind!r} must be a number from 0 on, not {weight!r}")
    if not sum(mix.values()) > 0:
        raise ValueError("mix: at least one kind of trigger needs a weight above 0")
    return dict(mix)
