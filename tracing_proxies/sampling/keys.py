"""Names of traces: how many come of each, how long they take, and which share of each is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable

MOST_KEYS = 500
LEAST = 1 / 1_000
"""No trace that is kept stands for more: sums over few of which each says thousands say nothing."""
_LEAST_SHARE = 1 / 500
_RARE_AFTER = 30.0
_ENOUGH_CALLS = 30
_DEVIATIONS = 3.0
_FORGET_AFTER = 600.0
_RELEASE = 0.7
_ENOUGH_LOOKS = 20
_LEARN = 0.02


def surely(total: float, count: float) -> float:
    """Return what is beyond chance of a sum over so many random events: rates rise at once by that, not by a whim."""
    return total * (1.0 - 1.0 / math.sqrt(count)) if count > 1 else 0.0


class Key:
    """One name of traces.

    Attributes:
        arrived: how many came since the last second, each trace that was looked at standing for those that were not.
        looked: how many of them were looked at.
        level: how many come in a second; it rises at once and falls slowly.
        spans: spans per trace.
        share: the probability at which a trace of this name is kept.
        slow: a trace that took longer is a slow one; seconds.
        seen: when the last one ended.
    """

    __slots__ = (
        "_deviation",
        "_mean",
        "_measured",
        "arrived",
        "level",
        "looked",
        "seen",
        "seen_calls",
        "share",
        "slow",
        "spans",
    )

    def __init__(self, share: float) -> None:
        self.share = share
        self.arrived = 0.0
        self.looked = 0
        self.level = 0.0
        self.spans = 1.0
        self.slow = math.inf
        self.seen = -math.inf
        self.seen_calls = 0
        self._mean = 0.0
        self._measured = 0
        self._deviation = 0.0

    def note(self, now: float, duration: float, spans: float) -> bool:
        """Learn from one trace.

        Args:
            duration: seconds.

        Returns:
            Whether it is a rare one: none was seen for 30 seconds.
        """
        rare = now - self.seen > _RARE_AFTER
        self.seen = now
        self.seen_calls = calls = self.seen_calls + 1
        self.learn_spans(spans)
        # Mean and deviation of the logarithm; the steps stay large enough to follow a change.
        logged = math.log(max(duration, 1e-9))
        step = max(1 / calls, _LEARN)
        apart = logged - self._mean
        self._mean += step * apart
        self._deviation += step * (abs(apart) * abs(logged - self._mean) - self._deviation)
        if calls >= _ENOUGH_CALLS:
            self.slow = math.exp(self._mean + _DEVIATIONS * math.sqrt(self._deviation))
        return rare

    def learn_spans(self, spans: float) -> None:
        """Learn how many spans a trace has."""
        self._measured = min(self._measured + 1, 20)
        self.spans += (spans - self.spans) / self._measured

    def turn(self, seconds: float, follow: float) -> None:
        """Begin a new second.

        Args:
            follow: by which part the level goes over to what has come.
        """
        came = self.arrived / seconds
        self.level = max(surely(came, self.looked), self.level + follow * (came - self.level))
        self.arrived, self.looked = 0.0, 0


class Keys:
    """All names that are known, at most 500; those beyond share one key.

    A name that is new counts for that key as well, for the first time: names that are made up anew for each trace are
    one stream, and get room as one. Where there are many of them they are not rare either.

    Attributes:
        others: the key of what has none of its own.
        looked: how many traces were looked at since the last second.
        level: how many come in a second, whatever their names.
    """

    __slots__ = ("_keys", "level", "looked", "others")

    def __init__(self) -> None:
        self.others = Key(1.0)
        self.looked = 0
        self.level = 0.0
        self._keys: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, name: str) -> Key:
        """Return the key of a name; a new one has no share of its own yet, and is kept as the others are."""
        key = self._keys.get(name)
        if key is None:
            if len(self._keys) >= MOST_KEYS:
                return self.others
            key = self._keys[name] = Key(self.others.share)
        return key

    def note(self, key: Key, now: float, duration: float, spans: float, weight: float) -> bool:
        """Learn from one trace that has ended.

        Args:
            now: seconds of the monotonic clock.
            duration: seconds.
            weight: how many traces it stands for.

        Returns:
            Whether it is a rare one: none of its name was seen for 30 seconds.
        """
        known = key.seen_calls > 0
        charged = key if known else self.others
        charged.arrived += weight
        charged.looked += 1
        if charged is not key:
            charged.learn_spans(spans)
        self.looked += 1
        rare = key.note(now, duration, spans)
        return rare and (known or not self.crowded)

    @property
    def crowded(self) -> bool:
        """Whether there are so many names that a new one is nothing rare."""
        return len(self._keys) >= MOST_KEYS // 2

    def named(self) -> dict[str, Key]:
        """Return all keys that are known, by name."""
        return dict(self._keys)

    def turn(self, now: float, seconds: float, roots: float, room: float, cost: float, floor: float) -> None:
        """Begin a new second, and share what there is room for.

        The names are known only of traces that were looked at, how many come is known exactly: so the former say how
        the latter are shared out, and where few were looked at what was known before holds.

        Args:
            now: seconds of the monotonic clock.
            seconds: how long the last one was.
            roots: how many traces come in a second.
            room: what keeping traces may cost, in seconds of CPU per second.
            cost: of one span, in seconds of CPU.
            floor: how many traces of each name are kept at least, per second, as far as there is room.
        """
        self._forget(now)
        keys = [*self._keys.values(), self.others]
        follow = (1.0 - _RELEASE**seconds) * min(1.0, self.looked / _ENOUGH_LOOKS)
        for key in keys:
            key.turn(seconds, follow)
        known, self.level, self.looked = sum([key.level for key in keys]), roots, 0
        if known > 0.0:
            for key in keys:
                key.level *= roots / known
        else:
            self.others.level = roots
        self.fill(room, cost, floor)

    def _forget(self, now: float) -> None:
        """Forget names that have not been seen for long; those that were seen but once sooner, and to make room."""
        strangers = []
        for name, key in list(self._keys.items()):
            key.seen = min(key.seen, now)  # a clock may go back
            stranger = key.seen_calls < 2
            if now - key.seen > (_RARE_AFTER if stranger else _FORGET_AFTER):
                del self._keys[name]
            elif stranger:
                strangers.append((key.seen, name))
        for _, name in sorted(strangers)[: max(0, len(self._keys) - MOST_KEYS // 2)]:
            del self._keys[name]

    def fill(self, room: float, cost: float, floor: float) -> None:
        """Share what there is room for over the keys."""
        keys = list(self._keys.values())
        fill([*keys, self.others], room, cost, floor)
        least = LEAST if room > 0.0 else 0.0
        self.others.share = max(self.others.share, least)
        for key in keys:
            key.share = max(key.share, least) if key.level > 0.0 else self.others.share


def fill(keys: Iterable[Key], room: float, cost: float, floor: float) -> None:
    """Set the share of each key, by water-filling: rare names are kept whole, and what they leave is the others'.

    Each key gets room by the square root of its rate, first a floor, as long as all floors together take no more than
    half of the room.
    """
    waiting = sorted((key for key in keys if key.level > 0), key=lambda key: key.level)
    floors = [max(_LEAST_SHARE, min(1.0, floor / key.level)) for key in waiting]
    wanted = sum(share * key.level * key.spans * cost for share, key in zip(floors, waiting, strict=True))
    scale = min(1.0, room / 2 / wanted) if wanted else 1.0
    room -= wanted * scale
    weights = sum(math.sqrt(key.level) * key.spans for key in waiting)
    for share, key in zip(floors, waiting, strict=True):
        least = share * scale
        weight = math.sqrt(key.level) * key.spans
        price = key.level * key.spans * cost
        more = min(1.0 - least, max(0.0, room) * weight / weights / price)
        key.share = least + more
        room -= more * price
        weights -= weight
