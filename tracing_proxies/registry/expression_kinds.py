"""What a key may take: an expression, which is compiled when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tracing_proxies.registry.conditions import judge
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.nodes import Node, ScalarNode, describe
from tracing_proxies.registry.paths import CapturePath, PathError, compile_path
from tracing_proxies.registry.scalar_kinds import scalar
from tracing_proxies.registry.template import Template, compile_template
from tracing_proxies.registry.values import BRACES, Value, compile_value, paths_of

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

V = TypeVar("V", bound=Value)


def read_when(reader: Reader, node: Node, key: Key) -> bool:
    found = scalar(node, "a condition")
    if not isinstance(found.value, str):
        raise Refusal("TP202", f'expected a condition such as python >= "3.12", found {describe(node)}', node.place)
    try:
        return judge(found.text, reader.environ)
    except PathError as error:
        raise Refusal("TP211", error.message, found.at(error.offset), error.suggestion) from None


def read_path(reader: Reader, node: Node, key: Key) -> CapturePath:
    return _compiled(reader, node, key, compile_path, "TP205")


def read_template(reader: Reader, node: Node, key: Key) -> Template:
    return _compiled(reader, node, key, compile_template, "TP206")


def read_value(reader: Reader, node: Node, key: Key) -> Value:
    braces = isinstance(node, ScalarNode) and any(brace in node.text for brace in BRACES)
    return _compiled(reader, node, key, compile_value, "TP206" if braces else "TP205")


def _compiled(reader: Reader, node: Node, key: Key, compile_text: Callable[[str], V], code: str) -> V:
    """Return what a scalar's text is compiled to, and note for the reader which paths it reads.

    Args:
        code: what an expression that cannot be compiled is told under.

    Raises:
        Refusal: if it cannot be compiled, or reads what is not there when the key is read.
    """
    found = scalar(node, "a path or a text")
    try:
        compiled = compile_text(found.text)
    except PathError as error:
        raise Refusal(code, error.message, found.at(error.offset), error.suggestion) from None
    for path in paths_of(compiled):
        unseen = next((root for root in key.unseen if root in path.roots), None)
        if unseen is not None:
            why = "before the call" if "result" in key.unseen else "only when a call returns"
            raise Refusal("TP215", f"{key.name!r} is read {why}, so {unseen!r} is never there", found.place)
        reader.reads.append((path, found.place))
    return compiled
