"""What a key may take: one text, number or truth value."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tracing_proxies.registry import versions
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.nodes import Node, ScalarNode, describe
from tracing_proxies.registry.splits import is_unquoted_template
from tracing_proxies.registry.suggest import nearest

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

_TRUTHS: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_LARGEST_COUNT: Final = 1_000_000
_HIGHEST_PORT: Final = 65_535
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_ENTRY: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def scalar(node: Node, expected: str) -> ScalarNode:
    """Return a node that is a text, number or truth value.

    Raises:
        Refusal: if it is anything else.
    """
    if isinstance(node, ScalarNode) and (not node.plain or node.value is not None):
        return node
    if is_unquoted_template(node):
        raise Refusal("TP106", "a text that starts with a brace is a mapping to YAML: put it in quotes", node.place)
    raise Refusal("TP202", f"expected {expected}, found {describe(node)}", node.place)


def is_null(node: Node) -> bool:
    """Tell whether a key stands there without a value."""
    return isinstance(node, ScalarNode) and node.plain and node.value is None


def read_text(reader: Reader, node: Node, key: Key) -> str:
    return scalar(node, "a text").text


def read_flag(reader: Reader, node: Node, key: Key) -> bool:
    found = scalar(node, "true or false")
    if isinstance(found.value, bool):
        return found.value
    raise Refusal(
        "TP202", f"expected true or false, found {describe(node)}", node.place, _TRUTHS.get(found.text.lower())
    )


def read_count(reader: Reader, node: Node, key: Key) -> int:
    found = scalar(node, "a whole number").value
    if type(found) is int and 0 <= found <= _LARGEST_COUNT:
        return found
    message = f"expected a whole number between 0 and {_LARGEST_COUNT:,}, found {describe(node)}"
    raise Refusal("TP202", message, node.place)


def read_port(reader: Reader, node: Node, key: Key) -> int:
    found = scalar(node, "a port").value
    if type(found) is int and 1 <= found <= _HIGHEST_PORT:
        return found
    message = f"expected a port, a whole number between 1 and {_HIGHEST_PORT}, found {describe(node)}"
    raise Refusal("TP202", message, node.place)


def read_version(reader: Reader, node: Node, key: Key) -> int:
    return versions.judge(scalar(node, str(versions.SPOKEN)))


def read_choice(reader: Reader, node: Node, key: Key) -> str:
    found = scalar(node, f"one of {', '.join(key.choices)}").text
    if found in key.choices:
        return found
    message = f"{key.name!r} is one of {', '.join(key.choices)}, not {describe(node)}"
    raise Refusal("TP208", message, node.place, nearest(found, key.choices))


def read_variable(reader: Reader, node: Node, key: Key) -> str:
    text = scalar(node, "the name of a variable").text
    if _VARIABLE.fullmatch(text):
        return text
    # What stands there may be the secret itself: it is not repeated.
    message = (
        f"{key.name!r} names the variable of the environment that holds the secret, such as OPS_{key.name.upper()}"
    )
    raise Refusal("TP222", message, node.place)


def read_file(reader: Reader, node: Node, key: Key) -> Path:
    text = scalar(node, "the path of a file").text
    if not text or "\0" in text:
        raise Refusal("TP202", f"expected the path of a file, found {text!r}", node.place)
    return Path(os.path.abspath(reader.base / os.path.expanduser(text)))


def read_entry(reader: Reader, node: Node, key: Key) -> str:
    text = scalar(node, "module:name").text
    if _ENTRY.fullmatch(text):
        return text
    raise Refusal("TP202", f"expected module:name, found {describe(node)}", node.place)
