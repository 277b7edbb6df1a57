"""Small questions to a syntax tree; none of them recurses, since a file may nest as deep as it likes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LONGEST_NAME: Final = 16
# A third of all nodes are marks without content: Load(), Add(), And().
_MARKS: Final = frozenset(("ctx", "op", "ops"))


def dotted(node: ast.AST | None) -> str | None:
    """Write a name with its attributes, ``a.b.c``; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _LONGEST_NAME:
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def callee(call: ast.Call) -> str | None:
    """Write what a call calls; of a class without its subscript: ``Agent`` of ``Agent[Question, Answer](…)``.

    An item of a table, as in ``TOOLS[name](…)``, has no name.
    """
    if not isinstance(call.func, ast.Subscript):
        return dotted(call.func)
    name = dotted(call.func.value)
    last = "" if name is None else name.rpartition(".")[2]
    return name if last[:1].isupper() and not last.isupper() else None


def called(node: ast.AST | None) -> str | None:
    """Write what a decorator or a base names, without its arguments or subscript."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return dotted(node)


def names_within(node: ast.AST | None) -> tuple[str, ...]:
    """List the names in an annotation, in the order of the text; quoted ones are read as well."""
    found: list[str] = []
    waiting = [] if node is None else [node]
    while waiting:
        node = waiting.pop()
        name = dotted(node)
        if name is not None:
            found.append(name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.replace(".", "").isidentifier():
                found.append(node.value)
        else:
            waiting += reversed(_children(node))
    return tuple(dict.fromkeys(found))


def walk(body: Sequence[ast.AST], *, within: tuple[type, ...] = ()) -> Iterator[tuple[ast.AST, int]]:
    """Yield the nodes below statements in the order of the text, each with the number of loops around it.

    Args:
        within: types whose nodes are yielded and not entered.
    """
    waiting: list[tuple[ast.AST, int]] = [(node, 0) for node in reversed(body)]
    while waiting:
        node, loops = waiting.pop()
        yield node, loops
        if within and isinstance(node, within):
            continue
        deeper = loops + isinstance(node, LOOPS)
        waiting += [(child, deeper) for child in reversed(_children(node))]


def _children(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for name in node._fields:
        if name not in _MARKS:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
    return found


def is_endless(body: list[ast.stmt]) -> bool:
    """Tell whether a body holds a ``while True`` or ``while self.running`` that nothing in it leaves."""
    for node, _ in walk(body, within=SCOPES):
        if isinstance(node, ast.While) and _goes_on(node.test) and not _is_left(node):
            return True
    return False


def _goes_on(test: ast.expr) -> bool:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    return isinstance(test, ast.Attribute) or (isinstance(test, ast.Call) and not test.args)


def _is_left(loop: ast.While) -> bool:
    for node, loops in walk(loop.body, within=SCOPES):
        if isinstance(node, ast.Return | ast.Raise) or (isinstance(node, ast.Break) and loops == 0):
            return True
    return False


def docless(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return a body without its docstring."""
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body
