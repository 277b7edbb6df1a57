"""Imports one target, and tries whether it can be traced."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.model import Registry, Rule, Settings
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.weaving import candidates
from tracing_proxies.weaving.modules import entries_of, is_module
from tracing_proxies.weaving.unmatched import names_in
from tracing_proxies.weaving.weaver import Weaver


@attrs.frozen
class Lookup:
    """What was found under a target's name.

    Args:
        target: with the classes that its own inherits from.
        problem: why nothing was found; None if something was.
        suggestion: the nearest name that is there.
        inherited_from: the target that the class inherits, if it does not define it itself.
        refused: why it cannot be traced; None if it can.
    """

    target: Target
    problem: str | None = None
    suggestion: str | None = None
    inherited_from: Target | None = None
    refused: str | None = None


def look_up(registry: Registry, target: Target) -> Lookup:
    """Import a target's module and look at what stands there.

    Args:
        registry: its presets take part, since some of them reach what would else be refused.
    """
    try:
        module: Any = importlib.import_module(target.module)
    except Exception as error:  # whatever the module's own body raises
        return Lookup(target, f"module {target.module!r} cannot be imported: {type(error).__name__}: {error}")
    if not is_module(sys.modules.get(target.module)):
        return Lookup(target, f"{target.module!r} puts an object in its module's place; what that holds is not known")
    entries = entries_of(module)
    if target.path is None:
        missing = target.name not in entries
        described, inherited = target, None
    else:
        cls = candidates.find_class(entries, target.path)
        owner = candidates.defining_class(cls, target.name) if cls is not None else None
        missing = cls is None or owner is None or owner is object
        described = target if cls is None else attrs.evolve(target, ancestry=candidates.ancestry_of(cls))
        inherited = None
        if owner is not None and owner is not cls and owner is not object:
            home = candidates.class_ref(owner)
            inherited = Target(home.module, home.path, target.name, candidates.ancestry_of(owner))
    if missing:
        problem = f"module {target.module!r} has no {target.qualname!r}"
        return Lookup(described, problem, nearest(str(target), names_in(entries)))
    return Lookup(described, inherited_from=inherited, refused=_refusal(registry, target))


def _refusal(registry: Registry, target: Target) -> str | None:
    """Weave a target for a moment, by one rule of its own, whatever the registry says of it."""
    place = Place("explain")
    own = Rule((Pointcut.parse(str(target)),), (place,), (), place, 0, Settings())
    weaver = Weaver(Recorder(lambda span: None))
    try:
        alone = attrs.evolve(registry, rules=(own,))
        install_adapters(alone, weaver)
        weaver.weave(alone)
        reasons = {str(refused): reason for refused, reason in weaver.refused.items()}
        if str(target) in reasons:
            return reasons[str(target)]
        return None if weaver.matches().get(own.index) else "it is nothing that could be called"
    finally:
        weaver.undo()
