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
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.fields import namespace_of, qualname_of
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.policy import Policy, resolve_policy
from tracing_proxies.weaving import candidates, refusals, unmatched
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.arrivals import Arrivals
from tracing_proxies.weaving.frameless import Frameless
from tracing_proxies.weaving.frames import FrameSearch
from tracing_proxies.weaving.kinds import Container, Shape, shape_of, unwoven
from tracing_proxies.weaving.ledger import ABSENT, Ledger, put
from tracing_proxies.weaving.misnamed import find_misnamed
from tracing_proxies.weaving.modules import MAIN, entries_of, is_loading, is_module, main_name, public_name
from tracing_proxies.weaving.needless import find_needless
from tracing_proxies.weaving.points import Points
from tracing_proxies.weaving.reach import Reach
from tracing_proxies.weaving.subclasses import SubclassWatch

_log = logging.getLogger("tracing_proxies")

Owner = type | dict[str, Any]


class Weaver:
    """Weaves what a registry lists.

    Args:
        recorder: starts and ends the spans.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.ledger = Ledger()
        self.points = Points()
        self.reach = Reach(self.points, self.ledger)
        self.containers: dict[type, Container] = {}
        self.refused: dict[Target, str] = {}
        self._frames = FrameSearch()
        self._frameless = Frameless()
        self._lock = threading.RLock()
        self._on = True
        self._registry: Registry | None = None
        self._patterns: list[Pointcut] = []
        self._exact: set[str] = set()
        self._globs: list[Pointcut] = []
        self._packages: set[str] = set()
        self._names_main = False
        self._listeners: dict[str, list[Callable[[ModuleType], None]]] = {}
        self._installed: list[Callable[[], None]] = []
        self._behind: list[JoinPoint] = []
        self._arrivals = Arrivals(self)
        self._subclasses = SubclassWatch(self.ledger, self._class_defined)

    @property
    def aliases(self) -> int:
        """How many references elsewhere hold now what is woven."""
        return self.reach.changed

    def targets(self) -> list[Target]:
        """List what is traced."""
        return self.points.targets()

    def on_module(self, name: str, listener: Callable[[ModuleType], None]) -> None:
        """Call ``listener`` with a module once it is loaded, at once if it is already."""
        self._listeners.setdefault(name, []).append(listener)
        module = sys.modules.get(name)
        if module is not None and is_module(module) and not is_loading(module):
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
            self._exact = {pointcut.module for pointcut in self._patterns if pointcut.is_exact_module}
            self._globs = list({p.module: p for p in self._patterns if not p.is_exact_module}.values())
            self._packages = {pointcut.module for pointcut in self._patterns if pointcut.literal}
            self._names_main = not self._exact.isdisjoint(MAIN)
            self.refused.clear()
            for point in self.points:
                policy = self._policy(point.target)
                point.follow(self._recipe(point, policy) if policy is not None else None, self._on)
            self._arrivals.begin()
            if not self._arrivals.follows_main and self._look_at_main not in self.recorder.observers:
                self.recorder.observers.append(self._look_at_main)
            self.reach.search_all()

    def switch(self, on: bool) -> None:
        """Let everything that is woven pass through, or be traced again; what is woven meanwhile follows."""
        with self._lock:
            self._on = on
            for point in self.points:
                point.follow(point.standing, on)

    def after_fork(self) -> None:
        """Begin anew in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def undo(self) -> None:
        """Take everything back; what something else has been put over since passes through from now on."""
        with self._lock:
            self._arrivals.end()
            self._look_no_more()
            for point in self.points:
                point.follow(None, self._on)
            for action in reversed(self._installed):
                action()
            self.ledger.undo()
            self.reach.restore_all()
            self.points.clear()
            self._installed.clear()
            self._behind.clear()
            self._listeners.clear()
            self._subclasses.forget()
            self.refused.clear()
            self._registry = None

    def matches(self) -> dict[int, list[Target]]:
        """List what each rule selects of the woven targets, by the rule's index."""
        found: dict[int, list[Target]] = {}
        for target, point in self.points.placed():
            for rule in point.standing.policy.chain if point.standing is not None else ():
                found.setdefault(rule.index, []).append(target)
        return found

    def unmatched(self, *, pending: bool = False) -> list[Problem]:
        """Report the patterns that select nothing, and the paths that name a parameter which nothing traced has.

        Args:
            pending: whether to report also what modules that are not loaded yet may bring.
        """
        if self._registry is None:
            return []
        problems = unmatched.find_unmatched(self._registry, self.points.targets(), self.refused, pending=pending)
        problems += find_needless(self._registry)
        return problems + find_misnamed(self._registry, self.points, pending=pending)

    def is_wanted(self, name: str) -> bool:
        """Tell by a module's name whether it is to be reported when it is loaded."""
        if name in self._listeners or name in self._exact or any(glob.names_module(name) for glob in self._globs):
            return True
        package = name.rpartition(".")[0]
        while package:  # a name that a package exports lazily is defined below it
            if package in self._packages:
                return True
            package = package.rpartition(".")[0]
        return False

    def module_begun(self, name: str) -> None:
        """Learn that the body of a module runs: what it defines is woven when it ends."""
        with self._lock:
            self.reach.begun(name)

    def module_loaded(self, name: str) -> None:
        """Weave what a module holds that has just been loaded, and let the others hold it."""
        with self._lock:
            if self._registry is None:
                return
            module = sys.modules.get(name)
            if module is not None:
                if is_module(module):
                    for listener in self._listeners.get(name, ()):
                        self._tell(listener, module)
                self.consider_module(name, module)
            fresh = self.reach.fresh()
            for other, found in fresh:  # those that came without our hearing of it
                if other != name and self.is_wanted(other):
                    self._arrivals.approach(other, found)
            self._subclasses.sweep()
            self.reach.search_arrived(name, module, fresh)

    def consider_module(self, name: str, module: Any) -> None:
        """Weave what a module holds of the targets.

        Args:
            module: what stands in ``sys.modules``; a module may have put an object in its own place.
        """
        with self._lock:
            try:
                if self._registry is None:
                    return
                if is_module(module):
                    self._frames.arrived(name)
                    self._consider_entries(entries_of(module))
                    return
                cls = type(module)
                if candidates.module_of_class(cls) == name:
                    self._consider_class(cls)
            except Exception as exc:
                contain("weave", exc)

    def consider_main(self, entries: dict[str, Any]) -> None:
        """Weave what the main module has defined so far."""
        with self._lock:
            try:
                known = self.points.added
                if self._registry is not None:
                    self._consider_entries(entries)
                if self.points.added != known:
                    self.reach.search_entries("__main__", entries)
            except Exception as exc:
                contain("weave", exc)

    def _look_at_main(self, span: Span) -> None:
        """Use the end of the first span as the sign that the main module has defined something and runs it."""
        self._look_no_more()
        self._arrivals.look_at_main()

    def _look_no_more(self) -> None:
        if self._look_at_main in self.recorder.observers:
            self.recorder.observers.remove(self._look_at_main)

    def _class_defined(self, cls: type) -> None:
        with self._lock:
            if self._registry is not None:
                self._consider_class(cls)

    def _tell(self, listener: Callable[[ModuleType], None], module: ModuleType) -> None:
        try:
            listener(module)
        except Exception as exc:
            contain("adapter", exc)

    def _consider_entries(self, entries: dict[str, Any]) -> None:
        name = public_name(str(entries.get("__name__")))
        patterns = [pointcut for pointcut in self._patterns if self._names(pointcut, name)]
        if patterns:
            for key, raw, target in candidates.module_targets(entries):
                self._consider(entries, key, raw, target)
            for cls in candidates.module_classes(entries):
                self._consider_class(cls)
                homes = (name, "__main__") if name == main_name() else (name,)
                if any(p.subclasses and p.is_base(home, qualname_of(cls)) for p in patterns for home in homes):
                    self._subclasses.watch(cls)
            for pointcut in patterns:
                if pointcut.literal:
                    self._consider_literal(entries, name, pointcut)
        for pointcut in self._patterns:
            if _may_export(pointcut, name):
                self._consider_exported(entries, name, pointcut)

    def _names(self, pointcut: Pointcut, module: str) -> bool:
        return pointcut.names_module(module) or (pointcut.module in MAIN and module == main_name())

    def _consider_class(self, cls: type) -> None:
        known = self.points.added
        for name, raw, target in candidates.class_targets(cls):
            self._consider(cls, name, raw, target)
        if self.points.added != known:
            self.reach.search_class(cls)  # other names in its body for the same function

    def _consider_literal(self, entries: dict[str, Any], module: str, pointcut: Pointcut) -> None:
        """Resolve a name that a module imports, or a class inherits, to where it is defined."""
        name = str(pointcut.name)
        if pointcut.cls is None:
            raw = entries.get(name, ABSENT)
            if raw is not ABSENT and candidates.home_of(raw) != entries.get("__name__"):
                self._consider(entries, name, raw, Target(module, None, name))
            return
        cls = candidates.find_class(entries, pointcut.cls)
        owner = candidates.defining_class(cls, name) if cls is not None else None
        if cls is None or owner is None or owner is object:
            return
        if owner is not cls or candidates.module_of_class(cls) != module:
            target = Target(module, pointcut.cls, name, candidates.ancestry_of(cls))
            self._consider(owner, name, namespace_of(owner)[name], target)

    def _consider_exported(self, entries: dict[str, Any], module: str, pointcut: Pointcut) -> None:
        """Resolve a name that a package exports lazily (PEP 562) to the module below it that defines it."""
        package = sys.modules.get(pointcut.module)
        if package is None or not is_module(package):
            return
        exported = entries_of(package)
        first = (pointcut.cls or str(pointcut.name)).partition(".")[0]
        if first in exported or "__getattr__" not in exported:
            return
        name = str(pointcut.name)
        if pointcut.cls is None:
            raw = entries.get(name, ABSENT)
            if raw is not ABSENT and candidates.home_of(raw) == entries.get("__name__"):
                self._consider(entries, name, raw, Target(pointcut.module, None, name))
            return
        cls = candidates.find_class(entries, pointcut.cls)
        if cls is not None and candidates.module_of_class(cls) == module and name in namespace_of(cls):
            target = Target(pointcut.module, pointcut.cls, name, candidates.ancestry_of(cls))
            self._consider(cls, name, namespace_of(cls)[name], target)

    def _consider(self, owner: Owner, name: str, raw: Any, target: Target) -> None:
        if self._registry is None or self._stands(owner, name, raw, target):
            return
        original = unwoven(raw)
        if original is not raw:
            # Copied from a class that is woven: the ledger is to know what would stand here without us.
            put(owner, name, original)
            raw = original
        policy = self._policy(target)
        if policy is None:
            return
        try:
            reason = refusals.reason_for(owner, raw, target)
            if reason is not None:
                self.refused[target] = reason
                return
            shape = shape_of(raw, isinstance(owner, type), self.containers)
            if shape is None or (shape.named and not _is_written_out(policy, target)):
                return
            if not self._share(owner, name, raw, target, policy):
                self._weave_one(owner, name, raw, shape, target, policy)
        except Exception as exc:
            contain("weave", exc)

    def _share(self, owner: Owner, name: str, raw: Any, target: Target, policy: Policy) -> bool:
        """Put what stands for a function already where another name for it stands, if the same rules hold for both."""
        point = self.points.of_raw(raw)
        if point is None or point.raw is not raw or point.standing is None:
            return False
        if point.entry is not None:
            if point.standing.policy is not policy:
                return False
            self.ledger.replace(owner, name, point.entry, point.mutations)
        self.points.place(point, id(owner), name, target)
        return True

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
        point.raw = raw
        if shape.install is not None:
            self._installed.append(shape.install(point))
            self._behind.append(point)
        elif shape.build is not None:
            point.entry = shape.build(point)
            self.ledger.replace(owner, name, point.entry, point.mutations)
        point.follow(recipe, self._on)
        self.points.add(point, id(owner), name)

    def _recipe(self, point: JoinPoint, policy: Policy) -> Recipe:
        # What becomes of a framework's own spans is its preset's to say.
        by_preset = any(rule.preset is not None for rule in policy.chain)
        library = "" if by_preset else installed_library(point.target.module)
        return Recipe(policy, point.function, point.target.qualname, bound=point.bound, library=library)

    def _policy(self, target: Target) -> Policy | None:
        registry = self._registry
        if registry is None:
            return None
        policy = resolve_policy(registry, target)
        if policy is None and self._names_main:
            return resolve_policy(registry, candidates.as_main(target))
        return policy

    def _stands(self, owner: Owner, name: str, raw: Any, target: Target) -> bool:
        """Tell whether an entry is what we have put there; a reloaded module's functions are not."""
        here = self.points.at(id(owner), name)
        if here is not None and (here.entry is raw or (here.entry is None and here.raw is raw)):
            return True
        point = self.points.of_entry(raw)
        if point is None:
            return False
        if isinstance(owner, type) and point.entry is raw:
            # The class was built with it (a decorator's copy of a class, or `handler = f` in its body).
            self.ledger.note(owner, name, point.raw, raw, point.mutations)
            self.points.place(point, id(owner), name, target)
        return True


def _may_export(pointcut: Pointcut, module: str) -> bool:
    """Tell whether a module lies below the package that a literal pointcut names."""
    return pointcut.literal and module.startswith(pointcut.module + ".")


def _is_written_out(policy: Policy, target: Target) -> bool:
    pointcuts: Iterable[Pointcut] = (pointcut for rule in policy.chain for pointcut in rule.match)
    return any(p.name == target.name and p.matches(target) for p in pointcuts)
