"""Variables such as ``TRACING_PROXIES__EXPORT__LOCAL__PATH`` that override one scalar of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings, Refusal
from tracing_proxies.registry.keys import is_for_later, sections
from tracing_proxies.registry.kinds import SCALARS
from tracing_proxies.registry.nodes import MapNode, Node, ScalarNode, core_value
from tracing_proxies.registry.scalar_kinds import is_null
from tracing_proxies.registry.suggest import nearest

PREFIX: Final = "TRACING_PROXIES__"
_BETWEEN: Final = "__"
_ROLES: Final = "roles"
_BY_NAME: Final = frozenset(("mapping", "values", "headers"))


@attrs.frozen(eq=False, repr=False)
class _Override:
    """One variable: its name and its value."""

    name: str
    value: str

    @property
    def path(self) -> list[str]:
        return self.name[len(PREFIX) :].lower().split(_BETWEEN)

    @property
    def place(self) -> Place:
        return Place(self.name)

    def refuse(self, message: str, instead: str | None = None) -> Refusal:
        return Refusal("TP112", message, self.place, instead)


class Overrides:
    """The overriding variables of an environment, put into a registry's own file and into the roles of any file.

    Args:
        environ: the variables.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._variables = [_Override(name, environ[name]) for name in sorted(environ) if name.startswith(PREFIX)]
        self._roles: set[str] = set()

    def put(self, root: Node, findings: Findings, *, is_included: bool) -> Node:
        """Put the variables into a file's tree.

        Args:
            root: the tree, before substitution.
            findings: where variables that name no scalar are noted.
            is_included: whether it is not the registry's own file, which wins over all that it includes.

        Returns:
            The tree; what a variable brought has the variable's name as the file of its place.
        """
        roles = root.get(_ROLES) if isinstance(root, MapNode) else None
        here = {_folded(key.text) for key, _ in roles.parts} if isinstance(roles, MapNode) else set()
        self._roles |= here
        for variable in self._variables:
            path = variable.path
            about_role = path[0] == _ROLES and len(path) > 2
            if about_role and path[1] not in here:
                continue  # it may be another file's; `report` tells if it is none's
            if about_role or not is_included:
                try:
                    root = _put(root, "registry", path, PREFIX, variable)
                except Refusal as refusal:
                    findings.keep(refusal)
        return root

    def report(self, findings: Findings) -> None:
        """Note the variables about roles that no file has; to be called when all files are read."""
        for variable in self._variables:
            path = variable.path
            if path[0] == _ROLES and len(path) > 2 and path[1] not in self._roles:
                right = nearest(path[1], self._roles)
                message = f"there is no role {path[1]!r} to override"
                findings.keep(variable.refuse(message, right and f"{PREFIX}ROLES{_BETWEEN}{right.upper()}"))


def _put(node: Node, section: str, path: list[str], passed: str, variable: _Override) -> Node:
    if is_null(node):
        node = MapNode((), variable.place)
    if not isinstance(node, MapNode):
        return node  # not what it should be; the reader says so
    name, *rest = path
    key = sections()[section].get(name)
    if is_for_later(section, name):
        return _with(node, name, _leaf(variable), variable)  # the reader says that it is not available
    if key is None:
        right = nearest(name, sections()[section])
        raise variable.refuse(f"there is no key {name!r} to override", right and passed + right.upper())
    passed += name.upper() + _BETWEEN
    if not rest:
        if key.kind not in SCALARS:
            raise variable.refuse(f"{name!r} is no scalar; a variable overrides one scalar")
        return _with(node, name, _leaf(variable), variable)
    child = node.get(name) or MapNode((), variable.place)
    if key.kind in _BY_NAME:
        return _with(node, name, _put_entry(child, _BETWEEN.join(rest), variable), variable)
    inner = "capture" if key.kind == "capture" else key.section
    if inner is None:
        raise variable.refuse(f"{name!r} holds nothing that a variable could override")
    if key.kind == "named":
        return _with(node, name, _put_named(child, inner, rest, passed, variable), variable)
    if key.kind == "capture" and isinstance(child, ScalarNode) and child.text in ("none", "all"):
        child = _spelled_out(child)
    return _with(node, name, _put(child, inner, rest, passed, variable), variable)


def _put_named(node: Node, section: str, path: list[str], passed: str, variable: _Override) -> Node:
    name, *rest = path
    if not isinstance(node, MapNode) or not rest:
        raise variable.refuse(f"{name!r} is no scalar; a variable overrides one scalar")
    written = _written(node, name)
    entry = node.get(written) or MapNode((), node.place)
    return _with(node, written, _put(entry, section, rest, passed + name.upper() + _BETWEEN, variable), variable)


def _put_entry(node: Node, name: str, variable: _Override) -> Node:
    entries = node if isinstance(node, MapNode) else MapNode((), variable.place)
    return _with(entries, _written(entries, name), _leaf(variable), variable)


def _written(node: MapNode, name: str) -> str:
    """Return a name as the file writes it."""
    return next((key.text for key, _ in node.parts if _folded(key.text) == name), name)


def _folded(name: str) -> str:
    """Return a name as a variable's name can have it: without its case, and with no dash."""
    return name.lower().replace("-", "_")


def _leaf(variable: _Override) -> ScalarNode:
    # Substitution comes later, and turns `$$` back: a variable's value is never substituted itself.
    text = variable.value.replace("$", "$$")
    return ScalarNode(text, variable.place, plain=core_value(text) is not None)


def _with(node: MapNode, name: str, child: Node, variable: _Override) -> MapNode:
    others = tuple((key, value) for key, value in node.parts if key.text != name)
    return MapNode((*others, (ScalarNode(name, variable.place), child)), node.place)


def _spelled_out(node: ScalarNode) -> MapNode:
    flag = ScalarNode("true" if node.text == "all" else "false", node.place)
    return MapNode(tuple((ScalarNode(side, node.place), flag) for side in ("input", "output")), node.place)
