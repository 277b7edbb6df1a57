"""All modules of an application together: what a name in one of them stands for, and what descends from what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from tracing_proxies.scanning.facts import CallFacts, ClassFacts, FunctionFacts, ModuleFacts

_LONGEST_WAY: Final = 16


class Application:
    """The modules that were read.

    Args:
        modules: by name; of two with the same name the first is kept.
    """

    def __init__(self, modules: Sequence[ModuleFacts]) -> None:
        self.modules: dict[str, ModuleFacts] = {}
        for module in modules:
            self.modules.setdefault(module.name, module)

    def classes(self) -> Iterator[ClassFacts]:
        """Yield every class, in the order of the modules."""
        for module in self.modules.values():
            yield from module.classes.values()

    def functions(self) -> Iterator[FunctionFacts]:
        """Yield every function and method."""
        for module in self.modules.values():
            yield from module.functions.values()
            for cls in module.classes.values():
                yield from cls.methods.values()

    def file_of(self, module: str) -> str:
        """Return what findings call a module's file."""
        return self.modules[module].file

    @cached_property
    def uses(self) -> Mapping[str, str]:
        """The modules that the application imports, each with the first of its own modules that does."""
        found: dict[str, str] = {}
        for module in self.modules.values():
            for name in sorted(module.uses):
                found.setdefault(name, module.name)
        return found

    def resolve(self, module: str, name: str) -> str:
        """Return the full dotted name that a name in a module stands for, through imports and re-exports.

        Args:
            name: as it is written, with attributes.
        """
        seen: set[tuple[str, str]] = set()
        while (module, name) not in seen and len(seen) < _LONGEST_WAY:
            seen.add((module, name))
            facts = self.modules.get(module)
            if facts is None:
                break
            first, dot, rest = name.partition(".")
            if first in facts.classes or first in facts.functions or first in facts.made:
                return f"{module}.{name}"
            stands_for = facts.imports.get(first)
            if stands_for is None:
                source = self._star(facts, first)
                if source is None:
                    break
                module = source
                continue
            full = stands_for + dot + rest
            owner = self._owner(full)
            if owner is None or owner == full:
                return full
            module, name = owner, full[len(owner) + 1 :]
        return f"{module}.{name}" if module in self.modules else name

    def _star(self, facts: ModuleFacts, name: str) -> str | None:
        for key, source in facts.imports.items():
            other = self.modules.get(source) if key.startswith("*") else None
            if other and any(name in names for names in (other.classes, other.functions, other.imports, other.made)):
                return source
        return None

    def _owner(self, full: str) -> str | None:
        """Return the longest prefix of a dotted name that is a module of the application."""
        while full:
            if full in self.modules:
                return full
            full = full.rpartition(".")[0]
        return None

    def find_class(self, module: str, name: str) -> ClassFacts | None:
        """Find the application's class that a name in a module stands for."""
        full = self.resolve(module, name)
        owner = self._owner(full)
        return self.modules[owner].classes.get(full[len(owner) + 1 :]) if owner else None

    def find_function(self, module: str, name: str, cls: ClassFacts | None = None) -> FunctionFacts | None:
        """Find the function that a call in a module reaches, as far as names tell.

        Args:
            name: as it is written; ``self.x`` is looked for in `cls` and its ancestors.
            cls: the class that the call stands in.
        """
        first, _, rest = name.partition(".")
        if cls is not None and first in ("self", "cls") and rest and "." not in rest:
            return self.find_method(cls, rest)
        full = self.resolve(module, name)
        owner = self._owner(full)
        if owner is None:
            return None
        path = full[len(owner) + 1 :]
        facts = self.modules[owner]
        if path in facts.functions:
            return facts.functions[path]
        holder, _, method = path.rpartition(".")
        if holder in facts.made:  # a method of an instance that the module makes
            found = self.find_class(owner, facts.made[holder])
            return self.find_method(found, method) if found else None
        found = facts.classes.get(holder)
        return self.find_method(found, method) if found else None

    def find_method(self, cls: ClassFacts, name: str) -> FunctionFacts | None:
        """Find a method in a class or its ancestors."""
        return next((c.methods[name] for c in (cls, *self.ancestors(cls)) if name in c.methods), None)

    def ancestors(self, cls: ClassFacts) -> tuple[ClassFacts, ...]:
        """List the application's classes above one, nearest first."""
        return self._lineage(cls)[0]

    def foreign_bases(self, cls: ClassFacts) -> tuple[str, ...]:
        """List the full names of bases, of a class and those above it, that the application does not define."""
        return self._lineage(cls)[1]

    @cached_property
    def _lineages(self) -> dict[tuple[str, str], tuple[tuple[ClassFacts, ...], tuple[str, ...]]]:
        return {}

    def _lineage(self, cls: ClassFacts) -> tuple[tuple[ClassFacts, ...], tuple[str, ...]]:
        known = self._lineages.get(cls.key)
        if known is not None:
            return known
        above: dict[tuple[str, str], ClassFacts] = {}
        foreign: dict[str, None] = {}
        waiting = [cls]
        while waiting:
            here = waiting.pop(0)
            for base in here.bases:
                found = self.find_class(here.module, base)
                if found is None:
                    foreign[self.resolve(here.module, base)] = None
                elif found.key not in above and found.key != cls.key:
                    above[found.key] = found
                    waiting.append(found)
        self._lineages[cls.key] = (tuple(above.values()), tuple(foreign))
        return self._lineages[cls.key]

    @cached_property
    def descendants(self) -> Mapping[tuple[str, str], tuple[ClassFacts, ...]]:
        """The application's classes below each one."""
        found: dict[tuple[str, str], list[ClassFacts]] = defaultdict(list)
        for cls in self.classes():
            for above in self.ancestors(cls):
                found[above.key].append(cls)
        return {key: tuple(classes) for key, classes in found.items()}

    def family(self, cls: ClassFacts) -> tuple[ClassFacts, ...]:
        """List a class with all that descend from it."""
        return (cls, *self.descendants.get(cls.key, ()))

    def class_of(self, function: FunctionFacts) -> ClassFacts | None:
        """Return the class that a method stands in."""
        return self.modules[function.module].classes.get(function.cls) if function.cls else None

    def calls_of(self, function: FunctionFacts) -> Iterator[tuple[CallFacts, FunctionFacts]]:
        """Yield the calls of a function that reach functions of the application, with what they reach."""
        cls = self.class_of(function)
        for call in function.calls:
            found = self.find_function(function.module, call.name, cls) or self._find_typed(function, call.name, cls)
            if found is not None:
                yield call, found

    def _find_typed(self, function: FunctionFacts, name: str, cls: ClassFacts | None) -> FunctionFacts | None:
        """Find a method that is called on a local name or an attribute, by what that is annotated with or made by."""
        holder, _, method = name.rpartition(".")
        types: tuple[str, ...] = function.typed.get(holder, ())
        if cls is not None and holder.startswith("self."):
            attribute = holder[5:]
            types = next(
                (c.attributes[attribute] for c in (cls, *self.ancestors(cls)) if attribute in c.attributes), ()
            )
        for each in types:
            found = self.find_class(function.module, each)
            if found is not None and (reached := self.find_method(found, method)) is not None:
                return reached
        return None

    @cached_property
    def callers(self) -> Mapping[tuple[str, str | None, str], tuple[tuple[FunctionFacts, CallFacts], ...]]:
        """The calls that reach each function, as far as names tell."""
        found: dict[tuple[str, str | None, str], list[tuple[FunctionFacts, CallFacts]]] = defaultdict(list)
        for function in self.functions():
            for call, reached in self.calls_of(function):
                found[reached.key].append((function, call))
        return {key: tuple(calls) for key, calls in found.items()}

    @cached_property
    def method_calls(self) -> Counter[tuple[str, str]]:
        """How often a method is called on an attribute or a variable of some name: ``("model", "query")``."""
        found: Counter[tuple[str, str]] = Counter()
        for function in self.functions():
            for call in function.calls:
                parts = call.name.split(".")
                if len(parts) >= 2:
                    found[parts[-2].strip("_"), parts[-1]] += 1
        return found
