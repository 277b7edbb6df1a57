"""Imports what a registry names, as far as that can be imported."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator

from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut


def import_modules(registry: Registry) -> dict[str, str]:
    """Import the modules that the user's rules name.

    Returns:
        Those that failed to import, each with what was raised.
    """
    failed: dict[str, str] = {}
    for rule in registry.rules:
        if rule.preset is not None:
            continue
        for pointcut in rule.match:
            for name in _names(pointcut):
                _import(name, failed)
    return failed


def import_presets(registry: Registry) -> dict[str, str]:
    """Import the modules that the presets' rules name, where they are installed.

    Returns:
        Those that failed to import, each with what was raised.
    """
    failed: dict[str, str] = {}
    for rule in registry.rules:
        for pointcut in rule.match if rule.preset is not None else ():
            if pointcut.is_exact_module and is_installed(pointcut.module):
                _import(pointcut.module, failed)
    return failed


def is_installed(module: str) -> bool:
    """Tell whether a module can be found."""
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _names(pointcut: Pointcut) -> Iterator[str]:
    if pointcut.is_exact_module:
        yield pointcut.module
        return
    stem = pointcut.module.split("*")[0].rstrip(".")
    if not pointcut.module.startswith(stem + "."):
        stem = stem.rpartition(".")[0]
    yield stem
    if stem in sys.modules:
        for found in pkgutil.walk_packages(getattr(sys.modules[stem], "__path__", []), stem + ".", lambda _: None):
            if pointcut.names_module(found.name):
                yield found.name


def _import(name: str, failed: dict[str, str]) -> None:
    if not name or name in failed or name == "__main__":
        return
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
