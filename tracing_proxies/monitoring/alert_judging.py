"""Whether a value is wrong by a rule: against a limit, or against what the metric usually is."""

from __future__ import annotations

import math
from typing import Final

import attrs

from tracing_proxies.registry.alert_rules import AlertRule
from tracing_proxies.registry.alerting import DURATION, RATE

SIGMAS: Final = 3.0
LEAST_RISE: Final = 0.01
"""Seconds: of what takes microseconds, twice as many are nobody's trouble, and the machine's other work shows."""


@attrs.frozen
class Reading:
    """What a metric is at one moment.

    Args:
        value: in the metric's unit; None where it is not known.
        calls: how many calls it was made of, None where it is not made of calls or that is not known.
    """

    value: float | None
    calls: float | None = None


UNKNOWN: Final = Reading(None)


def judge(rule: AlertRule, reading: Reading, usual: float | None) -> bool | None:
    """Tell whether a value is wrong.

    A rate that has dropped must have done so by more than chance makes of it: where ``n`` calls are usual in a window,
    three times the square root of ``n`` is no news (Poisson). A duration that has risen must have done so by 10 ms.

    Args:
        usual: the metric's baseline, for rules that compare with it.

    Returns:
        None where that cannot be said: the value or the baseline is not known, or too few calls stand behind it.
    """
    value = reading.value
    if value is None or math.isnan(value):
        return None
    if rule.at_least and (reading.calls is None or reading.calls < rule.at_least):
        return None
    if rule.comparison == "above":
        return value > rule.limit
    if rule.comparison == "below":
        return value < rule.limit
    if usual is None:
        return None
    if rule.comparison == "rises":
        matters = rule.measure.unit != DURATION or value - usual > LEAST_RISE
        return matters and value > usual * (1 + rule.limit)
    if value >= usual * (1 - rule.limit):
        return False
    if rule.measure.unit != RATE:
        return True
    expected = usual * rule.window
    return expected - value * rule.window > SIGMAS * math.sqrt(expected)
