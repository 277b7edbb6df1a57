"""Finds code that asks ``type(f) is FunctionType``, for which a traced function is none."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from tracing_proxies.diagnosis.finding import NOTE, Finding
from tracing_proxies.registry.fields import namespace_of
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.weaving.candidates import home_of, module_classes
from tracing_proxies.weaving.kinds import unwoven

_NAMES: Final = frozenset({"FunctionType", "LambdaType"})
_REMEDY: Final = "If functions go astray there, leave out those that it is given: except: [module:name]."


def look_for_exact_types(targets: Iterable[Target]) -> Iterator[Finding]:
    """Yield the functions that ask what they are given for its very class, near what is traced.

    Args:
        targets: what is traced. Looked at are the packages that hold it, and those of its base classes, which may go
            through the methods of their subclasses; of others all have somebody who asks.
    """
    packages = _packages(targets)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in packages and type(module) is ModuleType:
            for place, code in _codes(module):
                if asks_for_exact_type(code):
                    seen = f"{place} asks by `type(…) is FunctionType` for functions, and traced ones are none by that."
                    yield Finding(NOTE, "type", seen, _REMEDY)


def _packages(targets: Iterable[Target]) -> set[str]:
    modules = {name for target in targets for name in (target.module, *(cls.module for cls in target.ancestry))}
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


def asks_for_exact_type(code: CodeType) -> bool:
    """Tell whether code, or what is defined in it, compares something's class with that of functions by identity."""
    if any(asks_for_exact_type(inner) for inner in code.co_consts if isinstance(inner, CodeType)):
        return True
    if _NAMES.isdisjoint(code.co_names) or "type" not in code.co_names:
        return False
    before: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "IS_OP" and before in _NAMES:
            return True
        before = step.argval
    return False


def _codes(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    """Yield the code of a module's functions and methods, woven or not, with their places."""
    namespace = vars(module)
    for name, raw in list(namespace.items()):
        function = _function(raw)
        if function is not None and home_of(function) == module.__name__:
            yield f"{module.__name__}:{name}", function.__code__
    for cls in module_classes(namespace):
        for name, raw in list(namespace_of(cls).items()):
            function = _function(raw)
            if function is not None:
                yield f"{module.__name__}:{cls.__qualname__}.{name}", function.__code__


def _function(raw: Any) -> FunctionType | None:
    inner = unwoven(raw)
    if type(inner) in (classmethod, staticmethod):
        inner = inner.__func__
    return inner if type(inner) is FunctionType else None
