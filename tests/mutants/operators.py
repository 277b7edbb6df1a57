"""The mutations: every place of a module where one small thing can be wrong, and the module with that thing wrong."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

import attrs

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Pow: ast.Mult,
}
# What a type checker reads, and what Python never looks at: to change it changes nothing.
_UNREAD: Final = frozenset(("annotation", "returns", "type_params"))


@attrs.frozen
class Mutation:
    """One change.

    Args:
        line: where it is.
        column: where in the line its expression begins.
        kind: comparison, boolean, arithmetic, constant, condition, return or call.
        change: what it does, as in ``>= becomes >``.
        number: which of the module's mutations it is.
    """

    line: int
    column: int
    kind: str
    change: str
    number: int


_Site = tuple[ast.AST, str, str, Callable[[], None]]


def list_mutations(source: str) -> list[Mutation]:
    """List every mutation of a module, in the order of its lines.

    Args:
        source: the module's text.
    """
    found = [
        Mutation(getattr(node, "lineno", 0), getattr(node, "col_offset", 0), kind, change, number)
        for number, (node, kind, change, _) in enumerate(_sites(ast.parse(source)))
    ]
    return sorted(found, key=lambda mutation: (mutation.line, mutation.number))


def mutate(source: str, mutation: Mutation) -> str:
    """Return a module's text with one thing changed.

    Args:
        source: the text that the mutation was listed for.
    """
    tree = ast.parse(source)
    for number, (_, _, _, apply) in enumerate(_sites(tree)):
        if number == mutation.number:
            apply()
            break
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _sites(tree: ast.Module) -> Iterator[_Site]:
    for node in _read_nodes(tree):
        match node:
            case ast.Compare():
                for index, operator in enumerate(node.ops):
                    yield _comparison(node, index, _COMPARISONS[type(operator)])
            case ast.BoolOp():
                other = ast.Or if isinstance(node.op, ast.And) else ast.And
                yield node, "boolean", f"{_sign(node.op)} becomes {_sign(other())}", _setting(node, "op", other())
            case ast.UnaryOp(op=ast.Not()):
                yield node, "boolean", "not is left out", _setting(node, "op", ast.UAdd(), bare=True)
            case ast.BinOp() | ast.AugAssign() if type(node.op) in _ARITHMETIC:
                new = _ARITHMETIC[type(node.op)]()
                yield node, "arithmetic", f"{_sign(node.op)} becomes {_sign(new)}", _setting(node, "op", new)
            case ast.Constant() if type(node.value) in (int, float, bool):
                new_value = _another(node.value)
                yield node, "constant", f"{node.value!r} becomes {new_value!r}", _setting(node, "value", new_value)
            case ast.If() | ast.While() | ast.IfExp() if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
                turned = ast.UnaryOp(ast.Not(), node.test)
                yield (
                    node.test,
                    "condition",
                    f"{ast.unparse(node.test)} is turned round",
                    _setting(node, "test", turned),
                )
            # None for False changes nothing where a truth value is due; the constant itself is changed above.
            case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
                nothing = ast.Constant(None)
                yield node, "return", f"{ast.unparse(value)} becomes None", _setting(node, "value", nothing)
            case ast.Expr(value=ast.Call() as call):
                yield node, "call", f"{ast.unparse(call)} is left out", _setting(node, "value", ast.Constant(None))
            case _:
                pass


def _read_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is run of a tree, without annotations and what stands there for the type checker alone."""
    yield tree
    for field, value in ast.iter_fields(tree):
        if field in _UNREAD:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.AST):
                yield from _read_nodes(child)


def _comparison(node: ast.Compare, index: int, other: type[ast.cmpop]) -> _Site:
    def apply() -> None:
        node.ops[index] = other()

    return node, "comparison", f"{_sign(node.ops[index])} becomes {_sign(other())}", apply


def _setting(node: ast.AST, name: str, value: object, *, bare: bool = False) -> Callable[[], None]:
    def apply() -> None:
        if bare:  # `not x` becomes `not not x`: a truth value still, and the other one
            assert isinstance(node, ast.UnaryOp)
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        else:
            setattr(node, name, value)

    return apply


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)


def _another(value: int | float | bool) -> int | float | bool:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 2 if value else 1.0


def _sign(operator: ast.AST) -> str:
    shown = {ast.And: "and", ast.Or: "or"}.get(type(operator))
    if shown:
        return shown
    one, two = ast.Name("a"), ast.Name("b")
    tree = ast.Compare(one, [operator], [two]) if isinstance(operator, ast.cmpop) else ast.BinOp(one, operator, two)
    return ast.unparse(tree)[2:-2]
