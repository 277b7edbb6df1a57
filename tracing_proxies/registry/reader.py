"""A file's tree against the declared keys: every value that is right, and a problem for each that is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.findings import Findings, Refusal
from tracing_proxies.registry.keys import Key, is_for_later, sections
from tracing_proxies.registry.kinds import READERS
from tracing_proxies.registry.masking import Tightening
from tracing_proxies.registry.model import CaptureSettings, Placed, Settings
from tracing_proxies.registry.nodes import BrokenNode, ListNode, MapNode, Node, ScalarNode, describe
from tracing_proxies.registry.origins import Stated, flat_origins, origin_of
from tracing_proxies.registry.pointcut import Pointcut
from tracing_proxies.registry.scalar_kinds import is_null
from tracing_proxies.registry.suggest import nearest
from tracing_proxies.registry.versions import refuse_newer

T = TypeVar("T")

_LABELS: Final = {"registry": "a registry", "rule": "a rule", "role": "a role", "rule.masking": "a rule's 'masking'"}
_RENAMED: Final = {"if": "condition"}
_READS: Final = "reads"
BROKEN: Final = "broken"
"""Stands in an entry of which not all was right: what it lacks then is no further mistake."""
_SETTINGS: Final = frozenset(field.name for field in attrs.fields(Settings))


@attrs.frozen(eq=False, repr=False)
class RuleDraft:
    """A rule as one file has it, before its role is looked up.

    Args:
        applies: whether its `when:` holds.
        intact: whether nothing in it was wrong.
    """

    match: tuple[tuple[Pointcut, Place], ...]
    exceptions: tuple[tuple[Pointcut, Place], ...]
    place: Place
    role: str | None
    role_place: Place
    values: Mapping[str, Any]
    applies: bool
    intact: bool


@attrs.frozen(eq=False, repr=False)
class UseDraft:
    """One entry of `use:`: the preset's name, and the settings beside it."""

    name: str
    place: Place
    native: str | None
    values: Mapping[str, Any]


class Reader:
    """Reads one file's tree.

    Args:
        findings: where problems are noted.
        base: the folder that relative paths start from.
        environ: what `when:` asks.
        preset: the name of the preset whose file this is, None for a user's file.
    """

    def __init__(self, findings: Findings, base: Path, environ: Mapping[str, str], preset: str | None = None) -> None:
        self.findings = findings
        self.base = base
        self.environ = environ
        self.preset = preset
        self.reads: list[Placed] = []

    def attempt(self, node: Node, read: Callable[[Node], T]) -> T | None:
        """Read a node; on a mistake note it and return None."""
        if isinstance(node, BrokenNode):
            return None
        try:
            return read(node)
        except Refusal as refusal:
            self.findings.keep(refusal)
            return None

    def section(self, node: Node, section: str) -> Stated:
        """Read a section's keys.

        Args:
            section: its name in `keys.sections()`.

        Returns:
            The values of all keys that are right, with where they stand.

        Raises:
            Refusal: if the node is not a mapping.
        """
        if is_null(node):
            node = MapNode((), node.place)
        label = _LABELS.get(section, repr(section))
        if not isinstance(node, MapNode):
            raise Refusal("TP202", f"{label} is a mapping, found {describe(node)}", node.place)
        known = sections()[section]
        if section == "registry":
            refuse_newer(node)
        values = Stated()
        for name, child in node.parts:
            key = self._known_key(section, name, child, label)
            if key is None:
                continue
            reader = _SECTION_READERS.get(key.kind) or READERS[key.kind]
            value = self.attempt(child, lambda child, read=reader, key=key: read(self, child, key))  # type: ignore[misc]
            if value is not None:
                values.state(key.name, value, origin_of(name, child))
        for key in known.values():
            if key.required and node.get(key.name) is None:
                code = "TP110" if key.kind == "version" else "TP212"
                self.findings.add(code, f"{label} needs the key {key.name!r}", node.place)
        if section == "rule.masking" and "show" in values and "policy" not in values:
            place = values.origins["show"][0].place
            self.findings.add("TP218", "'show' stands beside 'policy: strict' only: alone it would loosen", place)
        return values

    def _known_key(self, section: str, name: ScalarNode, child: Node, label: str) -> Key | None:
        known = sections()[section]
        if is_for_later(section, name.text):
            # Where the environment overrides, the value's place tells the variable.
            place = child.place if not child.place.line else name.place
            self.findings.add(
                "TP113", f"{name.text!r} is part of the language but not available in this version", place
            )
            return None
        key = known.get(name.text)
        if key is None:
            message = f"unknown key {_short(name.text)!r} in {label}"
            usable = [k.name for k in known.values() if self.preset is not None or not k.presets_only]
            near = nearest(name.text, usable)
            homes = [s for s, keys in sections().items() if name.text in keys and not keys[name.text].presets_only]
            if near is None and homes:
                message += f"; it belongs in {' or '.join(_LABELS.get(home, repr(home)) for home in homes)}"
            self.findings.add("TP201", message, name.place, near)
            return None
        if key.presets_only and self.preset is None:
            self.findings.add("TP213", f"the key {name.text!r} has a meaning in preset files only", name.place)
            return None
        if key.users_only and self.preset is not None:
            self.findings.add("TP213", f"the key {name.text!r} may not stand in a preset file", name.place)
            return None
        return key


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Make settings of a section's values; keys that are no settings are left out."""
    fields = {_RENAMED.get(name, name): value for name, value in values.items()}
    fields["capture"] = CaptureSettings(**fields.get("capture", {}))
    fields |= fields.pop("budget", {})
    fields["masking"] = Tightening.of(fields.get("masking", {}))
    settings = {name: value for name, value in fields.items() if name in _SETTINGS}
    return Settings(**settings, origins=flat_origins(values))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


def _read_section(reader: Reader, node: Node, key: Key) -> dict[str, Any]:
    assert key.section is not None, "a section key names its section"
    return reader.section(node, key.section)


def _read_capture(reader: Reader, node: Node, key: Key) -> dict[str, Any]:
    if isinstance(node, ScalarNode) and not is_null(node):
        if node.text in ("none", "all"):
            sides = Stated()
            for side in ("input", "output"):
                sides.state(side, node.text == "all", origin_of(node, node))
            return sides
        message = f"expected none, all or a mapping, found {describe(node)}"
        raise Refusal("TP208", message, node.place, nearest(node.text, ("none", "all")))
    return reader.section(node, "capture")


def _read_named(reader: Reader, node: Node, key: Key) -> dict[str, dict[str, Any]]:
    assert key.section is not None, "a named key names the section of its entries"
    section = key.section
    if is_null(node):
        return Stated()
    if not isinstance(node, MapNode):
        raise Refusal("TP202", f"{key.name!r} is a mapping of names, found {describe(node)}", node.place)
    found = Stated()
    for name, child in node.parts:
        before, problems = len(reader.reads), len(reader.findings)
        values = reader.attempt(child, lambda child: reader.section(child, section))
        # A broken role is known all the same: rules that name it are not to blame.
        section_of_name = values or Stated()
        section_of_name[_READS] = tuple(reader.reads[before:])
        if len(reader.findings) > problems or _is_broken(child):
            section_of_name[BROKEN] = True
        found.state(name.text, section_of_name, origin_of(name, child))
    return found


def _read_use(reader: Reader, node: Node, key: Key) -> tuple[UseDraft, ...]:
    if is_null(node):
        return ()
    children = node.parts if isinstance(node, ListNode) else (node,)
    found = (reader.attempt(child, lambda child: _read_one_use(reader, child)) for child in children)
    return tuple(draft for draft in found if draft is not None)


def _read_one_use(reader: Reader, node: Node) -> UseDraft:
    if isinstance(node, ScalarNode) and not is_null(node):
        return UseDraft(node.text, node.place, None, {})
    if not isinstance(node, MapNode) or len(node.parts) != 1:
        message = f"expected a preset's name, or one name with its settings, found {describe(node)}"
        raise Refusal("TP202", message, node.place)
    name, child = node.parts[0]
    values = {} if isinstance(child, BrokenNode) else reader.section(child, "use")
    return UseDraft(name.text, name.place, values.get("native"), values)


def _read_rules(reader: Reader, node: Node, key: Key) -> tuple[RuleDraft, ...]:
    if is_null(node):
        return ()
    if not isinstance(node, ListNode):
        raise Refusal("TP202", f"{key.name!r} is a list of rules, found {describe(node)}", node.place)
    found = (reader.attempt(child, lambda child: _read_rule(reader, child)) for child in node.parts)
    return tuple(draft for draft in found if draft is not None)


def _read_rule(reader: Reader, node: Node) -> RuleDraft:
    problems, reads = len(reader.findings), len(reader.reads)
    values = reader.section(node, "rule")
    role = node.get("role") if isinstance(node, MapNode) else None
    broken = isinstance(node, MapNode) and any(_is_broken(child) for _, child in node.parts)
    values[_READS] = tuple(reader.reads[reads:])
    del reader.reads[reads:]
    return RuleDraft(
        match=values.get("match", ()),
        exceptions=values.get("except", ()),
        place=node.place,
        role=values.get("role"),
        role_place=role.place if role is not None else node.place,
        values=values,
        applies=values.get("when", True),
        intact=len(reader.findings) == problems and not broken,
    )


def _is_broken(node: Node) -> bool:
    if isinstance(node, MapNode):
        return any(_is_broken(child) for _, child in node.parts)
    return isinstance(node, BrokenNode) or (isinstance(node, ListNode) and any(map(_is_broken, node.parts)))


_SECTION_READERS: Final[dict[str, Callable[[Reader, Node, Key], Any]]] = {
    "section": _read_section,
    "capture": _read_capture,
    "named": _read_named,
    "use": _read_use,
    "rules": _read_rules,
}
