"""What is kept of a module's source once its syntax tree is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen
class CallFacts:
    """One call in a function's body.

    Args:
        name: what is called, as it is written: ``self.model.query``.
        loops: how many loops of the function are around it.
    """

    name: str
    line: int
    loops: int


@attrs.frozen
class FunctionFacts:
    """One function of a module, or one method of a class.

    Args:
        cls: the class's path in its module, None for a function.
        parameters: the names of its parameters, `self` and `cls` left out.
        typed: names that are known in it, each with the names of what it is annotated with or made by.
        decorators: what it is decorated with, as it is written, without arguments.
        statements: how many statements its body has, at any depth.
        returns: names that stand in the annotation of what it returns.
        answers: keys of dicts that it returns, each with the constants that are returned under it.
        delegate: what it calls, if its body is nothing but ``return f(...)``.
        stub: whether its body does nothing, or only raises NotImplementedError.
        endless: whether it holds a loop that nothing in it ends.
        keeps_function: whether, used as a decorator, it returns a function.
    """

    module: str
    cls: str | None
    name: str
    line: int
    is_async: bool = False
    parameters: tuple[str, ...] = ()
    typed: Mapping[str, tuple[str, ...]] = _NONE
    decorators: tuple[str, ...] = ()
    statements: int = 0
    calls: tuple[CallFacts, ...] = ()
    returns: tuple[str, ...] = ()
    answers: Mapping[str, frozenset[Any]] = _NONE
    delegate: str | None = None
    stub: bool = False
    endless: bool = False
    reads_frames: bool = False
    keeps_function: bool = False

    @property
    def target(self) -> str:
        """The function as a registry names it."""
        return f"{self.module}:{self.cls}.{self.name}" if self.cls else f"{self.module}:{self.name}"

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What tells it from all others."""
        return (self.module, self.cls, self.name)


@attrs.frozen
class ClassFacts:
    """One class.

    Args:
        bases: its bases, as they are written.
        decorators: what it is decorated with.
        methods: the functions of its own body, by name; properties are left out.
        attributes: names that are set on the class or on `self`, each with the names that stand in what they are
            annotated with or made by.
        fields: the names that its body annotates.
    """

    module: str
    path: str
    line: int
    bases: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    methods: Mapping[str, FunctionFacts] = _NONE
    attributes: Mapping[str, tuple[str, ...]] = _NONE
    fields: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.rpartition(".")[2]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return (self.module, self.path)


@attrs.frozen
class ModuleFacts:
    """One module.

    Args:
        file: where it is, as findings name it.
        imports: the local names that imports bind anywhere in it, with what they stand for.
        uses: the modules that it imports, at whatever depth.
        classes: by path.
        functions: those of the module itself, by name.
        made: the names of its body that calls are assigned to, with what is called.
        listed: names of functions that stand in a list or dict, by the name that it is assigned or passed to.
        guarded: whether it has an ``if __name__ == "__main__"``.
        acts: the line of the first statement that makes it do something when it is imported, besides defining; else 0.
    """

    name: str
    file: str
    imports: Mapping[str, str] = _NONE
    uses: frozenset[str] = frozenset()
    classes: Mapping[str, ClassFacts] = _NONE
    functions: Mapping[str, FunctionFacts] = _NONE
    made: Mapping[str, str] = _NONE
    calls: tuple[CallFacts, ...] = ()
    listed: tuple[tuple[str, str, int], ...] = ()
    guarded: bool = False
    acts: int = 0
