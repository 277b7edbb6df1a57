"""What a key may take: one reader for each kind of scalar, list and expression."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tracing_proxies.errors import Place
from tracing_proxies.registry import versions
from tracing_proxies.registry.alerting import Limit, parse_limit
from tracing_proxies.registry.conditions import judge
from tracing_proxies.registry.findings import Refusal
from tracing_proxies.registry.keys import DETECTORS, KEEPS, Key
from tracing_proxies.registry.model import SampleRate
from tracing_proxies.registry.nodes import BrokenNode, ListNode, MapNode, Node, ScalarNode, describe
from tracing_proxies.registry.origins import Stated, origin_of
from tracing_proxies.registry.paths import CapturePath, PathError, compile_path, compile_trace_path
from tracing_proxies.registry.patterns import compile_pattern
from tracing_proxies.registry.pointcut import Pointcut, PointcutError
from tracing_proxies.registry.splits import is_unquoted_template
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.template import Template, compile_template
from tracing_proxies.registry.units import UnitError, parse_bytes, parse_duration, parse_rate, parse_share
from tracing_proxies.registry.values import BRACES, Value, compile_value, paths_of

if TYPE_CHECKING:
    from tracing_proxies.registry.reader import Reader

T = TypeVar("T")
C = TypeVar("C", bound=Value)
V = TypeVar("V", bound=Value)

_TRUTHS: Final = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_DETECTOR: Final = re.compile(r"[a-z][a-z0-9_\-]{0,39}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SAMPLES: Final = "always, never, a share such as 10% or a rate such as 5/min"
_BUDGETS: Final = "a share of one core such as 1%, or unlimited"
_SMALLEST_BUDGET: Final = 0.0001
_LARGEST_COUNT: Final = 1_000_000
_HIGHEST_PORT: Final = 65_535
_SHORTEST_INTERVAL: Final = 100 * 10**6
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


def read_choices(reader: Reader, node: Node, key: Key) -> tuple[str, ...]:
    return _each(reader, node, lambda child: read_choice(reader, child, key))


def read_bytes(reader: Reader, node: Node, key: Key) -> int:
    return _quantity(node, parse_bytes, "a size such as 8KiB")


def read_duration(reader: Reader, node: Node, key: Key) -> int:
    return _quantity(node, parse_duration, "a duration such as 5ms")


def read_interval(reader: Reader, node: Node, key: Key) -> int:
    """Read a duration in nanoseconds; 0 stands for off."""
    text = scalar(node, "a duration such as 2s, or off").text
    if text == "off":
        return 0
    if text.isalpha():
        raise Refusal("TP208", f"expected a duration such as 2s, or off, found {text!r}", node.place, "off")
    interval = _quantity(node, parse_duration, "a duration such as 2s, or off")
    if interval < _SHORTEST_INTERVAL:
        raise Refusal("TP207", f"{key.name!r} is off, or at least 100ms, not {describe(node)}", node.place, "off")
    return interval


def read_share(reader: Reader, node: Node, key: Key) -> float:
    return _quantity(node, parse_share, "a share such as 50%")


def read_sample(reader: Reader, node: Node, key: Key) -> SampleRate:
    text = scalar(node, _SAMPLES).text
    if text in ("always", "never"):
        return SampleRate(1.0 if text == "always" else 0.0)
    if text.isalpha():
        message = f"expected {_SAMPLES}, found {text[:60]!r}"
        raise Refusal("TP208", message, node.place, nearest(text, ("always", "never")))
    if "/" in text:
        many, period = _quantity(node, parse_rate, _SAMPLES)
        return SampleRate(1.0, many, period)
    return SampleRate(_quantity(node, parse_share, _SAMPLES))


def read_budget(reader: Reader, node: Node, key: Key) -> float:
    """Read a share of one core; infinite stands for unlimited."""
    text = scalar(node, _BUDGETS).text
    if text == "unlimited":
        return math.inf
    if text.isalpha():
        raise Refusal("TP208", f"expected {_BUDGETS}, found {text[:60]!r}", node.place, nearest(text, ("unlimited",)))
    share = _quantity(node, parse_share, _BUDGETS)
    if share < _SMALLEST_BUDGET:
        message = f"{key.name!r} is at least 0.01%, not {text[:40]!r}; `tracing-proxies off` ends tracing"
        raise Refusal("TP207", message, node.place)
    return share


def read_rate(reader: Reader, node: Node, key: Key) -> float:
    """Read a rate, as a number per second."""
    many, period = _quantity(node, parse_rate, "a rate such as 1/min")
    return many * 1e9 / period


def read_limit(reader: Reader, node: Node, key: Key) -> Limit:
    return _quantity(node, parse_limit, "a limit such as 2s, 5%, 30/min or 10")


def read_variable(reader: Reader, node: Node, key: Key) -> str:
    text = scalar(node, "the name of a variable").text
    if _VARIABLE.fullmatch(text):
        return text
    # What stands there may be the secret itself: it is not repeated.
    message = (
        f"{key.name!r} names the variable of the environment that holds the secret, such as OPS_{key.name.upper()}"
    )
    raise Refusal("TP222", message, node.place)


def read_command(reader: Reader, node: Node, key: Key) -> list[str]:
    """Read a program and its arguments: a list, which another file's takes the place of, and is not added to."""
    if not isinstance(node, ListNode) or not node.items:
        message = f"expected a list of a program and its arguments, found {describe(node)}; no shell would split it"
        raise Refusal("TP202", message, node.place)
    found = [scalar(child, "a text").text for child in node.items if not isinstance(child, BrokenNode)]
    if not found or not found[0].strip() or any("\0" in text for text in found):
        raise Refusal("TP202", "expected the path or name of a program", node.place)
    return found


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


def read_values(reader: Reader, node: Node, key: Key) -> Value | dict[str, Value]:
    if isinstance(node, MapNode) and not is_unquoted_template(node):
        return read_mapping(reader, node, key)
    return read_value(reader, node, key)


def read_mapping(reader: Reader, node: Node, key: Key) -> dict[str, Value]:
    if is_null(node):
        return {}
    if not isinstance(node, MapNode):
        raise Refusal("TP202", f"{key.name!r} is a mapping of names to paths, found {describe(node)}", node.place)
    found = Stated()
    for name, child in node.items:
        value = reader.attempt(child, lambda child: read_value(reader, child, key))
        if value is not None:
            found.state(name.text, value, origin_of(name, child))
    return found


def read_headers(reader: Reader, node: Node, key: Key) -> dict[str, str]:
    if is_null(node):
        return {}
    if not isinstance(node, MapNode):
        raise Refusal(
            "TP202", f"{key.name!r} is a mapping of names to texts, found a value of another kind", node.place
        )
    found: dict[str, str] = {}
    for name, child in node.items:
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
    for name, child in node.items:
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


def read_texts(reader: Reader, node: Node, key: Key) -> tuple[str, ...]:
    return tuple(text for text, _ in read_placed_texts(reader, node, key))


def read_placed_texts(reader: Reader, node: Node, key: Key) -> tuple[tuple[str, Place], ...]:
    def read(child: Node) -> tuple[str, Place]:
        text = scalar(child, "a text").text
        if not text.strip():
            raise Refusal("TP202", "expected a text, found an empty one", child.place)
        return text, child.place

    return _each(reader, node, read)


def read_templates(reader: Reader, node: Node, key: Key) -> tuple[Template, ...]:
    return _each(reader, node, lambda child: read_template(reader, child, key))


def read_pointcuts(reader: Reader, node: Node, key: Key) -> tuple[tuple[Pointcut, Place], ...]:
    def read(child: Node) -> tuple[Pointcut, Place]:
        found = scalar(child, "a pattern such as module:Class.name")
        try:
            return Pointcut.parse(found.text), found.place
        except PointcutError as error:
            raise Refusal("TP204", error.message, found.at(error.offset), error.suggestion) from None

    if is_null(node) or (isinstance(node, ListNode) and not node.items):
        raise Refusal("TP202", f"{key.name!r} needs at least one pattern such as module:Class.name", node.place)
    return _each(reader, node, read)


def _each(reader: Reader, node: Node, read: Callable[[Node], T]) -> tuple[T, ...]:
    """Read a list, or the one item that stands for a list of it; each item fails alone."""
    if is_null(node):
        return ()
    children = node.items if isinstance(node, ListNode) else (node,)
    found = (reader.attempt(child, read) for child in children)
    return tuple(item for item in found if item is not None)


def _quantity(node: Node, parse: Callable[[str], T], expected: str) -> T:
    try:
        return parse(scalar(node, expected).text)
    except UnitError as error:
        raise Refusal("TP207", error.message, node.place, error.suggestion) from None


def _compiled(reader: Reader, node: Node, key: Key, compile_text: Callable[[str], V], code: str) -> V:
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


READERS: Final[dict[str, Callable[[Any, Node, Key], Any]]] = {
    "text": read_text,
    "flag": read_flag,
    "count": read_count,
    "port": read_port,
    "version": read_version,
    "choice": read_choice,
    "choices": read_choices,
    "bytes": read_bytes,
    "duration": read_duration,
    "interval": read_interval,
    "share": read_share,
    "sample": read_sample,
    "budget": read_budget,
    "rate": read_rate,
    "keeps": read_keeps,
    "limit": read_limit,
    "variable": read_variable,
    "command": read_command,
    "file": read_file,
    "entry": read_entry,
    "when": read_when,
    "path": read_path,
    "template": read_template,
    "value": read_value,
    "values": read_values,
    "mapping": read_mapping,
    "headers": read_headers,
    "patterns": read_patterns,
    "texts": read_texts,
    "files": read_placed_texts,
    "templates": read_templates,
    "pointcuts": read_pointcuts,
}

SCALARS: Final = frozenset(
    (
        "text", "flag", "count", "port", "version", "choice", "bytes", "duration", "interval", "share", "sample",
        "budget", "rate", "file", "entry", "when", "path", "template", "value", "values", "capture",
        "limit", "variable",
    )
)  # fmt: skip
"""The kinds that can be written as one scalar, which a variable of the environment can override."""
