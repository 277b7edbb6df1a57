"""The monitor of this process, for those who ask without having it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracing_proxies.monitoring.monitor import Monitor

_monitors: list[Monitor] = []


def attach(monitor: Monitor) -> None:
    """Let a monitor be found."""
    _monitors.append(monitor)


def detach(monitor: Monitor) -> None:
    """Let it be found no more."""
    if monitor in _monitors:
        _monitors.remove(monitor)


def monitor() -> Monitor | None:
    """Return the monitor of what is active here, None where nothing is."""
    return _monitors[-1] if _monitors else None
