"""Finds what makes agents work together: orchestrators, workflows, and functions that ask several agents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import CHAIN, Candidate, behaves, can_be_named
from tracing_proxies.scanning.facts import ClassFacts, FunctionFacts, ModuleFacts
from tracing_proxies.scanning.idioms import (
    AGENT_METHOD,
    ENTRY_FUNCTION,
    NO_WORK,
    ORCHESTRATING,
    ORCHESTRATOR_CLASS,
    PRIMARY,
    last_of,
)
from tracing_proxies.scanning.usage import Usage

Key = tuple[str, str | None, str]
_FEWEST = 3
_SIDE_BY_SIDE = ("gather", "as_completed", "TaskGroup", "create_task_group", "map", "submit")


def find_orchestrators(
    application: Application, usage: Usage, agents: Mapping[tuple[str, str], str], asked: Collection[Key]
) -> Iterator[Candidate]:
    """Yield the orchestrating methods and functions.

    Args:
        agents: the agent classes.
        asked: the methods by which agents are asked.
    """
    for cls in application.classes():
        if cls.key in agents or not behaves(application, cls):
            continue
        why = _why(application, usage, cls, agents)
        if why is None:
            continue
        named = ORCHESTRATOR_CLASS.search(cls.name) is not None
        for name in sorted(cls.methods):
            method = cls.methods[name]
            if _orchestrates(application, usage, method, asked, named) and can_be_named(application, method) is None:
                yield Candidate(CHAIN, method, why, _top(application, cls, name))
    for module in application.modules.values():
        for function in module.functions.values():
            if ENTRY_FUNCTION.fullmatch(function.name):
                continue
            theirs = usage.agents_asked(application, function)
            count = len(_agents_asked(application, function, asked) | theirs)
            gathers = _gathers(function)
            by_name = _is_named_after_work(function) and (count > 0 or _imports_agents(module, usage))
            if (count > 1 or gathers or by_name) and can_be_named(application, function) is None:
                why = f"asks {count} agents" if count > 1 else "is named after what it coordinates"
                why = "asks agents at the same time" if gathers else why
                yield Candidate(CHAIN, function, why)


def _why(application: Application, usage: Usage, cls: ClassFacts, agents: Mapping[tuple[str, str], str]) -> str | None:
    if ORCHESTRATOR_CLASS.search(cls.name):
        return f"{cls.path} is called an orchestrator"
    held = []
    for attribute, names in cls.attributes.items():
        for name in names:
            found = application.find_class(cls.module, name)
            if (found is not None and found.key in agents) or usage.agent_maker(application, cls.module, name):
                held.append(attribute)
                break
    if len(held) > 1 or "agents" in held:
        return f"{cls.path} holds agents: {', '.join(held[:4])}"
    count = sum(len(usage.agents_asked(application, method)) for method in cls.methods.values())
    if count > 1:
        return f"{cls.path} asks agents in {count} places"
    return None


def _orchestrates(
    application: Application, usage: Usage, method: FunctionFacts, asked: Collection[Key], named: bool
) -> bool:
    if method.stub or (method.name.startswith("_") and method.name != "__call__") or NO_WORK.search(method.name):
        return False
    if ORCHESTRATING.fullmatch(method.name) or PRIMARY.fullmatch(method.name):
        return True
    if _gathers(method) or _agents_asked(application, method, asked) or usage.agents_asked(application, method):
        return True
    # The methods of something that is called a workflow are its parts, short look-ups aside.
    return named and method.is_async and method.statements > 2


def _is_named_after_work(function: FunctionFacts) -> bool:
    if function.name.startswith("_") or function.statements < _FEWEST:
        return False
    return ORCHESTRATING.fullmatch(function.name) is not None


def _gathers(function: FunctionFacts) -> bool:
    """Tell whether a function runs agents, which are called just that, side by side."""
    names = [call.name for call in function.calls]
    if not any(last_of(name) in _SIDE_BY_SIDE for name in names):
        return False
    parts = [name.split(".") for name in names if "." in name]
    return any("agent" in each[-2].casefold() and AGENT_METHOD.fullmatch(each[-1]) for each in parts)


def _imports_agents(module: ModuleFacts, usage: Usage) -> bool:
    used = [usage.of(full) for full in module.imports.values() if usage.of(full)]
    return any(each is not None and each.framework.agents for each in used)


def _agents_asked(application: Application, function: FunctionFacts, asked: Collection[Key]) -> set[str]:
    return {call.name.rpartition(".")[0] for call, reached in application.calls_of(function) if reached.key in asked}


def _top(application: Application, cls: ClassFacts, name: str) -> ClassFacts | None:
    tops = [above for above in application.ancestors(cls) if name in above.methods]
    if tops:
        return tops[-1]
    return cls if any(name in below.methods for below in application.descendants.get(cls.key, ())) else None
