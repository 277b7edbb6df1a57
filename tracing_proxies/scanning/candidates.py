"""What the finders hand over: a function that should be traced, as what, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import ClassFacts, FunctionFacts
from tracing_proxies.scanning.idioms import KEEPS_FUNCTION, NO_BEHAVIOUR, last_of

ENTRY, CHAIN, AGENT, STEP, TOOL, MODEL = "entry", "chain", "agent", "step", "tool", "generation"
KINDS: Final = (ENTRY, CHAIN, AGENT, STEP, TOOL, MODEL)


@attrs.frozen
class Candidate:
    """A function or method that should have a span.

    Args:
        kind: one of `KINDS`.
        why: what it was recognised by, as part of a sentence.
        top: the topmost class of the family that the method belongs to, if subclasses are to be traced as well.
    """

    kind: str
    function: FunctionFacts
    why: str
    top: ClassFacts | None = None


def can_be_named(application: Application, function: FunctionFacts) -> str | None:
    """Say why a rule that names a function would have no effect, or ask for a span that says nothing.

    Returns:
        The reason; None if it can be named.
    """
    if function.endless:
        return "it runs until it is stopped, so its span would never end"
    if function.reads_frames:
        return "it reads its caller's frame, which Python before 3.12 cannot hide a proxy from"
    for decorator in function.decorators:
        if KEEPS_FUNCTION.search(last_of(decorator)):
            continue
        found = application.find_function(function.module, decorator)
        if found is None or not found.keeps_function:
            return f"@{decorator} puts something else in its place"
    return None


def behaves(application: Application, cls: ClassFacts) -> bool:
    """Tell whether a class does something, rather than being data, an error or an interface."""
    if any(last_of(base) == "Protocol" for base in cls.bases):
        return False
    names = [cls.name, *map(last_of, application.foreign_bases(cls))]
    names += [above.name for above in application.ancestors(cls)]
    return not any(NO_BEHAVIOUR.search(name) for name in names)


def concrete(functions: Iterable[FunctionFacts]) -> list[FunctionFacts]:
    """Leave out what only raises or does nothing."""
    return [function for function in functions if not function.stub]
