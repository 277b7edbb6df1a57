"""What a key may take: a mapping of names that are the user's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tracing_proxies.registry.expression_kinds import read_value
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import DETECTORS, Key
from tracing_proxies.registry.nodes import BrokenNode, MapNode, Node, ScalarNode, describe
from tracing_proxies.registry.origins import Stated, origin_of
from tracing_proxies.registry.patterns import compile_pattern
from tracing_proxies.registry.scalar_kinds import is_null, scalar
from tracing_proxies.registry.splits import is_unquoted_template
from tracing_proxies.registry.values import Value

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

_DETECTOR: Final = re.compile(r"[a-z][a-z0-9_\-]{0,39}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def read_mapping(reader: Reader, node: Node, key: Key) -> dict[str, Value]:
    if is_null(node):
        return {}
    if not isinstance(node, MapNode):
        raise Refusal("TP202", f"{key.name!r} is a mapping of names to paths, found {describe(node)}", node.place)
    found = Stated()
    for name, child in node.parts:
        value = reader.attempt(child, lambda child: read_value(reader, child, key))
        if value is not None:
            found.state(name.text, value, origin_of(name, child))
    return found


def read_values(reader: Reader, node: Node, key: Key) -> Value | dict[str, Value]:
    if isinstance(node, MapNode) and not is_unquoted_template(node):
        return read_mapping(reader, node, key)
    return read_value(reader, node, key)


def read_headers(reader: Reader, node: Node, key: Key) -> dict[str, str]:
    if is_null(node):
        return {}
    if not isinstance(node, MapNode):
        raise Refusal(
            "TP202", f"{key.name!r} is a mapping of names to texts, found a value of another kind", node.place
        )
    found: dict[str, str] = {}
    for name, child in node.parts:
        if isinstance(child, BrokenNode):
            continue  # it has been told why
        # What it holds may be a secret: no message repeats it.
        text = child.text if isinstance(child, ScalarNode) and not is_null(child) else "\n"
        if not (text.isascii() and text.isprintable()):
            reader.findings.add("TP202", f"the header {name.text[:60]!r} needs a text of printable ASCII", child.place)
        elif not _HEADER.fullmatch(name.text):
            reader.findings.add("TP202", f"{name.text[:60]!r} cannot be a header's name", name.place)
        else:
            found[name.text] = text
    return found


def read_patterns(reader: Reader, node: Node, key: Key) -> dict[str, str]:
    if is_null(node):
        return {}
    if not isinstance(node, MapNode):
        raise Refusal("TP202", f"{key.name!r} is a mapping of names to patterns, found {describe(node)}", node.place)
    found = Stated()
    for name, child in node.parts:
        if not _DETECTOR.fullmatch(name.text):
            message = f"a detector's name has 1 to 40 small letters, digits, '-' and '_', not {name.text[:60]!r}"
            reader.findings.add("TP202", message, name.place)
        elif name.text in DETECTORS:
            reader.findings.add("TP217", f"there is a detector named {name.text!r} already", name.place)
        else:
            pattern = reader.attempt(child, _pattern)
            if pattern is not None:
                found.state(name.text, pattern, origin_of(name, child))
    return found


def _pattern(node: Node) -> str:
    found = scalar(node, "a regular expression")
    try:
        compile_pattern(found.text)
    except ValueError as error:
        raise Refusal("TP216", f"the pattern cannot be a detector's: {error}", found.place) from None
    return found.text
