"""Registries as text: what a JSON schema sees of them, and random ones that are made from the declared keys."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.keys import Key, sections
from tracing_proxies.registry.nodes import BrokenNode, ListNode, Node, ScalarNode
from tracing_proxies.registry.source import compose

TREE = "registry"

EARLY = ["args.a", "self.b.c", "args[0]", "env.HOME", "'x'"]
VALID: dict[str, list[Any]] = {
    "text": ["x", "a b", 5, True, 1.5, ""],
    "flag": [True, False],
    "count": [0, 7, 1_000_000],
    "port": [1, 9464, 65_535],
    "version": [1],
    "bytes": ["8KiB", " 1.5 MB", "007B"],
    "interval": ["off", "2s", "100ms", "0.5 min"],
    "duration": ["5ms", "2 s", "1.25h", "3µs"],
    "share": ["50%", " 0.5 %"],
    "patterns": [{}, {"employee_no": "E[0-9]{6}"}],
    "sample": ["always", "never", "10%", "0%", "100%", "0.5 %", "100.0%", "5/min", " 0.5 / h "],
    "budget": ["unlimited", "1%", " 0.5 %"],
    "rate": ["1/min", "0.5 / s"],
    "keeps": ["error", ["slow", "duration > 8s and metadata.a == 'x'"], []],
    "file": ["traces.db", "~/x", 5],
    "entry": ["a:b", "a.b:c.d"],
    "headers": [{}, {"authorization": "Bearer x", "X-Team": 5}, {"a": "${A}"}],
    "when": ["env.A", "python >= '3.10' and platform != 'x'"],
    "path": EARLY,
    "template": ["x", "{self.a}", "{{", 5, True, "", "{function}/{args.a}"],
    "value": [*EARLY, "{self.a}/x"],
    "limit": ["2s", "5%", " 0.5 / min", 10, 1.5, "150%", "007"],
    "variable": ["OPS_SLACK", "_X", "A1"],
    "command": [["notify"], ["/bin/x", "--now", 5, True], ["a", ""]],
    "files": ["absent/*.yaml"],
    "texts": ["x", "*.y", 5],
    "pointcuts": ["a:b", "a.*:C+", "**:C+.d_*", "a.b:C.D.__call__", "m:_*"],
}
ODD: list[Any] = [
    None, True, 5, -1, 1.5, "", " ", "x", "none", "8KiB", "8192", "120%", "0/min", "5 lightyears", "a:b", "a.b", "{x",
    "result.a =", [], {}, ["x"], {"a": "b"}, [None], [[]], {"a": None}, {"a": {}}, [{"a": "b"}, 5], "arg.x", "1%",
]  # fmt: skip
VARIABLES: list[Any] = ["${A}", "${B:-1}", "${B:-none}", "${", "$$", "${NONE}", "x${A}"]
ENVIRON = {"A": "1"}


def as_json(text: str) -> Any:
    """Return what a JSON schema is asked about: a text's values by YAML 1.2's core schema."""
    root = compose(text, "registry.yaml", Findings())
    assert root is not None, "only texts that are YAML have values"
    return _plain(root)


def _plain(node: Node) -> Any:
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.parts]
    assert not isinstance(node, BrokenNode)
    return {key.text: _plain(value) for key, value in node.parts}


def registries(*, preset: bool = False, odd: list[Any] = ODD) -> st.SearchStrategy[str]:
    """Make random registries, or presets, as YAML: right in most places, and odd in some."""
    return _section(TREE, preset, odd).map(lambda tree: yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


@st.composite
def _section(draw: st.DrawFn, section: str, preset: bool, odd: list[Any]) -> dict[str, Any]:
    keys = list(sections()[section].values())
    chosen = draw(st.lists(st.sampled_from(keys), max_size=6, unique_by=lambda key: key.name)) if keys else []
    chosen += [key for key in keys if key.required and key not in chosen and not _rarely(draw)]
    found = {}
    for key in chosen:
        if not (key.users_only if preset else key.presets_only) or _rarely(draw):
            found[key.name] = draw(st.sampled_from(odd)) if _rarely(draw) else draw(_value(key, preset, odd))
    if _rarely(draw):
        found[draw(st.sampled_from(["nmae", "5", "budget", "retention", "x"]))] = draw(st.sampled_from(odd))
    return found


def _rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 9)) == 9


def _value(key: Key, preset: bool, odd: list[Any]) -> st.SearchStrategy[Any]:
    def inside(section: str) -> st.SearchStrategy[Any]:
        return _section(section, preset, odd)

    if key.kind in VALID:
        one = st.sampled_from(VALID[key.kind])
        return one | st.lists(one, min_size=1, max_size=2) if key.kind in ("files", "texts", "pointcuts") else one
    if key.kind in ("choice", "choices"):
        one = st.sampled_from(key.choices)
        return one if key.kind == "choice" else one | st.lists(one, max_size=2)
    if key.kind == "templates":
        return st.lists(st.sampled_from(VALID["template"]), max_size=2)
    names = st.sampled_from(["a", "b.c", "5"])
    if key.kind in ("mapping", "values"):
        mapping = st.dictionaries(names, st.sampled_from(VALID["value"]), max_size=2)
        return mapping if key.kind == "mapping" else mapping | st.sampled_from(VALID["value"])
    if key.kind == "named":
        return st.dictionaries(names, inside(str(key.section)), max_size=2)
    if key.kind == "rules":
        return st.lists(inside("rule"), max_size=2)
    if key.kind == "use":
        return st.lists(st.just("threads") | inside("use").map(lambda settings: {"http": settings}), max_size=2)
    if key.kind == "capture":
        return st.sampled_from(["none", "all"]) | inside("capture")
    return inside(str(key.section)) | st.just(None)
