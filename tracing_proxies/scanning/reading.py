"""From a syntax tree to the facts that are kept of a module."""

from __future__ import annotations

import ast
from typing import Any, Final

import attrs

from tracing_proxies.scanning.facts import CallFacts, ClassFacts, FunctionFacts, ModuleFacts
from tracing_proxies.scanning.functions import read_attributes, read_function
from tracing_proxies.scanning.syntax import SCOPES, Function, called, callee, dotted, names_within, walk

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
                self.functions[node.name] = read_function(node, None)
            elif isinstance(node, ast.ClassDef):
                self._read_class(node, node.name, 0)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                self._read_made(node)
            elif isinstance(node, ast.Call) and (name := callee(node)) and len(self.calls) < _MOST_CALLS:
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
                    methods[inner.name] = read_function(inner, path)
                read_attributes(inner, attributes)
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
