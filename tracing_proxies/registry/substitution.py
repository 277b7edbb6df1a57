"""``${VAR}``, ``${VAR:-default}`` and ``$$`` in parsed scalars, so that no value can bring YAML with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.nodes import BrokenNode, ListNode, MapNode, Node, ScalarNode, core_value
from tracing_proxies.registry.suggest import nearest

_VARIABLE: Final = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|(\{))")
_LARGEST: Final = 2**16


def substitute(node: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """Put the environment's values into every scalar of a tree.

    Args:
        node: the tree; keys stay as they are.
        environ: the variables.
        findings: where variables that are not set are noted.

    Returns:
        The tree, a broken node in place of each scalar that could not be filled.
    """
    if isinstance(node, ScalarNode):
        return _fill(node, environ, findings) if "$" in node.text else node
    if isinstance(node, ListNode):
        return attrs.evolve(node, parts=tuple(substitute(item, environ, findings) for item in node.parts))
    if isinstance(node, MapNode):
        parts = tuple((key, substitute(value, environ, findings)) for key, value in node.parts)
        return attrs.evolve(node, parts=parts)
    return node


def _fill(node: ScalarNode, environ: Mapping[str, str], findings: Findings) -> Node:
    before = len(findings)
    pieces: list[str] = []
    variables: list[str] = []
    at = 0
    for found in _VARIABLE.finditer(node.text):
        pieces.append(node.text[at : found.start()])
        at = found.end()
        dollar, name, has_default, default, malformed = found.groups()
        if dollar:
            pieces.append("$")
        elif malformed:
            message = "expected '${NAME}' or '${NAME:-default}'; a dollar sign before a brace is written '$$'"
            findings.add("TP111", message, node.at(found.start()))
        elif environ.get(name) or (name in environ and not has_default):
            pieces.append(environ[name])
            variables.append(name)
        elif has_default:
            pieces.append(default)
        else:
            message = f"the variable {name!r} is not set and '${{{name}}}' has no default"
            findings.add("TP111", message, node.at(found.start()), nearest(name, environ))
    pieces.append(node.text[at:])
    text = "".join(pieces)
    if len(text) > _LARGEST:
        findings.add("TP102", f"a value has at most {_LARGEST:,} characters after substitution", node.place)
    if len(findings) > before:
        return BrokenNode(node.place)
    # Quotes are often there for the braces' sake only, so that a number may come of a quoted variable; never a null.
    plain = core_value(text) is not None
    return attrs.evolve(node, text=text, lead=None, plain=plain, variables=tuple(variables))
