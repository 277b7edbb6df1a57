"""Demand arithmetic: smoothed forecasts, their accuracy, trend, stability and anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, pstdev

SMOOTHING = 0.3


def smooth(series: Sequence[float], alpha: float = SMOOTHING) -> list[float]:
    """Return one-step-ahead forecasts by simple exponential smoothing; the last one is for the coming period.

    Brown 1959: f[t+1] = alpha * x[t] + (1 - alpha) * f[t], started at the first value.
    """
    forecasts = [float(series[0])]
    for value in series:
        forecasts.append(alpha * value + (1 - alpha) * forecasts[-1])
    return forecasts


def measure_accuracy(series: Sequence[float], forecasts: Sequence[float]) -> float:
    """Return 1 - WAPE, weighted absolute percentage error, cut off at 0."""
    total = sum(series)
    missed = sum(abs(value - forecast) for value, forecast in zip(series, forecasts, strict=False))
    return max(0.0, 1 - missed / total) if total else 0.0


def fit_slope(series: Sequence[float]) -> float:
    """Return the least-squares slope of a series over its index, in units per period."""
    middle = (len(series) - 1) / 2
    mean = fmean(series)
    spread = sum((index - middle) ** 2 for index in range(len(series)))
    return sum((index - middle) * (value - mean) for index, value in enumerate(series)) / spread if spread else 0.0


def measure_variation(series: Sequence[float]) -> float:
    """Return the coefficient of variation, population deviation over mean; 0 when nothing was sold."""
    mean = fmean(series)
    return pstdev(series) / mean if mean else 0.0


def find_anomalies(series: Sequence[float], threshold: float = 2.0) -> list[int]:
    """Return the indices of values that lie more than `threshold` deviations from the mean."""
    mean, deviation = fmean(series), pstdev(series)
    return [index for index, value in enumerate(series) if deviation and abs(value - mean) > threshold * deviation]
