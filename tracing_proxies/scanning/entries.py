"""Finds where work enters the application: handlers of triggers and messages, or else its main function."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import ENTRY, Candidate, behaves, can_be_named
from tracing_proxies.scanning.facts import FunctionFacts
from tracing_proxies.scanning.idioms import (
    COMMAND,
    ENTRY_FUNCTION,
    HANDLER_CLASS,
    HANDLER_FUNCTION,
    HANDLER_METHOD,
    JOB,
    NO_WORK,
    ROUTE,
)

Key = tuple[str, str | None, str]
_FURTHEST = 5


@attrs.frozen
class Route:
    """A function that a web framework, a command line or a queue calls, and keeps to itself.

    Args:
        kind: route, command or job.
    """

    kind: str
    name: str
    file: str
    line: int


def find_routes(application: Application) -> list[Route]:
    """List the functions that frameworks call: no rule that names them takes effect."""
    found = []
    for function in application.functions():
        for decorator in function.decorators:
            owner, _, last = decorator.rpartition(".")
            is_route = owner and ROUTE.fullmatch(last) and application.find_class(function.module, owner) is None
            kind = (
                "route" if is_route else "job" if JOB.fullmatch(last) else "command" if COMMAND.fullmatch(last) else ""
            )
            if kind:
                file = application.file_of(function.module)
                found.append(Route(kind, function.target, file, function.line))
                break
    return found


def find_handlers(application: Application, work: Collection[Key]) -> Iterator[Candidate]:
    """Yield the methods and functions that take a trigger, an event or a message to the agents.

    Args:
        work: what is traced of agents, orchestrators and tools.
    """
    for cls in application.classes():
        if not HANDLER_CLASS.search(cls.name) or not behaves(application, cls):
            continue
        for name in sorted(cls.methods):
            method = cls.methods[name]
            if HANDLER_METHOD.fullmatch(name) and not NO_WORK.search(name) and _is_entry(application, method, work):
                yield Candidate(ENTRY, method, f"{cls.path} takes work to the agents")
    for module in application.modules.values():
        for function in module.functions.values():
            if HANDLER_FUNCTION.fullmatch(function.name) and _is_entry(application, function, work):
                yield Candidate(ENTRY, function, "is called like a handler")


def find_mains(application: Application, work: Collection[Key], uses_agents: bool) -> Iterator[Candidate]:
    """Yield the functions that programs start with.

    Args:
        uses_agents: whether agents of a framework are made, whose runs nothing in the source names.
    """
    for module in application.modules.values():
        for function in module.functions.values():
            if not ENTRY_FUNCTION.fullmatch(function.name):
                continue
            called = any(call.name.endswith(function.name) for call in module.calls) or module.guarded
            passed_on = any(other.delegate == function.name for other in module.functions.values())
            reaches = uses_agents or _reaches(application, function, work)
            if (called or passed_on) and reaches and can_be_named(application, function) is None:
                yield Candidate(ENTRY, function, "the program starts here")


def _is_entry(application: Application, function: FunctionFacts, work: Collection[Key]) -> bool:
    if function.stub or function.key in work or can_be_named(application, function) is not None:
        return False
    return _reaches(application, function, work)


def _reaches(application: Application, function: FunctionFacts, work: Collection[Key]) -> bool:
    """Tell whether a function calls traced work, by way of a few others."""
    seen = {function.key}
    level = [function]
    for _ in range(_FURTHEST):
        called = {found.key: found for caller in level for _, found in application.calls_of(caller)}
        if any(key in work for key in called.keys() - {function.key}):
            return True
        level = [found for key, found in called.items() if key not in seen]
        seen |= called.keys()
    return False
