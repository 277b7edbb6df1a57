"""Decides on one recorded trace: what is important about it, and what is kept of it by the one rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tracing_proxies.compiled import hot
from tracing_proxies.recording.trace import FORGOTTEN
from tracing_proxies.sampling.commitment import Commitment
from tracing_proxies.sampling.keys import Key, Keys
from tracing_proxies.sampling.plan import Costs
from tracing_proxies.sampling.verdict import Verdict, decide, inverse

if TYPE_CHECKING:
    from tracing_proxies.recording.held import Held
    from tracing_proxies.recording.span import Span
    from tracing_proxies.recording.tail import Tail

_ALL = Verdict(True, True, 1.0, 1.0, "critical")
_LEFT_OUT = Verdict(False, False, 0.0, 0.0, "share")
_KEPT = Verdict(True, True, 1.0, 1.0, "share")


def judge(tail: Tail, held: Held, root: Span, taken: int) -> Verdict:
    """Decide on a trace whose first span has ended.

    Args:
        taken: nanoseconds of the first span.
    """
    told = None if hot is None else hot.judge_plainly(tail, held, root, taken)
    return judge_closely(tail, held, root, taken) if told is None else cast(Verdict, told)


def judge_closely(tail: Tail, held: Held, root: Span, taken: int) -> Verdict:
    """Do as `judge`, whatever there is about the trace."""
    controller, trace, tally = tail.controller, held.trace, root.recipe.tally
    key = controller.keys.find(trace.name)
    # What would have left a stub if it had not been recorded must be known by the same test.
    slow_stub = tail.keeps_slow and taken > tally.slow
    slow = slow_stub or (tail.keeps_slow and taken > key.slow * 1e9)
    rare = (controller.ended(key, taken / 1e9, len(held), held.recorded) and tail.keeps_rare) or held.rare
    tally.slow = int(min(key.slow * 1e9, 1 << 62))
    error = held.error or 0.0
    important = ""
    if held.error is not None:
        important = "error"
        controller.errors += 1
    elif slow:
        important = "slow"
        error = controller.plan.error if slow_stub else 0.0
    elif tail.conditions and any(condition.holds(_Whole(root, taken)) for condition in tail.conditions):
        important = "keep"
    if important:
        controller.notable += 1
    elif rare:
        controller.rare += 1
    return _decide(tail, held, key, important, rare, error)


def judge_early(tail: Tail, held: Held) -> Verdict:
    """Decide by what is known of a trace that has not ended."""
    key = tail.controller.keys.find(held.trace.name)
    tail.controller.errors += held.error is not None
    tail.controller.notable += held.error is not None
    return _decide(tail, held, key, "error" if held.error is not None else "", held.rare, held.error or 0.0)


def _decide(tail: Tail, held: Held, key: Key, important: str, rare: bool, error: float) -> Verdict:
    if held.critical:
        return _ALL
    if held.partial and not important:
        return _LEFT_OUT
    controller, press = tail.controller, tail.controller.press
    verdict = decide(
        held.random, controller.plan, key, held.recorded, important=important, rare=rare, error=error,
        survived=held.survived, fixed=held.fixed, press=press,
    )  # fmt: skip
    if not held.fixed:
        controller.let_in(inverse(verdict.inner) / press, len(held))
    return verdict._replace(reason="told") if held.fixed and not important else verdict


class _Whole:
    """A trace as the conditions of ``keep:`` see it, by its first span."""

    __slots__ = ("duration", "error", "level", "metadata", "name", "session", "tags", "user")

    def __init__(self, root: Span, taken: int) -> None:
        trace = root.trace
        self.duration = taken
        self.metadata = root.metadata
        self.name = root.name
        self.level = root.level
        self.error = root.status_message if root.level == "ERROR" else None
        self.tags = list(trace.tags)
        self.session = trace.session
        self.user = trace.user


if hot is not None:
    hot.bind_judging(
        {
            **{each.__name__: each for each in (Key, Keys, Commitment, Costs, Verdict)},
            "KEPT": _KEPT,
            "FORGOTTEN": FORGOTTEN,
        }
    )
