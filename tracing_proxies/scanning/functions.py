"""From the syntax of a function to the facts that are kept of it."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import Any, Final

from tracing_proxies.scanning.facts import CallFacts, FunctionFacts
from tracing_proxies.scanning.syntax import (
    SCOPES,
    Function,
    called,
    callee,
    docless,
    dotted,
    is_endless,
    names_within,
    walk,
)

_FRAMES: Final = frozenset(
    "sys._getframe inspect.stack inspect.currentframe sys._current_frames _getframe currentframe".split()
)
_MOST_CALLS: Final = 2_000


def read_function(node: Function, cls: str | None) -> FunctionFacts:
    """Read the facts of a function; its module's name comes later.

    Args:
        cls: the path of the class whose method it is, None for a function of the module.
    """
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
        if isinstance(inner, ast.Call) and len(calls) < _MOST_CALLS and (name := callee(inner)):
            calls.append(CallFacts(name, inner.lineno, loops))
        elif isinstance(inner, Function):
            nested.add(inner.name)
        elif isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Name) and (made := called(inner.value)):
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


def read_attributes(node: Function, attributes: dict[str, tuple[str, ...]]) -> None:
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
