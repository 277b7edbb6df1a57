"""What a key may take: a list, or the one item that stands for a list of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tracing_proxies.errors import Place
from tracing_proxies.registry.expression_kinds import read_template
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import KEEPS, Key
from tracing_proxies.registry.nodes import BrokenNode, ListNode, Node, describe
from tracing_proxies.registry.paths import CapturePath, PathError, compile_trace_path
from tracing_proxies.registry.pointcut import Pointcut, PointcutError
from tracing_proxies.registry.scalar_kinds import is_null, read_choice, scalar
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.template import Template

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

T = TypeVar("T")


def read_texts(reader: Reader, node: Node, key: Key) -> tuple[str, ...]:
    return tuple(text for text, _ in read_placed_texts(reader, node, key))


def read_placed_texts(reader: Reader, node: Node, key: Key) -> tuple[tuple[str, Place], ...]:
    def read(child: Node) -> tuple[str, Place]:
        text = scalar(child, "a text").text
        if not text.strip():
            raise Refusal("TP202", "expected a text, found an empty one", child.place)
        return text, child.place

    return _each(reader, node, read)


def read_choices(reader: Reader, node: Node, key: Key) -> tuple[str, ...]:
    return _each(reader, node, lambda child: read_choice(reader, child, key))


def read_templates(reader: Reader, node: Node, key: Key) -> tuple[Template, ...]:
    return _each(reader, node, lambda child: read_template(reader, child, key))


def read_keeps(reader: Reader, node: Node, key: Key) -> tuple[str | CapturePath, ...]:
    def read(child: Node) -> str | CapturePath:
        found = scalar(child, "error, slow, rare, or a condition such as duration > 8s")
        if found.text in KEEPS:
            return found.text
        try:
            condition = compile_trace_path(found.text)
        except PathError as error:
            right = error.suggestion or nearest(found.text, KEEPS)
            raise Refusal("TP205", error.message, found.at(error.offset), right) from None
        if not condition.roots:
            raise Refusal("TP205", f"{found.text[:60]!r} says nothing of a trace", found.place)
        return condition

    return _each(reader, node, read)


def read_pointcuts(reader: Reader, node: Node, key: Key) -> tuple[tuple[Pointcut, Place], ...]:
    def read(child: Node) -> tuple[Pointcut, Place]:
        found = scalar(child, "a pattern such as module:Class.name")
        try:
            return Pointcut.parse(found.text), found.place
        except PointcutError as error:
            raise Refusal("TP204", error.message, found.at(error.offset), error.suggestion) from None

    if is_null(node) or (isinstance(node, ListNode) and not node.parts):
        raise Refusal("TP202", f"{key.name!r} needs at least one pattern such as module:Class.name", node.place)
    return _each(reader, node, read)


def read_command(reader: Reader, node: Node, key: Key) -> list[str]:
    """Read a program and its arguments: a list, which another file's takes the place of, and is not added to."""
    if not isinstance(node, ListNode) or not node.parts:
        message = f"expected a list of a program and its arguments, found {describe(node)}; no shell would split it"
        raise Refusal("TP202", message, node.place)
    found = [scalar(child, "a text").text for child in node.parts if not isinstance(child, BrokenNode)]
    if not found or not found[0].strip() or any("\0" in text for text in found):
        raise Refusal("TP202", "expected the path or name of a program", node.place)
    return found


def _each(reader: Reader, node: Node, read: Callable[[Node], T]) -> tuple[T, ...]:
    """Read a list, or the one item that stands for a list of it; each item fails alone."""
    if is_null(node):
        return ()
    children = node.parts if isinstance(node, ListNode) else (node,)
    found = (reader.attempt(child, read) for child in children)
    return tuple(item for item in found if item is not None)
