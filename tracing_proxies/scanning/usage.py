"""Which frameworks an application uses, and which preset or hooks stand for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import ClassFacts, FunctionFacts
from tracing_proxies.scanning.frameworks import FRAMEWORKS, Framework
from tracing_proxies.scanning.idioms import last_of

_PRESET_SIGNS: Final[dict[str, tuple[str, ...]]] = {
    "threads": ("threading", "concurrent.futures", "concurrent"),
    "processes": ("multiprocessing", "concurrent.futures.process"),
    "http": ("httpx", "requests", "aiohttp", "starlette", "fastapi", "flask"),
}
_THREAD_CALLS: Final = ("to_thread", "run_in_executor", "run_in_threadpool", "ThreadPoolExecutor")
_PROCESS_CALLS: Final = ("ProcessPoolExecutor",)


@attrs.frozen
class Used:
    """One framework in use.

    Args:
        evidence: the module of the application that shows it.
        preset: the preset that stands for it, None where its hooks do.
    """

    framework: Framework
    evidence: str
    preset: str | None


@attrs.frozen
class Usage:
    """What an application builds on.

    Args:
        presets: the presets to use besides those of the frameworks, each with the module that shows why.
    """

    frameworks: tuple[Used, ...]
    presets: tuple[tuple[str, str], ...]

    def of(self, full: str) -> Used | None:
        """Find the framework that a full name comes from."""
        return next((used for used in self.frameworks if _is_within(full, used.framework.imports)), None)

    def has_decorator(self, name: str) -> Used | None:
        """Find the framework whose decorators have a last name, where the object that it belongs to is not known."""
        return next((used for used in self.frameworks if name in used.framework.decorators), None)

    def agent_maker(self, application: Application, module: str, name: str) -> Used | None:
        """Find the framework whose agent a call makes."""
        used = self.of(application.resolve(module, name))
        return used if used is not None and last_of(name) in used.framework.agents else None

    def agents_asked(self, application: Application, function: FunctionFacts) -> set[str]:
        """List the frameworks' agents that a function asks, by the names it has for them.

        A class that only runs agents it is given, as ``Runner.run(agent)``, counts once for each call.
        """
        asked = set()
        for call in function.calls:
            holder, _, _ = call.name.rpartition(".")
            if not holder:
                continue
            if self.agent_maker(application, function.module, holder):
                asked.add(f"{holder}:{call.line}")
                continue
            full = application.resolve(function.module, holder)
            module, _, variable = full.rpartition(".")
            made = application.modules[module].made if module in application.modules else {}
            makers = function.typed.get(holder) or ((made[variable],) if variable in made else ())
            if any(self.agent_maker(application, module or function.module, maker) for maker in makers):
                asked.add(full)
        return asked

    def base(self, application: Application, cls: ClassFacts, role: str) -> Used | None:
        """Find the framework whose agents, tools or models a class descends from.

        Args:
            role: agents, tools or models.
        """
        for full in application.foreign_bases(cls):
            used = self.of(full)
            if used is not None and last_of(full) in getattr(used.framework, role):
                return used
        return None

    def decorator(self, application: Application, function: FunctionFacts) -> tuple[Used, str] | None:
        """Find the framework that makes a function a tool, and the decorator as it is written."""
        for name in function.decorators:
            last = last_of(name)
            if self.has_decorator(last) is None:
                continue
            full = application.resolve(function.module, name)
            used = self.of(full)
            if used is None:
                holder, _, _ = full.rpartition(".")
                module, _, variable = holder.rpartition(".")
                maker = application.modules[module].made.get(variable) if module in application.modules else None
                used = self.of(application.resolve(module, maker)) if maker else self.has_decorator(last)
            if used is not None and last in used.framework.decorators:
                return used, name
        return None


def find_usage(application: Application, presets: Collection[str]) -> Usage:
    """Find what an application uses.

    Args:
        presets: the names of those that there are.
    """
    found = []
    for framework in FRAMEWORKS:
        evidence = next(
            (owner for name, owner in application.uses.items() if _is_within(name, framework.imports)), None
        )
        if evidence is None:
            continue
        if framework.calls:
            caller = next(_callers(application, framework.calls), None)
            if caller is None:
                continue
            evidence = caller
        names = (framework.name, *framework.imports)
        found.append(Used(framework, evidence, next((name for name in names if name in presets), None)))
    mine = [used.preset for used in found]
    others = [(name, owner) for name, owner in _other_presets(application) if name in presets and name not in mine]
    return Usage(tuple(found), tuple(others))


def _other_presets(application: Application) -> Iterator[tuple[str, str]]:
    for preset, modules in _PRESET_SIGNS.items():
        calls = {"threads": _THREAD_CALLS, "processes": _PROCESS_CALLS}.get(preset, ())
        owner = next((owner for name, owner in application.uses.items() if _is_within(name, modules)), None)
        owner = next(_callers(application, calls), owner)
        if owner is not None:
            yield preset, owner


def _callers(application: Application, ends: tuple[str, ...]) -> Iterator[str]:
    """Yield the modules that call something whose name ends like this."""
    for module in application.modules.values():
        bodies = [*module.functions.values(), *(m for cls in module.classes.values() for m in cls.methods.values())]
        for calls in (module.calls, *(function.calls for function in bodies)):
            if any(call.name == end or call.name.endswith("." + end) for call in calls for end in ends):
                yield module.name
                break


def _is_within(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)
