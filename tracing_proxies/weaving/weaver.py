"""Brings a registry into the code of the application, keeps it so as modules arrive, and takes it back exactly."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import attrs

from tracing_proxies import debugging
from tracing_proxies.errors import Problem
from tracing_proxies.failures import contain
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import Policy, resolve_policy
from tracing_proxies.weaving import candidates, literals, unmatched
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.arrivals import Arrivals
from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.loom import Loom
from tracing_proxies.weaving.misnamed import find_misnamed
from tracing_proxies.weaving.modules import entries_of, is_loading, is_module, loaded_modules, main_name, public_name
from tracing_proxies.weaving.needless import find_needless
from tracing_proxies.weaving.patterns import Patterns
from tracing_proxies.weaving.proxies import is_woven, raw_of
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
        self._loom = Loom(recorder, self._policy)
        self.ledger = self._loom.ledger
        self.points = self._loom.points
        self.reach = self._loom.reach
        self.containers = self._loom.containers
        self.refused = self._loom.refused
        self._lock = threading.RLock()
        self._registry: Registry | None = None
        self._patterns = Patterns()
        self._listeners: dict[str, list[Callable[[ModuleType], None]]] = {}
        self.hooks: list[Hooks] = []
        self._arrivals = Arrivals(self)
        self._subclasses = SubclassWatch(self.ledger, self._class_defined)

    @property
    def aliases(self) -> int:
        """How many references elsewhere hold now what is woven."""
        changes = [change for point in self.points for change in list(point.mutations.values())]
        # A tuple that was made anew for one callable, and once more for another, is one reference.
        made = {id(change.after) for change in changes}
        return sum(id(change.before) not in made for change in changes) - self.points.count_entries()

    def targets(self) -> list[Target]:
        """List what is traced."""
        return self.points.targets()

    def recipes(self) -> list[Recipe]:
        """List what is done for the calls of all that is traced."""
        return [point.standing for point in self.points if point.standing is not None]

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
            self._patterns = Patterns(registry)
            self._loom.begin()
            try:
                self._subclasses.begin()
                self._arrivals.begin()
                self._subclasses.conclude()
                self._loom.conclude()
            finally:
                self._loom.break_off()
            if not self._arrivals.follows_main and self._look_at_main not in self.recorder.observers:
                self.recorder.observers.append(self._look_at_main)
            self.reach.search_all()
            if "weaving" in debugging.rooms:
                refused = {str(target): why for target, why in self.refused.items()}
                debugging.tell("weaving", "woven", targets=len(self.targets()), refused=refused)

    def unweave(self, gone: list[JoinPoint]) -> None:
        """Put back what stood where some join points stand, and everywhere else where they are held."""
        with self._lock:
            self._loom.unweave(gone)

    def switch(self, on: bool) -> None:
        """Let everything that is woven pass through, or be traced again; what is woven meanwhile follows."""
        with self._lock:
            self._loom.switch(on)

    def after_fork(self) -> bool:
        """Begin anew in a forked child, where no other thread of the parent's goes on.

        Returns:
            Whether one of them was weaving at that moment, so that some of it may be left undone.
        """
        halfway = self._loom.in_round
        self._loom.break_off()
        self._lock = threading.RLock()
        return halfway

    def undo(self) -> None:
        """Take everything back; what something else has been put over since passes through from now on."""
        with self._lock:
            self._arrivals.end()
            self._look_no_more()
            self._loom.uninstall_all()
            for hooks in reversed(self.hooks):
                hooks.forget()
            self._loom.restore_all()
            self.hooks.clear()
            self._listeners.clear()
            self._subclasses.forget()
            self._registry = None

    def matches(self) -> dict[int, list[Target]]:
        """List what each rule selects of the woven targets, by the rule's index."""
        found: dict[int, list[Target]] = {}
        for target, point in self.points.placed():
            for rule in point.standing.policy.chain if point.standing is not None else ():
                found.setdefault(rule.index, []).append(target)
        return found

    def unmatched(self, *, pending: bool = False, loaded: unmatched.Loaded | None = None) -> list[Problem]:
        """Report the patterns that select nothing, and the paths that name a parameter which nothing traced has.

        Args:
            pending: whether to report also what modules that are not loaded yet may bring.
            loaded: what is loaded, where that has been looked at already.
        """
        if self._registry is None:
            return []
        if loaded is None:
            loaded = unmatched.loaded_namespaces()
        targets = self.points.targets()
        problems = unmatched.find_unmatched(self._registry, targets, loaded, self.refused, pending=pending)
        problems += find_needless(self._registry, loaded)
        return problems + find_misnamed(self._registry, self.points, loaded, pending=pending)

    def count_unmatched(self) -> int:
        """Return how many problems `unmatched` would report."""
        if self._registry is None:
            return 0
        loaded = unmatched.loaded_namespaces()
        count = unmatched.count_unmatched(self._registry, self.points.targets(), loaded)
        count += len(find_needless(self._registry, loaded))
        return count + len(find_misnamed(self._registry, self.points, loaded))

    def is_wanted(self, name: str) -> bool:
        """Tell by a module's name whether it is to be reported when it is loaded."""
        return name in self._listeners or self._patterns.want(name)

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
                self._consider_below(name, module)
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
                    self._loom.frames.arrived(name)
                    self._consider_entries(entries_of(module))
                    return
                cls = type(module)
                if candidates.module_of_class(cls) == name:
                    self._consider_class(cls)
            except Exception as exc:
                contain("weave", exc)

    def _consider_below(self, name: str, package: Any) -> None:
        """Look once more at what a package has loaded below it before it said that it exports lazily."""
        if not is_module(package) or "__getattr__" not in entries_of(package):
            return
        known = self.points.added
        for other, module in loaded_modules():
            if other.startswith(f"{name}.") and not is_loading(module):
                self.consider_module(other, module)
        if self.points.added != known:
            self.reach.search_all()

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
        patterns, exported = self._patterns.naming(name), self._patterns.above(name)
        if not patterns and not exported:
            return
        defined = self._as_defined(entries)
        if patterns:
            bases = [pointcut for pointcut in patterns if pointcut.subclasses]
            homes = (name, "__main__") if name == main_name() else (name,)
            for key, _, target in candidates.module_targets(defined):
                self._loom.consider(entries, key, entries.get(key), target)
            for cls in candidates.module_classes(entries):
                self._consider_class(cls, home=name, searched_later=self._loom.in_round)
                if any(p.is_base(home, candidates.path_of(cls)) for p in bases for home in homes):
                    self._subclasses.watch(cls)
        for pointcut in patterns:
            if pointcut.literal:
                self._consider_found(entries, defined, literals.resolve(defined, name, pointcut))
        for pointcut in exported:
            self._consider_found(entries, defined, literals.resolve_exported(defined, name, pointcut))

    def _consider_found(self, entries: dict[str, Any], defined: dict[str, Any], found: literals.Found | None) -> None:
        if found is not None:
            owner, name, raw, target = found
            if owner is defined:
                owner, raw = entries, entries.get(name)
            self._loom.consider(owner, name, raw, target)

    def _as_defined(self, entries: dict[str, Any]) -> dict[str, Any]:
        """Copy a namespace with the raw objects in the place of ours, which do not tell where they are defined."""
        ours = self.points.entries
        return {key: raw_of(raw) if id(raw) in ours and is_woven(raw) else raw for key, raw in items_of(entries)}

    def _consider_class(self, cls: type, *, home: str | None = None, searched_later: bool = False) -> None:
        known = self.points.added
        for name, raw, target in candidates.class_targets(cls):
            # One that passes for a class of the package that exports it goes by either name.
            if home not in (None, target.module) and self._policy(target) is None:
                target = attrs.evolve(target, module=home)
            self._loom.consider(cls, name, raw, target)
        if self.points.added != known and not searched_later:
            self.reach.search_class(cls)  # other names in its body for the same function

    def _policy(self, target: Target) -> Policy | None:
        registry = self._registry
        if registry is None:
            return None
        policy = resolve_policy(registry, target)
        if policy is None and self._patterns.name_main:
            return resolve_policy(registry, candidates.as_main(target))
        return policy
