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
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.kinds import Container, Shape, shape_of, unwoven
from tracing_proxies.weaving.ledger import ABSENT, Ledger, put
from tracing_proxies.weaving.modules import MAIN, entries_of, is_loading, is_module, main_name, public_name
from tracing_proxies.weaving.points import Points
from tracing_proxies.weaving.reach import Reach
from tracing_proxies.weaving.rounds import Round, is_within, take_out
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
        self._told: set[Target] = set()
        self._frames = FrameSearch()
        self._frameless = Frameless()
        self._lock = threading.RLock()
        self._registry: Registry | None = None
        self._patterns: list[Pointcut] = []
        self._exact: set[str] = set()
        self._globs: list[Pointcut] = []
        self._packages: set[str] = set()
        self._names_main = False
        self._listeners: dict[str, list[Callable[[ModuleType], None]]] = {}
        self.hooks: list[Hooks] = []
        self._round: Round | None = None
        # Of join points whose entries stay as they are: the point itself, and how to take it back.
        self._installed: dict[int, tuple[JoinPoint, Callable[[], None]]] = {}
        self._arrivals = Arrivals(self)
        self._subclasses = SubclassWatch(self.ledger, self._class_defined)

    @property
    def aliases(self) -> int:
        """How many references elsewhere hold now what is woven."""
        return sum(len(point.mutations) for point in self.points) - self.points.count_entries()

    def targets(self) -> list[Target]:
        """List what is traced."""
        return self.points.targets()

    def listen(self, name: str, listener: Callable[[ModuleType], None]) -> None:
        """Call ``listener`` with a module once it is loaded, at once if it is already."""
        self._listeners.setdefault(name, []).append(listener)
        module = sys.modules.get(name)
        if module is not None and is_module(module) and not is_loading(module):
            self._tell(listener, module)

    def listen_no_more(self, name: str, listener: Callable[[ModuleType], None]) -> None:
        """Call ``listener`` no longer."""
        listeners = self._listeners.get(name, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self._listeners.pop(name, None)

    def weave(self, registry: Registry) -> None:
        """Weave what the loaded modules hold of a registry's targets, and wait for the others; again on reload.

        What is woven already and still listed gets its new policy, by one assignment; what the registry no longer lists
        is put back as it was; nothing else is touched.
        """
        with self._lock:
            self._registry = registry
            self._patterns = [pointcut for rule in registry.rules for pointcut in rule.match]
            self._exact = {pointcut.module for pointcut in self._patterns if pointcut.is_exact_module}
            self._globs = list({p.module: p for p in self._patterns if not p.is_exact_module}.values())
            self._packages = {pointcut.module for pointcut in self._patterns if pointcut.literal}
            self._names_main = not self._exact.isdisjoint(MAIN)
            self.refused.clear()
            self._round = Round()
            try:
                self._subclasses.begin()
                self._arrivals.begin()
                self._subclasses.conclude()
                self._conclude(self._round)
            finally:
                self._round = None
            if not self._arrivals.follows_main and self._look_at_main not in self.recorder.observers:
                self.recorder.observers.append(self._look_at_main)
            self.reach.search_all()

    def unweave(self, gone: list[JoinPoint]) -> None:
        """Put back what stood where some join points stand, and everywhere else where they are held."""
        if not gone:
            return
        with self._lock:
            for point in gone:
                point.recipe = None
                if id(point) in self._installed:
                    self._take_back(*self._installed.pop(id(point)))
            take_out(gone, self.points, self.ledger, self.reach)

    def after_fork(self) -> None:
        """Begin anew in a forked child: another thread of the parent may have been weaving."""
        self._lock = threading.RLock()
        self._round = None

    def undo(self) -> None:
        """Take everything back; what something else has been put over since passes through from now on."""
        with self._lock:
            self._arrivals.end()
            self._look_no_more()
            for point in self.points:
                point.recipe = None
            for installed in reversed(self._installed.values()):
                self._take_back(*installed)
            self._installed.clear()
            for hooks in reversed(self.hooks):
                hooks.forget()
            self.ledger.undo()
            self.reach.restore_all()
            self.points.clear()
            self.hooks.clear()
            self._listeners.clear()
            self._subclasses.forget()
            self.refused.clear()
            self._told.clear()
            self._registry = None

    def unmatched(self) -> list[Problem]:
        """Report the pointcuts that select nothing although their module is loaded."""
        if self._registry is None:
            return []
        return unmatched.find_unmatched(self._registry, self.points.targets(), self.refused)

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
            for key, _, target in candidates.module_targets(self._as_defined(entries)):
                self._consider(entries, key, entries.get(key), target)
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

    def _as_defined(self, entries: dict[str, Any]) -> dict[str, Any]:
        """Copy a namespace with the raw objects in the place of ours, which do not tell where they are defined."""
        of_entry = self.points.of_entry
        return {
            key: raw if (point := of_entry(raw)) is None or point.entry is not raw else point.raw
            for key, raw in list(entries.items())
        }

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
        if self._registry is None:
            return
        point = self._standing(owner, name, raw, target)
        if point is not None:
            if self._round is not None:
                self._renew(self._round, point, owner, name, target)
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
        if point is None or point.raw is not raw:
            return False
        if self._round is not None and not self._round.keeps(point):
            self._renew(self._round, point, owner, name, target)
        if point.recipe is None:
            return False
        if point.entry is not None:
            if point.recipe.policy is not policy:
                return False
            self.ledger.replace(owner, name, point.entry, point.mutations)
        self._place(point, owner, name, target)
        return True

    def _place(self, point: JoinPoint, owner: Owner, name: str, target: Target) -> None:
        self.points.place(point, id(owner), name, target)
        if self._round is not None:
            self._round.keep(point, (id(owner), name))

    def _renew(self, round: Round, point: JoinPoint, owner: Owner, name: str, target: Target) -> None:
        """Give what stands already the policy that it has in the new registry by the name under which it stands here.

        As with what is woven afresh, the first name that a rule matches is the one that a callable goes by, and a name
        that has other rules gets a proxy of its own.
        """
        round.seen.add(id(point))
        policy = None if (id(owner), name) in round.places else self._policy(target)
        if policy is None or (id(point) in self.points.named() and not _is_written_out(policy, target)):
            return
        try:
            if not round.keeps(point):
                self._apply(point, policy, target)
            elif point.entry is not None and point.recipe is not None and point.recipe.policy is not policy:
                self._part(point, owner, name, target, policy)
                return
            self._place(point, owner, name, target)
        except Exception as exc:
            contain("weave", exc)

    def _apply(self, point: JoinPoint, policy: Policy, target: Target) -> None:
        recipe = point.recipe
        if recipe is None or recipe.policy is not policy or point.target != target:
            point.target = target
            point.recipe = self._recipe(point, policy)

    def _part(self, point: JoinPoint, owner: Owner, name: str, target: Target, policy: Policy) -> None:
        """Weave a callable under one of its names by itself."""
        self.ledger.take_back([point.mutations], lambda change: change.name == name and change.owner is owner)
        raw = candidates.entry_of(owner, name)
        shape = shape_of(raw, isinstance(owner, type), self.containers)
        if shape is not None and raw is point.raw:
            self._weave_one(owner, name, raw, shape, target, policy)

    def _conclude(self, round: Round) -> None:
        """Keep what the rules have found, and put back the rest of what stands."""
        named, gone = self.points.named(), []
        for point in self.points:
            if round.keeps(point):
                continue
            # What no name leads to any longer is still called by whoever holds it.
            policy = None if id(point) in round.seen else self._policy(point.target)
            if policy is None or (id(point) in named and not _is_written_out(policy, point.target)):
                gone.append(point)
                continue
            try:
                self._apply(point, policy, point.target)
            except Exception as exc:
                gone.append(point)
                contain("weave", exc)
        self.points.leave(lambda point, place: round.keeps(point) and place not in round.places)
        self.unweave(gone)

    def _take_back(self, point: JoinPoint, take_back: Callable[[], None]) -> None:
        try:
            take_back()
        except Exception as exc:
            contain("undo", exc)

    def _weave_one(self, owner: Owner, name: str, raw: Any, shape: Shape, target: Target, policy: Policy) -> None:
        if shape.install is None and self._frames.frames_above(
            shape.function, owner if isinstance(owner, type) else None
        ):
            reason = self._frameless.refusal(shape.function)
            if reason is not None:
                self.refused[target] = reason
                if target not in self._told:
                    self._told.add(target)
                    _log.warning("%s is not traced: %s", target, reason)
                return
            shape = Shape(shape.function, shape.bound, install=self._frameless.add, named=shape.named)
        point = JoinPoint(target, shape.function, self.recorder, lazy=shape.lazy, bound=shape.bound, call=shape.call)
        recipe = self._recipe(point, policy)
        point.raw = raw
        if shape.install is not None:
            self._installed[id(point)] = (point, shape.install(point))
        elif shape.build is not None:
            point.entry = shape.build(point)
            self.ledger.replace(owner, name, point.entry, point.mutations)
        point.recipe = recipe
        self.points.add(point, id(owner), name, named=shape.named)
        if self._round is not None:
            self._round.keep(point, (id(owner), name))

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

    def _standing(self, owner: Owner, name: str, raw: Any, target: Target) -> JoinPoint | None:
        """Return the join point whose entry stands somewhere; a reloaded module's functions are not what we have put there.

        What other code has put over ours, and which still calls it, is left alone: the call would be recorded twice.
        """
        here = self.points.at(id(owner), name)
        if here is not None and here.entry is None and here.raw is raw:
            return here
        if here is not None and here.entry is not None and (here.entry is raw or is_within(here.entry, raw)):
            return here
        point = self.points.of_entry(raw)
        if point is not None and isinstance(owner, type) and point.entry is raw:
            # The class was built with it (a decorator's copy of a class, or `handler = f` in its body).
            if not any(change.owner is owner and change.name == name for change in point.mutations.values()):
                self.ledger.note(owner, name, point.raw, raw, point.mutations)
            if self._policy(target) is not None:
                self._place(point, owner, name, target)
        return point


def _may_export(pointcut: Pointcut, module: str) -> bool:
    """Tell whether a module lies below the package that a literal pointcut names."""
    return pointcut.literal and module.startswith(pointcut.module + ".")


def _is_written_out(policy: Policy, target: Target) -> bool:
    pointcuts: Iterable[Pointcut] = (pointcut for rule in policy.chain for pointcut in rule.match)
    return any(p.name == target.name and p.matches(target) for p in pointcuts)
