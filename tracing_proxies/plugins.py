"""Lets the Python part of a preset in: what YAML cannot say of a framework."""

from __future__ import annotations

import importlib

from tracing_proxies.failures import contain
from tracing_proxies.registry.model import Registry
from tracing_proxies.weaving.weaver import Weaver


def install_adapters(registry: Registry, weaver: Weaver) -> None:
    """Call ``install(weaver, preset)`` of every preset that brings a module.

    Whatever an adapter changes goes through the weaver's ledger, or has its own ``on_undo``.
    """
    for preset in registry.presets:
        if preset.adapter is None:
            continue
        try:
            importlib.import_module(preset.adapter).install(weaver, preset)
        except Exception as exc:
            contain(f"adapter.{preset.name}", exc)
