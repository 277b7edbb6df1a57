"""Keeps to the real file system where a test puts one of its own in its place, as pyfakefs does."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tracing_proxies.weaving.weaver import Weaver

_PYFAKEFS: Final = "pyfakefs.fake_filesystem_unittest"


class RealFiles:
    """Has pyfakefs leave our modules alone, from its import on, those that are loaded later as well.

    It exchanges ``os``, ``open`` and ``pathlib`` in all modules. In ours the fake ones would put spools and metrics
    where a test may list them, and where nobody finds them afterwards.

    Args:
        weaver: tells when it is imported.
    """

    def __init__(self, weaver: Weaver) -> None:
        self._left_alone: Any = None
        self._names: set[str] = set()
        self._weaver = weaver
        weaver.listen(_PYFAKEFS, self._keep)

    def close(self) -> None:
        """Leave it as it was."""
        self._weaver.listen_no_more(_PYFAKEFS, self._keep)
        if self._left_alone is not None:
            self._left_alone.difference_update(self._names)
            self._left_alone = None

    def _keep(self, module: ModuleType) -> None:
        left_alone = getattr(getattr(module, "Patcher", None), "SKIPNAMES", None)
        if isinstance(left_alone, set):
            self._names = set(_name_modules()) - left_alone
            self._left_alone = left_alone
            left_alone |= self._names


def _name_modules() -> Iterator[str]:
    for package in ("tracing_proxies", "tracing_proxies.adapters"):  # the latter lies elsewhere in the sources
        for folder in map(Path, importlib.import_module(package).__path__):
            for file in folder.rglob("*.py"):
                parts = file.relative_to(folder).with_suffix("").parts
                yield ".".join((package, *(part for part in parts if part != "__init__")))
