"""Every page of the documentation is a page of the site, and is read there as in the checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.site import adapt, slug
from tests.docs_pages.blocks import ROOT
from tests.test_docs import anchors_of

DOCS = ROOT / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if page.suffixes != [".template", ".md"]]


def files_of(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for below in entry.values() if isinstance(entry, dict) else entry:
            yield from files_of(below)


def test_every_page_is_in_the_navigation_and_in_the_index() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    there = sorted(str(page.relative_to(DOCS)) for page in PAGES)
    assert sorted(files_of(site["nav"])) == there
    index = set(re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    assert sorted(index | {"README.md"}) == there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_no_mark_and_no_link_out_of_the_site_is_left(page: Path) -> None:
    text = adapt(page.read_text("utf-8"), str(page.relative_to(DOCS)))
    assert all(re.fullmatch(r"```\w*", line) for line in text.splitlines() if line.startswith("```"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link and not link.startswith("#"):
            assert (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), link


def test_headings_have_the_same_anchors_in_the_site_and_in_the_checkout() -> None:
    page = DOCS / "registry.md"
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M), re.M)
    assert {slug(heading) for heading in headings} == anchors_of(page)
    assert adapt("```yaml shop.yaml\na: 1\n```\n[x](../y.md) [z](z.md)\n", "page.md") == (
        "`shop.yaml`\n\n```yaml\na: 1\n```\nx [z](z.md)\n"
    )
