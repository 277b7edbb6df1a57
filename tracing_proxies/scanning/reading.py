"""From a syntax tree to the facts that are kept of a module."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Any, Final

import attrs

from tracing_proxies.scanning.facts import CallFacts, ClassFacts, FunctionFacts, ModuleFacts
from tracing_proxies.scanning.syntax import (
    SCOPES,
    Function,
    called,
    docless,
    dotted,
    is_endless,
    names_within,
    walk,
)

_FRAMES: Final = frozenset(
    "sys._getframe inspect.stack inspect.currentframe sys._current_frames _getframe currentframe".split()
)
_PROPERTIES: Final = frozenset(("property", "cached_property", "functools.cached_property", "overload"))
_MOST_CALLS: Final = 2_000
_DEEPEST_CLASS: Final = 4


def read_module(tree: ast.Module, file: str) -> ModuleFacts:
    """Read the facts of one module; its name comes later, from what all of them import.

    Args:
        file: what findings call it.
    """
    reader = _Reader()
    reader.read(tree.body)
    return ModuleFacts(
        name="",
        file=file,
        imports=reader.imports,
        uses=frozenset(reader.uses),
        classes=reader.classes,
        functions=reader.functions,
        made=reader.made,
        calls=tuple(reader.calls),
        listed=tuple(reader.listed),
        guarded=reader.guarded,
        acts=reader.acts,
    )


def place_module(module: ModuleFacts, name: str, *, is_package: bool = False) -> ModuleFacts:
    """Give a module its name, and relative imports what they stand for.

    Args:
        is_package: whether relative imports start from the name itself.
    """
    package = name if is_package else name.rpartition(".")[0]

    def named(function: FunctionFacts) -> FunctionFacts:
        return attrs.evolve(function, module=name)

    return attrs.evolve(
        module,
        name=name,
        imports={key: _absolute(target, package) for key, target in module.imports.items()},
        uses=frozenset(_absolute(target, package) for target in module.uses),
        functions={key: named(function) for key, function in module.functions.items()},
        classes={
            path: attrs.evolve(cls, module=name, methods={key: named(method) for key, method in cls.methods.items()})
            for path, cls in module.classes.items()
        },
    )


def _absolute(target: str, package: str) -> str:
    rest = target.lstrip(".")
    level = len(target) - len(rest)
    if not level:
        return target
    above = package.split(".") if package else []
    above = above[: max(0, len(above) - level + 1)]
    return ".".join([*above, *([rest] if rest else [])])


class _Reader:
    def __init__(self) -> None:
        self.imports: dict[str, str] = {}
        self.uses: set[str] = set()
        self.classes: dict[str, ClassFacts] = {}
        self.functions: dict[str, FunctionFacts] = {}
        self.made: dict[str, str] = {}
        self.calls: list[CallFacts] = []
        self.listed: list[tuple[str, str, int]] = []
        self.guarded = False
        self.acts = 0

    def read(self, body: list[ast.stmt]) -> None:
        """Read a module's body, what stands in its branches included."""
        for node, _ in walk(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._read_import(node)
            elif isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._read_list(dotted(node.targets[0]), node.value)
            elif isinstance(node, ast.keyword):
                self._read_list(node.arg, node.value)
        for node, loops in walk(body, within=SCOPES):
            if isinstance(node, Function):
                self.functions[node.name] = self._read_function(node, None)
            elif isinstance(node, ast.ClassDef):
                self._read_class(node, node.name, 0)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                self._read_made(node)
            elif isinstance(node, ast.Call) and (name := dotted(node.func)) and len(self.calls) < _MOST_CALLS:
                self.calls.append(CallFacts(name, node.lineno, loops))
        for statement in body:
            if _is_guard(statement):
                self.guarded = True
            elif not self.acts and _acts(statement):
                self.acts = statement.lineno

    def _read_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self.uses.add(alias.name)
                top = alias.name.partition(".")[0]
                self.imports[alias.asname or top] = alias.name if alias.asname else top
            return
        base = "." * node.level + (node.module or "")
        self.uses.add(base)
        for alias in node.names:
            if alias.name == "*":
                self.imports.setdefault(f"*{base}", base)
            else:
                full = base + alias.name if base.endswith(".") else f"{base}.{alias.name}"
                self.imports[alias.asname or alias.name] = full

    def _read_made(self, node: ast.Assign | ast.AnnAssign) -> None:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name, maker = dotted(target), called(node.value)
        if name is not None and maker is not None and "." not in name:
            self.made[name] = maker

    def _read_list(self, name: str | None, value: ast.expr) -> None:
        if name is None or "tool" not in name.casefold():
            return
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            items: list[Any] = value.elts
        elif isinstance(value, ast.Dict):
            items = value.values
        else:
            return
        self.listed += [(name, found, item.lineno) for item in items if (found := dotted(item))]

    def _read_class(self, node: ast.ClassDef, path: str, depth: int) -> None:
        methods: dict[str, FunctionFacts] = {}
        attributes: dict[str, tuple[str, ...]] = {}
        fields: list[str] = []
        for inner, _ in walk(node.body, within=SCOPES):
            if isinstance(inner, Function):
                if not _PROPERTIES.intersection(filter(None, map(called, inner.decorator_list))) and not any(
                    name.endswith((".setter", ".deleter")) for name in filter(None, map(called, inner.decorator_list))
                ):
                    methods[inner.name] = self._read_function(inner, path)
                _read_attributes(inner, attributes)
            elif isinstance(inner, ast.ClassDef) and depth < _DEEPEST_CLASS:
                self._read_class(inner, f"{path}.{inner.name}", depth + 1)
            elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                fields.append(inner.target.id)
                attributes.setdefault(inner.target.id, names_within(inner.annotation))
            elif isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name):
                attributes.setdefault(inner.targets[0].id, names_within(inner.value))
        self.classes[path] = ClassFacts(
            module="",
            path=path,
            line=node.lineno,
            bases=tuple(filter(None, map(called, node.bases))),
            decorators=tuple(filter(None, map(called, node.decorator_list))),
            methods=methods,
            attributes=attributes,
            fields=tuple(dict.fromkeys(fields)),
        )

    def _read_function(self, node: Function, cls: str | None) -> FunctionFacts:
        body = docless(node.body)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        decorators = tuple(filter(None, map(called, node.decorator_list)))
        if cls is not None and "staticmethod" not in decorators:
            arguments = arguments[1:]
        calls: list[CallFacts] = []
        answers: dict[str, set[Any]] = defaultdict(set)
        nested = {argument.arg for argument in arguments}
        typed = {argument.arg: names_within(argument.annotation) for argument in arguments if argument.annotation}
        returned: list[str] = []
        statements, generates = 0, False
        for inner, loops in walk(node.body):
            statements += isinstance(inner, ast.stmt)
            if isinstance(inner, ast.Call) and len(calls) < _MOST_CALLS and (name := dotted(inner.func)):
                calls.append(CallFacts(name, inner.lineno, loops))
            elif isinstance(inner, Function):
                nested.add(inner.name)
            elif (
                isinstance(inner, ast.Assign)
                and isinstance(inner.targets[0], ast.Name)
                and (made := called(inner.value))
            ):
                typed[inner.targets[0].id] = (made,)
        for inner, _ in walk(node.body, within=SCOPES):
            if isinstance(inner, ast.Return) and inner.value is not None:
                returned.append(called(inner.value) or "")
                _read_answer(inner.value, answers)
            generates = generates or isinstance(inner, ast.Yield | ast.YieldFrom)
        return FunctionFacts(
            module="",
            cls=cls,
            name=node.name,
            line=node.lineno,
            is_async=isinstance(node, ast.AsyncFunctionDef),
            generates=generates,
            parameters=tuple(argument.arg for argument in arguments),
            typed=typed,
            decorators=decorators,
            statements=statements,
            calls=tuple(calls),
            returns=names_within(node.returns),
            answers={key: frozenset(values) for key, values in answers.items()},
            delegate=_delegate(body),
            stub=_is_stub(body),
            endless=is_endless(node.body) and not generates,
            reads_frames=any(call.name in _FRAMES for call in calls),
            keeps_function=bool(returned) and all(name in nested for name in returned),
        )


def _read_attributes(node: Function, attributes: dict[str, tuple[str, ...]]) -> None:
    """Note what a method sets on `self`; of a plain parameter, what it is annotated with."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    annotated = {argument.arg: names_within(argument.annotation) for argument in arguments}
    for inner, _ in walk(node.body, within=SCOPES):
        target: ast.expr
        value: ast.expr | None
        annotation: ast.expr | None
        if isinstance(inner, ast.Assign):
            target, value, annotation = inner.targets[0], inner.value, None
        elif isinstance(inner, ast.AnnAssign):
            target, value, annotation = inner.target, inner.value, inner.annotation
        else:
            continue
        name = dotted(target)
        if name is None or not name.startswith("self.") or name.count(".") != 1:
            continue
        found = names_within(annotation) + names_within(value)
        found += tuple(more for part in found for more in annotated.get(part, ()))
        attributes[name[5:]] = tuple(dict.fromkeys(attributes.get(name[5:], ()) + found))


def _read_answer(value: ast.expr, answers: dict[str, set[Any]]) -> None:
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        value = value.left if isinstance(value.left, ast.Dict) else value.right
    if not isinstance(value, ast.Dict):
        return
    for key, item in zip(value.keys, value.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            answers[key.value].update(
                part.value
                for part in (item, getattr(item, "body", None), getattr(item, "orelse", None))
                if isinstance(part, ast.Constant) and isinstance(part.value, str | bool)
            )


def _delegate(body: list[ast.stmt]) -> str | None:
    only = body[0] if len(body) == 1 else None
    value = only.value if isinstance(only, ast.Return | ast.Expr) else None
    if isinstance(value, ast.Await):
        value = value.value
    return dotted(value.func) if isinstance(value, ast.Call) else None


def _is_stub(body: list[ast.stmt]) -> bool:
    if not body:
        return True
    if len(body) > 1:
        return False
    only = body[0]
    if isinstance(only, ast.Raise):
        return called(only.exc) == "NotImplementedError"
    return isinstance(only, ast.Pass) or (isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant))


def _is_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test)
    )


def _acts(statement: ast.stmt) -> bool:
    """Tell whether a statement of a module's body runs something for its effect."""
    if isinstance(statement, ast.For | ast.While | ast.AsyncFor):
        return True
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Await):
        return True
    if not isinstance(value, ast.Call):
        return False
    name = dotted(value.func) or ""
    return name == "print" or name in ("main", "run") or name.startswith("asyncio.") or name.endswith(".run")
