"""Keeps what is active in step with the registry's files, and the last good registry where they have mistakes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tracing_proxies import debugging
from tracing_proxies.credentials import sources_of
from tracing_proxies.errors import TracingProxiesError
from tracing_proxies.failures import contain
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.sources import Sources
from tracing_proxies.signals import SignalBell
from tracing_proxies.watching import Watcher

_log = logging.getLogger("tracing_proxies")


class Reloading:
    """Reads a registry's files again: when they have changed, at a signal, and when it is asked to.

    Args:
        registry: what is active.
        go_over: makes another registry the active one; where it raises, nothing has changed.
        unless_busy: runs an action that nothing else may come between; returns False, without it, if that cannot be
            done at this moment.
    """

    def __init__(
        self,
        registry: Registry,
        go_over: Callable[[Registry], None],
        unless_busy: Callable[[Callable[[], object]], bool],
    ) -> None:
        self._registry = registry
        self._go_over = go_over
        self._unless_busy = unless_busy
        self._sources = registry.sources or Sources()
        self._environ = dict(os.environ)
        self._secrets = sources_of(os.environ)
        self._loaded_at = time.time()
        self._count = 0
        self._told: tuple[str, str] | None = None
        self.stale: str | None = None
        self._watcher = Watcher(self._look, self._state, self._read_if_possible)
        self._bell = SignalBell(self._watcher.wake)

    def follow(self, registry: Registry) -> None:
        """Keep to a registry's files from now on, in the way that it says."""
        self._registry, self._sources = registry, registry.sources or Sources()
        self._environ = dict(os.environ)
        self._secrets = sources_of(os.environ)
        self._loaded_at = time.time()
        self.stale = self._told = None
        watched = registry.path is not None
        self._bell.install(registry.reload.signal if watched else None)
        if watched and (registry.reload.watch or self._bell.is_installed):
            self._watcher.begin(registry.reload.watch)
        else:
            self._watcher.end()

    def end(self) -> None:
        """Follow no file any more, and give signal and thread back."""
        self._bell.install(None)
        self._watcher.end()

    def pause(self) -> None:
        """Stop for the moment of a fork."""
        self._watcher.pause()

    def resume(self, *, unsure: bool = False) -> None:
        """Go on after a fork, in the parent or in the child.

        Args:
            unsure: whether a reload was under way, so that the files are to be read once more.
        """
        self._watcher.resume(woken=unsure)

    def is_up_to_date(self, path: Path) -> bool:
        """Tell whether reading a file, in the environment as it is now, would bring nothing new."""
        return (
            self.stale is None
            and self._registry.path == Path(os.path.abspath(path))
            and self._environ == os.environ
            and self._look() == self._state()
        )

    def read(self) -> bool:
        """Read the files and go over to what they say.

        Returns:
            Whether that is what holds now; if there are mistakes in it the last good registry stays.
        """
        path, sources = self._registry.path, Sources()
        if path is None:
            return False
        try:
            self._go_over(load_registry(path, sources=sources))
        except (TracingProxiesError, ValueError) as error:
            self._refuse(sources, str(error))
            return False
        except Exception as exc:
            self._refuse(sources, f"the registry cannot be followed ({type(exc).__name__})")
            contain("reload", exc)
            return False
        self._count += 1
        _log.info("the registry was reloaded from %s", path)
        debugging.tell("registry", "reloaded", path=str(path), rules=len(self._registry.rules))
        return True

    def status(self) -> dict[str, Any]:
        """Describe what was read when, and how changes are noticed, in plain values."""
        watch, bell = self._registry.reload.watch, self._bell
        return {
            "stale": self.stale,
            "reloads": self._count,
            "loaded_at": datetime.fromtimestamp(self._loaded_at, timezone.utc).isoformat(timespec="milliseconds"),
            "digest": self._registry.sources.digest if self._registry.sources and self._registry.path else None,
            "reload": {
                "watch": watch / 1e9 if watch and self._watcher.alive else None,
                "signal": bell.name if bell.is_installed else None,
                "refused": bell.refusal,
            },
        }

    def _read_if_possible(self) -> bool:
        return self._unless_busy(self.read)

    def _look(self) -> object:
        return self._sources.look(), sources_of(os.environ)

    def _state(self) -> object:
        return self._sources.state, self._secrets

    def _refuse(self, sources: Sources, reason: str) -> None:
        # What was refused is what the files are compared with: it is read again when it has changed.
        self._sources, self._secrets, self.stale = sources, sources_of(os.environ), reason
        debugging.tell("registry", "refused", reason=reason)
        told = (sources.digest, reason)
        if told != self._told:
            self._told = told
            _log.error("the registry was not reloaded; the last good one stays\n%s", reason)
