"""Finds agent classes and the methods by which they are asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import AGENT, STEP, Candidate, behaves, can_be_named, concrete
from tracing_proxies.scanning.facts import ClassFacts, FunctionFacts
from tracing_proxies.scanning.idioms import (
    AGENT_CLASS,
    AGENT_FAMILIES,
    AGENT_METHOD,
    MODEL_CLASS,
    MODEL_HOLDER,
    MODEL_METHOD,
    NO_WORK,
    ORCHESTRATOR_CLASS,
    PRIMARY,
    STEP_METHOD,
    TOOL_CLASS,
)
from tracing_proxies.scanning.usage import Usage


def agent_classes(application: Application, usage: Usage) -> dict[tuple[str, str], str]:
    """Find the agent classes, each with what it was recognised by."""
    found: dict[tuple[str, str], str] = {}
    for cls in application.classes():
        why = _why(application, usage, cls)
        if why is not None and behaves(application, cls):
            found[cls.key] = why
    for cls in list(application.classes()):
        if cls.key not in found and behaves(application, cls):
            above = next((above for above in application.ancestors(cls) if above.key in found), None)
            if above is not None:
                found[cls.key] = f"descends from {above.path}"
    return found


def _why(application: Application, usage: Usage, cls: ClassFacts) -> str | None:
    used = usage.base(application, cls, "agents")
    if used is not None:
        return f"descends from an agent of {used.framework.distribution}"
    if AGENT_CLASS.search(cls.name):
        return "is called an agent"
    for attribute, names in cls.attributes.items():
        for name in names:
            used = usage.agent_maker(application, cls.module, name)
            if used is not None and _asks(cls, attribute):
                return f"holds an agent of {used.framework.distribution}"
    return "asks a model" if _thinks(usage, cls) else None


def _thinks(usage: Usage, cls: ClassFacts) -> bool:
    """Tell whether a class has a method of an agent and asks a model, without being a model or a workflow itself."""
    if MODEL_CLASS.search(cls.name) or ORCHESTRATOR_CLASS.search(cls.name) or TOOL_CLASS.search(cls.name):
        return False
    if not any(AGENT_METHOD.fullmatch(name) or STEP_METHOD.fullmatch(name) for name in cls.methods):
        return False
    clients = tuple("." + end for used in usage.frameworks for end in used.framework.calls)
    names = [call.name for method in cls.methods.values() for call in method.calls if call.name.startswith("self.")]
    return any(name.endswith(clients) for name in names) or any(
        MODEL_HOLDER.search(holder) and MODEL_METHOD.fullmatch(last)
        for holder, _, last in (name[5:].rpartition(".") for name in names)
    )


def _asks(cls: ClassFacts, attribute: str) -> bool:
    """Tell whether a class calls what it holds under an attribute, and not several such things."""
    return any(call.name.startswith(f"self.{attribute}") for method in cls.methods.values() for call in method.calls)


def find_agents(application: Application, usage: Usage, classes: Mapping[tuple[str, str], str]) -> Iterator[Candidate]:
    """Yield the methods of agent classes that are runs or steps of an agent."""
    for cls in application.classes():
        if cls.key not in classes or any(above.key in classes for above in application.ancestors(cls)):
            continue
        yield from _Family(application, usage, cls, classes).candidates()


class _Family:
    """An agent class and all that descends from it."""

    def __init__(
        self, application: Application, usage: Usage, top: ClassFacts, classes: Mapping[tuple[str, str], str]
    ) -> None:
        self._application = application
        self._top = top
        self._classes = classes
        self._methods: dict[str, list[FunctionFacts]] = defaultdict(list)
        for cls in application.family(top):
            for name, method in cls.methods.items():
                self._methods[name].append(method)
        # The framework's own rules trace its agents' runs.
        self._covered = usage.base(application, top, "agents") is not None

    def candidates(self) -> Iterator[Candidate]:
        runs = {name for name in self._methods if self._is_run(name)}
        steps = {name for name in self._methods if STEP_METHOD.fullmatch(name)} - runs
        runs = self._without_delegates(runs)
        runs = {name for name in runs if not self._is_inner(name, runs)}
        for kind, names in ((AGENT, runs), (STEP, steps)):
            for name in sorted(names):
                for method in concrete(self._methods[name]):
                    if can_be_named(self._application, method) is None:
                        why = f"{method.cls} {self._classes.get((method.module, method.cls or ''), 'is an agent')}"
                        yield Candidate(kind, method, why, self._top)

    def _is_run(self, name: str) -> bool:
        if NO_WORK.search(name) or not concrete(self._methods[name]):
            return False
        if any(family.fullmatch(name) for family in AGENT_FAMILIES):
            return True
        return not self._covered and AGENT_METHOD.fullmatch(name) is not None

    def _without_delegates(self, names: set[str]) -> set[str]:
        """Leave out those that only pass on to another one."""
        left = set(names)
        for name in sorted(names):
            onto = {(method.delegate or "").removeprefix("self.") for method in concrete(self._methods[name])}
            if onto <= names - {name}:
                left.discard(name)
        return left or names

    def _is_inner(self, name: str, names: Iterable[str]) -> bool:
        """Tell whether a method is only ever called by another one that is traced."""
        if any(family.fullmatch(name) for family in AGENT_FAMILIES) or self._is_called_from_outside(name):
            return False
        if PRIMARY.fullmatch(name) and not any(PRIMARY.fullmatch(other) for other in names if other != name):
            return False
        return any(
            name in self._reached(other) and other not in self._reached(name) for other in names if other != name
        )

    def _is_called_from_outside(self, name: str) -> bool:
        calls = self._application.method_calls
        return any(method == name and holder not in ("self", "super()") for holder, method in calls)

    def _reached(self, name: str) -> set[str]:
        """List the methods that one calls on `self`, directly or by way of others."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for method in self._methods.get(waiting.pop(), ()):
                for call in method.calls:
                    called = call.name.removeprefix("self.")
                    if called != call.name and "." not in called and called not in found:
                        found.add(called)
                        waiting.append(called)
        return found
