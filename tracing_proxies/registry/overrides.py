"""Variables such as ``TRACING_PROXIES__EXPORT__LOCAL__PATH`` that override one scalar of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings, Refusal
from tracing_proxies.registry.keys import not_yet, sections
from tracing_proxies.registry.kinds import SCALARS, is_null
from tracing_proxies.registry.nodes import MapNode, Node, ScalarNode
from tracing_proxies.registry.suggest import nearest

PREFIX: Final = "TRACING_PROXIES__"
_BETWEEN: Final = "__"


@attrs.frozen
class _Override:
    """One variable: its name and its value."""

    name: str
    value: str

    @property
    def place(self) -> Place:
        return Place(self.name)

    def refuse(self, message: str, instead: str | None = None) -> Refusal:
        return Refusal("TP112", message, self.place, instead)


def override(root: Node, environ: Mapping[str, str], findings: Findings) -> Node:
    """Put every overriding variable of the environment into a registry's tree.

    Args:
        root: the tree, before substitution.
        environ: the variables.
        findings: where variables that name no scalar are noted.

    Returns:
        The tree; what a variable brought has the variable's name as the file of its place.
    """
    for name in sorted(environ):
        if name.startswith(PREFIX):
            variable = _Override(name, environ[name])
            try:
                root = _put(root, "registry", name[len(PREFIX) :].lower().split(_BETWEEN), PREFIX, variable)
            except Refusal as refusal:
                findings.keep(refusal)
    return root


def _put(node: Node, section: str, path: list[str], passed: str, variable: _Override) -> Node:
    if is_null(node):
        node = MapNode((), variable.place)
    if not isinstance(node, MapNode):
        return node  # not what it should be; the reader says so
    name, *rest = path
    key = sections()[section].get(name)
    later = not_yet(section, name)
    if later is not None and later.value is None:
        return _with(node, name, _leaf(variable), variable)  # the reader says that it is not available
    if key is None:
        right = nearest(name, sections()[section])
        raise variable.refuse(f"there is no key {name!r} to override", right and passed + right.upper())
    passed += name.upper() + _BETWEEN
    if not rest:
        if key.kind not in SCALARS and key.kind != "capture":
            raise variable.refuse(f"{name!r} is no scalar; a variable overrides one scalar")
        return _with(node, name, _leaf(variable), variable)
    inner = "capture" if key.kind == "capture" else key.section
    if inner is None:
        raise variable.refuse(f"{name!r} holds nothing that a variable could override")
    child = node.get(name) or MapNode((), variable.place)
    if key.kind == "named":
        return _with(node, name, _put_named(child, inner, rest, passed, variable), variable)
    if key.kind == "capture" and isinstance(child, ScalarNode) and child.text in ("none", "all"):
        child = _spelled_out(child)
    return _with(node, name, _put(child, inner, rest, passed, variable), variable)


def _put_named(node: Node, section: str, path: list[str], passed: str, variable: _Override) -> Node:
    entries = node.items if isinstance(node, MapNode) else ()
    known = {key.text.lower(): (key.text, child) for key, child in entries}
    name, *rest = path
    if name not in known or not rest:
        right = nearest(name, known)
        raise variable.refuse(f"there is nothing named {name!r} to override", right and passed + right.upper())
    written, child = known[name]
    child = _put(child, section, rest, passed + name.upper() + _BETWEEN, variable)
    return _with(MapNode(entries, node.place), written, child, variable)


def _leaf(variable: _Override) -> ScalarNode:
    # Substitution comes later, and turns `$$` back: a variable's value is never substituted itself.
    return ScalarNode(variable.value.replace("$", "$$"), variable.place)


def _with(node: MapNode, name: str, child: Node, variable: _Override) -> MapNode:
    others = tuple((key, value) for key, value in node.items if key.text != name)
    return MapNode((*others, (ScalarNode(name, variable.place), child)), node.place)


def _spelled_out(node: ScalarNode) -> MapNode:
    flag = ScalarNode("true" if node.text == "all" else "false", node.place)
    return MapNode(tuple((ScalarNode(side, node.place), flag) for side in ("input", "output")), node.place)
