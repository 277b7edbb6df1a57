"""Agents that an application takes from installed packages that were not scanned and that no rule knows."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import CallFacts
from tracing_proxies.scanning.idioms import ELSEWHERE_CLASS, NO_BEHAVIOUR, last_of
from tracing_proxies.scanning.installed import find_package
from tracing_proxies.scanning.usage import Usage


@attrs.frozen
class Elsewhere:
    """One such package.

    Args:
        package: its top-level name.
        cls: the full name of the class that is called.
    """

    package: str
    cls: str
    file: str
    line: int


def find_elsewhere(application: Application, usage: Usage) -> tuple[Elsewhere, ...]:
    """List the packages from which agents or orchestrators are made, each with the first place where that is done."""
    found: dict[str, Elsewhere] = {}
    own = {name.partition(".")[0] for name in application.modules}
    for module in application.modules.values():
        for call in _calls(application, module.name):
            full = application.resolve(module.name, call.name)
            package, dot, _ = full.partition(".")
            name = last_of(full)
            if not dot or package in own or package in found or usage.of(full) is not None:
                continue
            if call.name.partition(".")[0] not in module.imports or NO_BEHAVIOUR.search(name):
                continue
            installed = find_package(package) is not None
            if installed and name[:1].isupper() and ELSEWHERE_CLASS.search(name):
                found[package] = Elsewhere(package, full, module.file, call.line)
    return tuple(found.values())


def _calls(application: Application, module: str) -> Iterator[CallFacts]:
    facts = application.modules[module]
    yield from facts.calls
    for function in facts.functions.values():
        yield from function.calls
    for cls in facts.classes.values():
        for method in cls.methods.values():
            yield from method.calls
