"""How busy the whole machine is, and how far tracing steps back for it."""

from __future__ import annotations

from collections.abc import Callable

from tracing_proxies.exclusion import importing

_FULL_BELOW = 0.70
_LEAST_ABOVE = 0.95
_LEAST = 0.1
_ON_AT = 0.90
_OFF_BELOW = 0.75
_OFF_AFTER = 10.0


class HostLoad:
    """Lowers the budget where the host has no CPU to spare: in full below 70 %, linearly to a tenth at 95 %.

    At 90 % the host counts as overloaded, until it has been below 75 % for ten seconds; as long as it does, no more
    than a third of the budget is spent, so that tracing does not swing with the load that it causes.

    Args:
        read: tells the share of all CPUs that is in use, between 0.0 and 1.0; None where that is not known.
    """

    def __init__(self, read: Callable[[], float | None]) -> None:
        self._read = read
        self._calm_since: float | None = None
        self.load: float | None = None
        self.overloaded = False

    def factor(self, now: float) -> float:
        """Look at the load, and return what the budget is to be multiplied by.

        Args:
            now: seconds of the monotonic clock.
        """
        self.load = load = self._read()
        if load is None:
            return 1.0
        if load >= _ON_AT:
            self.overloaded, self._calm_since = True, None
        elif load >= _OFF_BELOW:
            self._calm_since = None
        elif self._calm_since is None or now < self._calm_since:  # a clock may go back
            self._calm_since = now
        elif now - self._calm_since >= _OFF_AFTER:
            self.overloaded = False
        part = (load - _FULL_BELOW) / (_LEAST_ABOVE - _FULL_BELOW)
        factor = 1.0 - (1.0 - _LEAST) * min(1.0, max(0.0, part))
        return min(factor, 1 / 3) if self.overloaded else factor


def host_load() -> Callable[[], float | None]:
    """Return what tells the load of the host since it was asked last."""
    before: tuple[float, float] | None = None

    def read() -> float | None:
        nonlocal before
        with importing:
            import psutil  # 20 ms, which an activation without a budget need not pay

        times = psutil.cpu_times()
        whole = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        last, before = before, (whole, idle)
        if last is None or whole <= last[0]:
            return None
        return float(min(1.0, max(0.0, 1.0 - (idle - last[1]) / (whole - last[0]))))

    return read
