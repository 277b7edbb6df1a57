"""YAML text to a tree of nodes, with its limits checked while the parser's events come in."""

from __future__ import annotations

from typing import Any, Final

import attrs
import yaml

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.nodes import BrokenNode, ListNode, MapNode, Node, ScalarNode
from tracing_proxies.registry.splits import explain_syntax, split_path

LARGEST: Final = 2**20
DEEPEST: Final = 32
MOST_ALIASED: Final = 10_000

# libyaml's parser delivers events without recursion; only its composer, which is not used, nests on the C stack.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Stop(Exception):
    """Ends the reading of a file for which a limit was found exceeded."""


@attrs.define(eq=False, repr=False)
class _Frame:
    """One open list or mapping."""

    place: Place
    is_map: bool
    flow: bool
    anchor: str | None
    children: list[Node] = attrs.field(factory=list)
    size: int = 1
    height: int = 1


class _Builder:
    """Builds the tree of one document from its events."""

    def __init__(self, file: str, findings: Findings) -> None:
        self._file = file
        self._findings = findings
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._aliased = 0
        self._documents = 0
        self.root: Node | None = None

    def take(self, event: Any) -> None:
        place = _place(self._file, event.start_mark)
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop("TP101", "a registry is one YAML document, here a second one starts", place)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", place)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event, place)
            self._place_node(_scalar(event, place), 1, 1, event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._check_tag(event, place)
            if len(self._open) >= DEEPEST:
                self._stop("TP102", f"lists and mappings nest at most {DEEPEST} deep", place)
            is_map = isinstance(event, yaml.MappingStartEvent)
            self._open.append(_Frame(place, is_map, bool(event.flow_style), event.anchor))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            frame = self._open.pop()
            self._place_node(self._close(frame), frame.size, frame.height, frame.anchor)

    def _alias(self, anchor: str, place: Place) -> None:
        if anchor not in self._anchors:
            inside = any(frame.anchor == anchor for frame in self._open)
            why = "stands inside of what it names" if inside else "has no anchor before it"
            self._findings.add("TP104", f"the alias '*{anchor}' {why}", place)
            self._place_node(BrokenNode(place), 1, 1, None)
            return
        node, size, height = self._anchors[anchor]
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            self._stop("TP102", f"aliases expand to at most {MOST_ALIASED:,} nodes", place)
        if len(self._open) + height - 1 > DEEPEST:
            self._stop("TP102", f"lists and mappings nest at most {DEEPEST} deep, aliases included", place)
        self._place_node(node, size, height, None)

    def _place_node(self, node: Node, size: int, height: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size, height)
        if not self._open:
            self.root = node
            return
        frame = self._open[-1]
        frame.children.append(node)
        frame.size += size
        frame.height = max(frame.height, height + 1)

    def _close(self, frame: _Frame) -> Node:
        children = tuple(frame.children)
        split = split_path(children, frame.is_map) if frame.flow else None
        if split is not None:
            self._findings.add("TP106", split.message, split.place)
            return BrokenNode(frame.place)
        return self._mapping(frame.place, children) if frame.is_map else ListNode(children, frame.place)

    def _mapping(self, place: Place, children: tuple[Node, ...]) -> MapNode:
        first: dict[str, Place] = {}
        items: list[tuple[ScalarNode, Node]] = []
        for key, node in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, ScalarNode):
                if not isinstance(key, BrokenNode):
                    message = "a key is a plain text; a value in braces or brackets stands in quotes"
                    self._findings.add("TP104", message, key.place)
            elif key.text == "<<" and key.plain:
                message = "merge keys ('<<') are not part of the language; use a role, or an alias for the whole value"
                self._findings.add("TP104", message, key.place)
            elif key.text in first:
                message = f"the key {key.text!r} stands already in line {first[key.text].line}"
                self._findings.add("TP105", message, key.place)
            else:
                first[key.text] = key.place
                items.append((key, node))
        return MapNode(tuple(items), place)

    def _check_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            self._findings.add("TP103", f"YAML tags are not allowed, found {str(event.tag)[:60]!r}", place)

    def _stop(self, code: str, message: str, place: Place) -> None:
        self._findings.add(code, message, place)
        raise _Stop


def compose(text: str, file: str, findings: Findings) -> Node | None:
    """Read YAML text into a tree.

    Args:
        text: the file's content.
        file: the file's name in problems.
        findings: where problems are noted.

    Returns:
        The tree, an empty mapping for an empty text, or None if the text cannot be read to its end.
    """
    if len(text) > LARGEST or len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        findings.add("TP102", "a registry file has at most 1 MiB", Place(file))
        return None
    builder = _Builder(file, findings)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(file, mark) if mark is not None else Place(file)
        code, message = explain_syntax(text, error.problem, mark.line if mark else 0, mark.column if mark else 0)
        findings.add(code, message, place)
        return None
    except (yaml.YAMLError, ValueError) as error:  # an unreadable character, or an escape beyond Unicode
        place = _place_of_position(text, file, getattr(error, "position", None))
        findings.add("TP101", "the text holds a character that YAML does not allow", place)
        return None
    return builder.root if builder.root is not None else MapNode((), Place(file, 1, 1))


def _scalar(event: Any, place: Place) -> ScalarNode:
    plain = event.style in (None, "")
    quotes = 0 if plain else 1
    start, end = event.start_mark, event.end_mark
    same = start.line == end.line and end.column - start.column == len(event.value) + 2 * quotes
    return ScalarNode(event.value, place, plain, quotes if same and event.style not in ("|", ">") else None)


def _place(file: str, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1)


def _place_of_position(text: str, file: str, position: object) -> Place:
    if not isinstance(position, int):
        return Place(file)
    before = text[:position]
    return Place(file, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
