"""Write what follows from the declared keys, the reference and the JSON schemas, and from measurements."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs import commands, metrics
from docs.performance import ARCHITECTURE, Page
from tracing_proxies.registry.codes import CODES
from tracing_proxies.registry.forms import FORMS
from tracing_proxies.registry.keys import LATER, Key, sections
from tracing_proxies.registry.path_filters import FILTERS, Filter
from tracing_proxies.registry.presets import shipped_names, summarise
from tracing_proxies.registry.schema import schema_of_preset, schema_of_registry
from tracing_proxies.registry.units import BYTES, NANOSECONDS

ROOT = Path(__file__).parent.parent
TEMPLATE = Path(__file__).parent / "registry.template.md"
_NOTE = "<!-- Made by `make docs` from docs/registry.template.md and tracing_proxies/registry/keys.py. -->\n"
_PLACE = re.compile(r"<!-- (\w+)(?:: ([\w.]+))? -->")
_WRONG = re.compile(r"^```yaml wrong (TP\d+)$", re.MULTILINE)
_SECTION_KINDS = {
    "section": "a mapping",
    "named": "a mapping of names to settings",
    "rules": "a list of rules",
    "use": "a list of presets",
    "capture": "`none`, `all` or a mapping",
}


def generate() -> dict[Path, str]:
    """Return every file that is generated, with what is to stand in it."""
    registry = _as_json(schema_of_registry(summarise(shipped_names())))
    preset = _as_json(schema_of_preset())
    page = Page()
    return {
        ROOT / "README.md": page.readme((ROOT / "README.md").read_text("utf-8")),
        ROOT / "docs" / "performance.md": page.text(),
        ROOT / "docs" / "architecture.md": page.text(ARCHITECTURE),
        ROOT / "docs" / "commands.md": commands.page(),
        ROOT / "docs" / "metrics.md": metrics.page(),
        ROOT / "docs" / "registry.md": _NOTE + Reference(TEMPLATE.read_text("utf-8")).text(),
        ROOT / "registry.schema.json": registry,
        ROOT / "preset.schema.json": preset,
        ROOT / "tracing_proxies" / "registry" / "registry.schema.json": registry,
        ROOT / "tracing_proxies" / "registry" / "preset.schema.json": preset,
    }


class Reference:
    """The reference for people: a template's prose, with tables in the place of its marks.

    A mark is a comment such as ``<!-- keys: masking -->``.

    Args:
        template: the template's text.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        self._chapters = dict(self._find_chapters())

    def text(self) -> str:
        """Return the whole page.

        Raises:
            ValueError: a section of the language has no place in the template.
        """
        missing = [section for section, keys in sections().items() if keys and section not in self._chapters]
        if missing:
            places = ", ".join(f"<!-- keys: {section} -->" for section in missing)
            raise ValueError(f"{TEMPLATE.name} needs a chapter with the table of each section: add {places}")
        page = _WRONG.sub(lambda found: f"Refused, {found[1]} ({CODES[found[1]].title}):\n\n{found[0]}", self._template)
        return _PLACE.sub(lambda found: self._fill(found[1], found[2]), page)

    def _find_chapters(self) -> Iterator[tuple[str, str]]:
        heading = ""
        for line in self._template.splitlines():
            heading = line.lstrip("# ") if line.startswith("#") and not line.startswith("# yaml") else heading
            found = _PLACE.fullmatch(line)
            if found is not None and found[1] in ("keys", "names"):
                yield found[2], re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")

    def _fill(self, what: str, section: str) -> str:
        if what == "keys":
            return self._table(section)
        if what == "names":
            return ", ".join(f"`{name}`" for name in sections()[section]) + "."
        return "\n".join(_LISTS[what]())

    def _table(self, section: str) -> str:
        rows = [_row("key", "takes", "default", "what it does"), "|---|---|---|---|"]
        for key in sections()[section].values():
            must = " Required." if key.required else " In preset files only." if key.presets_only else ""
            rows.append(_row(f"`{key.name}`", self._takes(key), key.default or "", key.doc + must))
        return "\n".join(rows)

    def _takes(self, key: Key) -> str:
        form = FORMS.get(key.kind)
        takes = _SECTION_KINDS[key.kind] if form is None else form.takes
        if key.choices:
            takes += " " + ", ".join(f"`{choice}`" for choice in key.choices)
        opened = key.section or {"rules": "rule"}.get(key.kind, key.kind)
        chapter = self._chapters.get(opened) if form is None else form.chapter
        return f"[{takes}](#{chapter})" if chapter else takes


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _filters() -> Iterator[str]:
    yield from (_row("filter", "gives"), "|---|---|")
    for name, made in FILTERS.items():
        yield _row(f"`{name}{_argument(made)}`", made.doc)


def _argument(made: Filter) -> str:
    if made.argument is None:
        return ""
    return '("text")' if made.argument is str else "(3)" if made.default is None else "(2)"


def _units() -> Iterator[str]:
    yield from (_row("quantity", "units"), "|---|---|")
    for what, units in (("size", BYTES), ("duration", NANOSECONDS)):
        yield _row(what, ", ".join(f"`{unit}`" for unit in units))
    yield _row("share", "`%`")
    yield _row("rate", "a number, `/` and a unit of duration")


def _presets() -> Iterator[str]:
    yield from (_row("preset", "what it traces"), "|---|---|")
    for name, summary in summarise(shipped_names()).items():
        yield _row(f"`{name}`", summary)


def _codes() -> Iterator[str]:
    yield from (_row("code", "what it says"), "|---|---|")
    for code, entry in CODES.items():
        yield _row(f"{code} {entry.title}", entry.explanation)


def _later() -> Iterator[str]:
    yield from (_row("key", "stands in"), "|---|---|")
    for later in LATER:
        yield _row(f"`{later.name}`", "the top level" if later.section == "registry" else f"`{later.section}`")


_LISTS = {"filters": _filters, "units": _units, "presets": _presets, "codes": _codes, "later": _later}


def _as_json(schema: Any) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, content in generate().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
