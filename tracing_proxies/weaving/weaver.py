"""Brings a registry into the code of the application, keeps it so as modules arrive, and takes it back exactly."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from tracing_proxies.errors import Problem
from tracing_proxies.failures import contain
from tracing_proxies.recording.native import installed_library
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.policy import Policy, resolve_policy
from tracing_proxies.weaving import candidates, unmatched
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.aliases import find_aliases
from tracing_proxies.weaving.finder import Finder
from tracing_proxies.weaving.frameless import Frameless
from tracing_proxies.weaving.frames import FrameSearch
from tracing_proxies.weaving.kinds import Container, Shape, shape_of, unwoven
from tracing_proxies.weaving.ledger import ABSENT, Ledger
from tracing_proxies.weaving.subclasses import SubclassWatch

_log = logging.getLogger("tracing_proxies")

Owner = type | ModuleType


class Weaver:
    """Weaves what a registry lists.

    Args:
        recorder: starts and ends the spans.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.ledger = Ledger()
        self.containers: dict[type, Container] = {}
        self.join_points: dict[tuple[int, str], JoinPoint] = {}
        self.refused: dict[Target, str] = {}
        self.aliases = 0
        self._frames = FrameSearch()
        self._frameless = Frameless()
        self._lock = threading.RLock()
        self._registry: Registry | None = None
        self._patterns: list[Pointcut] = []
        self._listeners: dict[str, list[Callable[[ModuleType], None]]] = {}
        self._installed: list[Callable[[], None]] = []
        self._woven: dict[int, tuple[Any, Any]] = {}
        self._finder = Finder(self._is_wanted, self._module_loaded)
        self._subclasses = SubclassWatch(self.ledger, self._class_defined)

    def on_module(self, name: str, listener: Callable[[ModuleType], None]) -> None:
        """Call ``listener`` with a module once it is loaded, at once if it is already."""
        self._listeners.setdefault(name, []).append(listener)
        module = sys.modules.get(name)
        if module is not None and not _is_loading(module):
            self._tell(listener, module)

    def on_undo(self, action: Callable[[], None]) -> None:
        """Call ``action`` when everything is taken back."""
        self._installed.append(action)

    def weave(self, registry: Registry) -> None:
        """Weave what the loaded modules hold of a registry's targets, and wait for the others; again on reload.

        Targets that are woven already get their new policy; those that the registry no longer lists pass through.
        """
        with self._lock:
            self._registry = registry
            self._patterns = [pointcut for rule in registry.rules for pointcut in rule.match]
            for point in self.join_points.values():
                policy = resolve_policy(registry, point.target)
                point.recipe = self._recipe(point, policy) if policy is not None else None
            self._finder.install()
            for name, module in list(sys.modules.items()):
                if type(module) is ModuleType and self._is_wanted(name) and not _is_loading(module):
                    self._consider_module(module)
            self._rebind_aliases()

    def undo(self) -> None:
        """Take everything back; what something else has been put over since passes through from now on."""
        with self._lock:
            self._finder.remove()
            for point in self.join_points.values():
                point.recipe = None
            for action in reversed(self._installed):
                action()
            for module, name, identity in list(find_aliases({id(woven): woven for woven, _ in self._woven.values()})):
                raw = next((raw for woven, raw in self._woven.values() if id(woven) == identity), ABSENT)
                if vars(module).get(name) is not raw and not self.ledger.covers(module, name):
                    setattr(module, name, raw)
            self.ledger.undo()
            self.join_points.clear()
            self.refused.clear()
            self._woven.clear()
            self._installed.clear()
            self._listeners.clear()
            self._subclasses.forget()
            self._registry = None
            self.aliases = 0

    def unmatched(self) -> list[Problem]:
        """Report the pointcuts that select nothing although their module is loaded."""
        if self._registry is None:
            return []
        return unmatched.find_unmatched(self._registry, [point.target for point in self.join_points.values()])

    def _is_wanted(self, name: str) -> bool:
        return name in self._listeners or any(pointcut.names_module(name) for pointcut in self._patterns)

    def _module_loaded(self, module: ModuleType) -> None:
        with self._lock:
            if self._registry is None:
                return
            for listener in self._listeners.get(module.__name__, ()):
                self._tell(listener, module)
            self._consider_module(module)
            self._subclasses.sweep()
            self._rebind_aliases()

    def _class_defined(self, cls: type) -> None:
        with self._lock:
            if self._registry is not None:
                self._consider_class(cls)

    def _tell(self, listener: Callable[[ModuleType], None], module: ModuleType) -> None:
        try:
            listener(module)
        except Exception as exc:
            contain("adapter", exc)

    def _consider_module(self, module: ModuleType) -> None:
        try:
            self._consider_all(module)
        except Exception as exc:
            contain("weave", exc)

    def _consider_all(self, module: ModuleType) -> None:
        patterns = [pointcut for pointcut in self._patterns if pointcut.names_module(module.__name__)]
        if not patterns:
            return
        for name, raw, target in candidates.module_targets(module):
            self._consider(module, name, raw, target)
        for cls in candidates.module_classes(module):
            self._consider_class(cls)
            if any(p.subclasses and p.is_base(cls.__module__, cls.__qualname__) for p in patterns):
                self._subclasses.watch(cls)
        for pointcut in patterns:
            if pointcut.literal:
                self._consider_literal(module, pointcut)

    def _consider_class(self, cls: type) -> None:
        for name, raw, target in candidates.class_targets(cls):
            self._consider(cls, name, raw, target)

    def _consider_literal(self, module: ModuleType, pointcut: Pointcut) -> None:
        """Resolve a name that a module imports, or a class inherits, to where it is defined."""
        name = str(pointcut.name)
        if pointcut.cls is None:
            raw = vars(module).get(name, ABSENT)
            if raw is not ABSENT and candidates.home_of(raw) != module.__name__:
                self._consider(module, name, raw, Target(module.__name__, None, name))
            return
        cls = candidates.find_class(module, pointcut.cls)
        owner = candidates.defining_class(cls, name) if cls is not None else None
        if cls is not None and owner is not None and owner is not cls and owner is not object:
            target = Target(module.__name__, pointcut.cls, name, candidates.ancestry_of(cls))
            self._consider(owner, name, vars(owner)[name], target)

    def _consider(self, owner: Owner, name: str, raw: Any, target: Target) -> None:
        if self._registry is None or self._stands(owner, name, raw):
            return
        original = unwoven(raw)
        if original is not raw:
            # Copied from a class that is woven: the ledger is to know what would stand here without us.
            setattr(owner, name, original)
            raw = original
        policy = resolve_policy(self._registry, target)
        if policy is None:
            return
        try:
            shape = shape_of(raw, isinstance(owner, type), self.containers)
            if shape is None or (shape.named and not _is_written_out(policy, target)):
                return
            self._weave_one(owner, name, raw, shape, target, policy)
        except Exception as exc:
            contain("weave", exc)

    def _weave_one(self, owner: Owner, name: str, raw: Any, shape: Shape, target: Target, policy: Policy) -> None:
        if shape.install is None and self._frames.frames_above(
            shape.function, owner if isinstance(owner, type) else None
        ):
            reason = self._frameless.refusal(shape.function)
            if reason is not None:
                self.refused[target] = reason
                _log.warning("%s is not traced: %s", target, reason)
                return
            shape = Shape(shape.function, shape.bound, install=self._frameless.add)
        point = JoinPoint(target, shape.function, self.recorder, lazy=shape.lazy, bound=shape.bound, call=shape.call)
        recipe = self._recipe(point, policy)
        if shape.install is not None:
            self._installed.append(shape.install(point))
            point.raw = raw
        elif shape.build is not None:
            woven = shape.build(point)
            point.entry, point.raw = woven, raw
            self.ledger.replace(owner, name, woven)
            if isinstance(owner, ModuleType):
                self._woven[id(raw)] = (woven, raw)
        point.recipe = recipe
        self.join_points[id(owner), name] = point

    def _recipe(self, point: JoinPoint, policy: Policy) -> Recipe:
        # What becomes of a framework's own spans is its preset's to say.
        by_preset = any(rule.preset is not None for rule in policy.chain)
        library = "" if by_preset else installed_library(point.target.module)
        return Recipe(policy, point.function, point.target.qualname, bound=point.bound, library=library)

    def _stands(self, owner: Owner, name: str, raw: Any) -> bool:
        """Tell whether an entry is what we have put there; a reloaded module's functions are not."""
        if any(raw is woven for woven, _ in self._woven.values()):
            return True
        point = self.join_points.get((id(owner), name))
        return point is not None and (point.entry is raw or (point.entry is None and point.raw is raw))

    def _rebind_aliases(self) -> None:
        if not self._woven:
            return
        for module, name, identity in list(find_aliases({key: raw for key, (_, raw) in self._woven.items()})):
            self.ledger.replace(module, name, self._woven[identity][0])
            self.aliases += 1


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _is_written_out(policy: Policy, target: Target) -> bool:
    pointcuts: Iterable[Pointcut] = (pointcut for rule in policy.chain for pointcut in rule.match)
    return any(p.name == target.name and p.matches(target) for p in pointcuts)
