"""Finds out what tracing costs in this process: the guesses give way to what is measured."""

from __future__ import annotations

from typing import NamedTuple

from tracing_proxies.sampling.plan import Costs

_LEARN = 0.1
_ALARM = 0.3
_LEAP = 4.0  # no single measurement says more than that a cost is so many times as high
_ENOUGH_SPANS = 20  # few at a time say little: what a request costs is shared by all that it holds
_FEW_SPANS = 5  # but where few come, few have to do
_UNSURE = 16
_LONGEST_LESSON = 5.0
_LONGEST_LOOK = 10.0
_NEVER_BELOW = 1e-7
_GUESSED_IDLE = 0.001


class Work(NamedTuple):
    """What our own threads have done so far.

    Args:
        cpu: seconds of CPU that those have taken that finish spans.
        finished: spans that they have finished.
        waiting: spans that they have not finished.
        besides: seconds of CPU that all others have taken.
    """

    cpu: float
    finished: int
    waiting: int
    besides: float = 0.0


class Learning:
    """Keeps the costs near what is measured.

    Attributes:
        costs: what each thing costs, as far as it is known.
        unsure: whether the costs of recording are guesses still, so that every trace is to be measured.
    """

    def __init__(self) -> None:
        self.costs = Costs()
        self._known = dict.fromkeys(("skeleton", "payload", "stub"), 0)
        self.unsure = True
        self._idle = _GUESSED_IDLE
        self._besides = 0.0
        self._begun = self._looked = 0.0
        self._before = Work(0.0, 0, 0)
        self._work = self._seen = self._before

    def begin_anew(self, now: float, work: Work) -> None:
        """Begin to measure from this moment."""
        self._begun = self._looked = now
        self._before = self._work = self._seen = work

    @property
    def idle(self) -> float:
        """What our threads take for themselves, in seconds of CPU per second."""
        return self._idle + self._besides

    def take(self, name: str, measured: float) -> None:
        """Take one more measurement of a cost: the first say as much as the guess, later ones little each.

        Args:
            measured: seconds of CPU.
        """
        self._known[name] = known = self._known[name] + 1
        self.unsure = self._known["skeleton"] + self._known["payload"] < _UNSURE
        self._move(name, measured, max(_LEARN, 1 / (known + 1)))

    def _move(self, name: str, measured: float, rate: float) -> None:
        before = getattr(self.costs, name)
        # What runs for the first time, or is interrupted by the garbage collector, takes a multiple of what it costs.
        measured = min(max(measured, _NEVER_BELOW), _LEAP * before)
        setattr(self.costs, name, before + rate * (measured - before))

    def follow(self, now: float, elapsed: float, work: Work) -> float:
        """Learn from what our own threads have done.

        Args:
            now: seconds of the monotonic clock.
            elapsed: since the last call.

        Returns:
            The seconds of CPU that they have taken since then.
        """
        spent = max(0.0, work.cpu - self._work.cpu)
        besides = max(0.0, work.besides - self._work.besides)
        if not 0 <= (looked := now - self._looked) < _LONGEST_LOOK:
            if looked > 0:  # some look around every few seconds: a shorter time would find much, or nothing
                self._besides = max(0.0, work.besides - self._seen.besides) / looked
            self._looked, self._seen = now, work
        if work.finished == self._work.finished:
            # What our threads take for themselves is no cost of a span. Where spans are under way as well it looks
            # like more than it is: hence down fast and up slowly.
            idle = spent / elapsed
            self._idle += (0.3 if idle < self._idle else 0.02) * (idle - self._idle)
        self._work = work
        done, took = work.finished - self._before.finished, now - self._begun
        enough = _ENOUGH_SPANS if took < _LONGEST_LESSON else _FEW_SPANS
        if done >= enough or not 0 <= took < _LONGEST_LESSON or done < 0:
            if done >= enough and 0 <= took < 2 * _LONGEST_LESSON:
                each = (work.cpu - self._before.cpu - self._idle * took) / done
                # Up fast and down slowly, from the first on: stubs take a tenth of what a span with large texts takes
                # that were never seen, and what is let in at the price of the former may be the latter.
                self._move("export", each, _ALARM if each > self.costs.export else _LEARN)
            self._before, self._begun = work, now
        return spent + besides
