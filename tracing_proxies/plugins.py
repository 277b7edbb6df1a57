"""Lets the Python part of a preset in: what YAML cannot say of a framework."""

from __future__ import annotations

import importlib
from itertools import takewhile

import attrs

from tracing_proxies.failures import contain
from tracing_proxies.registry.model import Preset, Registry
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.weaver import Weaver


def install_adapters(registry: Registry, weaver: Weaver) -> None:
    """Call ``install(hooks, preset)`` of every preset that brings a module; on reload, of new and changed ones.

    What presets have changed lies in layers, the later ones on the earlier. From the first one on that is gone or
    changed they are taken back, and those of the registry are installed in their place.
    """
    wanted = [preset for preset in registry.presets if preset.adapter is not None]
    installed = weaver.hooks
    kept = len(list(takewhile(lambda pair: pair[0].preset == _key(pair[1]), zip(installed, wanted, strict=False))))
    while len(installed) > kept:
        installed.pop().take_back()
    for preset in wanted[kept:]:
        hooks = Hooks(weaver, _key(preset))
        installed.append(hooks)
        try:
            importlib.import_module(str(preset.adapter)).install(hooks, preset)
        except Exception as exc:
            contain(f"adapter.{preset.name}", exc)


def _key(preset: Preset) -> object:
    """Return what two presets have in common that need no other hooks; compiled paths of one text are one object."""
    settings = tuple(attrs.astuple(found, recurse=False) for found in (preset.overrides, preset.defaults))
    return preset.name, preset.adapter, preset.native, settings
