"""Few patterns for many functions, each tried against every function of the application that it must not match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from tracing_proxies.registry.pointcut import ClassRef, Pointcut, Target
from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import Candidate
from tracing_proxies.scanning.facts import ClassFacts, FunctionFacts

Key = tuple[str, str | None, str]
_FEWEST = 3


class Patterns:
    """Writes patterns for an application's functions."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def cover(self, candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
        """Write patterns that match some candidates, and nothing that is not among them but what does nothing.

        Returns:
            The patterns in a fixed order, each with the candidates that it stands for.
        """
        found = self._join(candidates)
        joined = {member.function.key for members in found.values() for member in members}
        families: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        scopes: dict[tuple[str, str | None], list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.function.key in joined:
                continue
            if candidate.top is not None and len(self._application.family(candidate.top)) > 1:
                families[candidate.top.key].append(candidate)
            else:
                scopes[candidate.function.module, candidate.function.cls].append(candidate)
        for (module, path), members in families.items():
            found.update(self._shorten(f"{module}:{path}+.", members))
        for (module, cls), members in scopes.items():
            found.update(self._shorten(f"{module}:{cls}." if cls else f"{module}:", members))
        return found

    def _shorten(self, prefix: str, members: list[Candidate]) -> dict[str, list[Candidate]]:
        names: dict[str, list[Candidate]] = defaultdict(list)
        for member in members:
            names[member.function.name].append(member)
        found: dict[str, list[Candidate]] = {}
        left = sorted(names)
        is_family = "+" in prefix  # whose members to come may have other public methods, so never all of them
        for glob in _globs(left) if is_family else ["*", *_globs(left)]:
            within = [member for member in self._matched(prefix + glob, members) if member.function.name in left]
            distinct = {member.function.name for member in within}
            if len(distinct) < (2 if is_family else _FEWEST) or (glob == "*" and len(distinct) < len(left)):
                continue
            if self._is_exact(prefix + glob, members):
                found[prefix + glob] = within
                left = [name for name in left if name not in distinct]
        for name in left:
            found[prefix + name] = names[name]
        return dict(sorted(found.items()))

    def _join(self, candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
        """Find classes of several modules that are called alike and have the same method, without a common base."""
        alike: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            if candidate.function.cls is not None and "." not in candidate.function.cls:
                alike[candidate.function.name].append(candidate)
        found: dict[str, list[Candidate]] = {}
        for name, members in alike.items():
            suffix = _last_words([str(member.function.cls) for member in members])
            module = _common_module([member.function.module for member in members])
            if module is None or len(suffix) < _FEWEST:
                continue
            pattern = f"{module}:*{suffix}.{name}"
            within = self._matched(pattern, members)  # a wildcard stands for no private name
            tops = {member.top.key if member.top else member.function.key[:2] for member in within}
            if len(tops) >= _FEWEST and self._is_exact(pattern, members):
                found[pattern] = within
        return found

    def _matched(self, pattern: str, members: Sequence[Candidate]) -> list[Candidate]:
        pointcut = Pointcut.parse(pattern)
        return [member for member in members if pointcut.matches(self._target(member.function))]

    def _is_exact(self, pattern: str, members: Collection[Candidate]) -> bool:
        pointcut = Pointcut.parse(pattern)
        wanted = {member.function.key for member in members}
        return not any(
            function.key not in wanted and not function.stub and pointcut.matches(target)
            for function, target in self._near(pointcut)
        )

    def _near(self, pointcut: Pointcut) -> Iterable[tuple[FunctionFacts, Target]]:
        """List the functions that a pattern might match; looking at all of them for each pattern takes too long."""
        if pointcut.subclasses:
            return self._by_class.get((pointcut.module, str(pointcut.cls)), ())
        if pointcut.is_exact_module:
            return self._by_module.get(pointcut.module, ())
        return (pair for name, pairs in self._by_module.items() if pointcut.names_module(name) for pair in pairs)

    @cached_property
    def _by_module(self) -> dict[str, list[tuple[FunctionFacts, Target]]]:
        found: dict[str, list[tuple[FunctionFacts, Target]]] = defaultdict(list)
        for function in self._application.functions():
            found[function.module].append((function, self._target(function)))
        return found

    @cached_property
    def _by_class(self) -> dict[tuple[str, str], list[tuple[FunctionFacts, Target]]]:
        found: dict[tuple[str, str], list[tuple[FunctionFacts, Target]]] = defaultdict(list)
        for pairs in self._by_module.values():
            for function, target in pairs:
                for reference in target.ancestry:
                    found[reference.module, reference.path].append((function, target))
        return found

    def _target(self, function: FunctionFacts) -> Target:
        cls = self._application.class_of(function)
        if cls is None:
            return Target(function.module, None, function.name)
        ancestry = tuple(_reference(each) for each in (cls, *self._application.ancestors(cls)))
        return Target(function.module, cls.path, function.name, ancestry)


def _reference(cls: ClassFacts) -> ClassRef:
    return ClassRef(cls.module, cls.path, frozenset(name for name in cls.methods if not name.startswith("_")))


def _globs(names: Sequence[str]) -> Iterable[str]:
    """Propose patterns of names, the widest first: by first and last word, by first word, by last word."""
    pairs = [(name.partition("_")[0], name.rpartition("_")[2]) for name in names if name.count("_") > 1]
    both = dict.fromkeys(f"{first}_*_{last}" for first, last in pairs if first)
    firsts = dict.fromkeys(f"{name.partition('_')[0]}_*" for name in names if "_" in name.strip("_"))
    return [glob for glob in [*both, *firsts] if not glob.startswith("_")]


def _common_module(modules: Sequence[str]) -> str | None:
    """Write the pattern of modules that lie side by side in one package, or below it."""
    parents = {module.rpartition(".")[0] for module in modules}
    if len(set(modules)) == 1:
        return modules[0]
    if len(parents) == 1 and "" not in parents:
        return f"{parents.pop()}.*"
    common = _shared([module.split(".") for module in modules])
    return ".".join([*common, "**"]) if common else None


def _last_words(names: Sequence[str]) -> str:
    """Return what some class names end with alike, from the beginning of a word on: Agent, not erAgent."""
    same = "".join(_shared([name[::-1] for name in names]))[::-1]
    return same[next((at for at, character in enumerate(same) if character.isupper()), len(same)) :]


def _shared(sequences: Sequence[Sequence[str]]) -> list[str]:
    """Return what some sequences begin with alike."""
    shortest = min(map(len, sequences))
    same = (len({sequence[at] for sequence in sequences}) == 1 for at in range(shortest))
    return list(sequences[0][: next((at for at, alike in enumerate(same) if not alike), shortest)])
