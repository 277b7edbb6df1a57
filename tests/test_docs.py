"""Every registry that the documentation shows is one, or has its mistake; every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from jsonschema import Draft202012Validator

from tests.registry.test_schema import PRESET, REGISTRY, SEEN
from tests.registry.writing import as_json
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.pointcut import Pointcut

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "examples" / "retail" / "README.md",
]
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def examples(mark: str) -> list[ParameterSet]:
    """List the YAML blocks of all pages that carry a mark, without those of templates."""
    made = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for found in _FENCE.finditer(text):
            language, _, marked = found[1].partition(" ")
            if language == "yaml" and marked.partition(" ")[0] == mark and page.suffixes != [".template", ".md"]:
                line = text[: found.start()].count("\n") + 1
                made.append(pytest.param(found[2], marked.rpartition(" ")[2], id=f"{page.relative_to(ROOT)}:{line}"))
    return made


@pytest.mark.parametrize(("text", "code"), examples(""))
def test_a_registry_that_is_shown_loads_and_fits_the_schema(text: str, code: str, tmp_path: Path) -> None:
    if "\npreset:" in text:
        text = text.replace("acme-agents", "attrs")  # a distribution that is here, so that nothing is left out
        (tmp_path / "acme.yaml").write_text(text, encoding="utf-8")
        loaded = parse_registry("version: 1\nuse: acme", base=tmp_path, environ={}, presets=tmp_path)
        assert [preset.name for preset in loaded.presets] == ["acme"]
        assert list(PRESET.iter_errors(as_json(text))) == []
        return
    parse_registry(text, base=tmp_path, environ={})
    assert list(REGISTRY.iter_errors(as_json(text))) == []


def test_the_patterns_that_are_explained_are_patterns() -> None:
    chapter = (ROOT / "docs" / "registry.md").read_text("utf-8").partition("\n## Pointcuts\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([^`]+)` \|", chapter, re.MULTILINE)
    assert len(explained) == 9
    assert [Pointcut.parse(text).text for text in explained] == explained


@pytest.mark.parametrize(("text", "code"), examples("wrong"))
def test_a_mistake_that_is_shown_is_that_mistake(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_registry(text, base=tmp_path, environ={})
    assert {problem.code for problem in caught.value.problems} == {code}
    assert code not in SEEN or not Draft202012Validator(REGISTRY.schema).is_valid(as_json(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        file, _, anchor = link.partition("#")
        if "://" not in link:
            target = page.parent / file if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors_of(target), link


def anchors_of(page: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
