"""Finds tools: decorated functions, tool classes, listed functions, and the worlds that agents act in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import TOOL, Candidate, behaves, can_be_named
from tracing_proxies.scanning.facts import ClassFacts
from tracing_proxies.scanning.idioms import TOOL_CLASS, TOOL_METHOD, WORLD_CLASS, WORLD_HOLDER, last_of
from tracing_proxies.scanning.usage import Usage, Used

_OWN_DECORATOR: Final = re.compile(r"(^|_)(tool|skill|function_tool|register_(tool|action|function))$")


@attrs.frozen
class Covered:
    """A tool that the framework's own rules trace, whatever it is called.

    Args:
        name: as a registry would name it.
    """

    used: Used
    name: str
    file: str
    line: int


def find_tools(application: Application, usage: Usage) -> tuple[list[Candidate], list[Covered]]:
    """Find the functions and methods that agents call as tools.

    Returns:
        Those that rules are to name, and those that a framework's rules trace anyway.
    """
    candidates: list[Candidate] = []
    covered: list[Covered] = []
    for function in application.functions():
        found = usage.decorator(application, function)
        if found is not None:
            used, decorator = found
            if (used.framework.named and used.preset is not None) or not used.framework.hooks:
                candidates.append(Candidate(TOOL, function, f"@{decorator}"))
            else:
                covered.append(Covered(used, function.target, application.file_of(function.module), function.line))
            continue
        own = next((name for name in function.decorators if _OWN_DECORATOR.search(last_of(name))), None)
        if own is not None and can_be_named(application, function) is None:
            candidates.append(Candidate(TOOL, function, f"@{own}"))
    for cls in application.classes():
        used_by = usage.base(application, cls, "tools")
        if used_by is not None:
            covered.append(Covered(used_by, f"{cls.module}:{cls.path}", application.file_of(cls.module), cls.line))
        else:
            candidates += _of_tool_class(application, cls)
            candidates += _of_world(application, cls)
    candidates += _listed(application, usage, covered)
    return candidates, covered


def _of_tool_class(application: Application, cls: ClassFacts) -> Iterator[Candidate]:
    if not TOOL_CLASS.search(cls.name) or not behaves(application, cls):
        return
    lineage = (*application.ancestors(cls), cls)
    top = next((above for above in reversed(application.ancestors(cls)) if TOOL_CLASS.search(above.name)), cls)
    names = sorted(name for name in cls.methods if TOOL_METHOD.fullmatch(name))
    known = {name for above in lineage for name in above.methods if TOOL_METHOD.fullmatch(name)}
    public = {name for name in known if not name.startswith("_")}
    for name in names:
        method = cls.methods[name]
        if method.stub or can_be_named(application, method) is not None:
            continue
        if public and name.startswith("_"):  # the public one calls it
            continue
        yield Candidate(TOOL, method, f"{cls.path} is called a tool", top)


def _of_world(application: Application, cls: ClassFacts) -> Iterator[Candidate]:
    if not WORLD_CLASS.search(cls.name) or not behaves(application, cls):
        return
    called = {
        name
        for holder, name in application.method_calls
        if WORLD_HOLDER.search(holder) and (TOOL_METHOD.fullmatch(name) or name == "step")
    }
    for name in sorted(called & cls.methods.keys()):
        method = cls.methods[name]
        if not method.stub and can_be_named(application, method) is None:
            top = next((above for above in reversed(application.ancestors(cls)) if name in above.methods), cls)
            yield Candidate(TOOL, method, f"agents act through {cls.path}", top)


def _listed(application: Application, usage: Usage, covered: list[Covered]) -> Iterator[Candidate]:
    hooked = next((used for used in usage.frameworks if used.framework.agents and used.framework.hooks), None)
    seen: set[tuple[str, str | None, str]] = set()
    for module in application.modules.values():
        for name, listed, line in module.listed:
            function = application.find_function(module.name, listed)
            if function is None or function.key in seen or usage.decorator(application, function):
                continue
            seen.add(function.key)
            if hooked is not None:
                covered.append(Covered(hooked, function.target, application.file_of(function.module), function.line))
            elif can_be_named(application, function) is None:
                yield Candidate(TOOL, function, f"stands in {name} at {module.file}:{line}")
