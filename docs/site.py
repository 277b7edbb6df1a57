"""Adapts the pages to the site: names of files above their blocks, headings as in the checkout, no links out of it."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_FENCE = re.compile(r"^```(\w+)[ ]+([^\n]*)$", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Have headings get the anchors that they have in the checkout."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = lambda heading, separator: slug(heading)
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return a page's text as the site's generator reads it."""
    return adapt(markdown, page.file.src_uri)


def adapt(text: str, page: str) -> str:
    """Take marks from the fences, and links to files that are no part of the site from the text.

    Args:
        page: the page's path below `docs`.
    """
    text = _FENCE.sub(lambda found: _caption(found[2]) + f"```{found[1]}", text)
    return _LINK.sub(lambda found: _link(found, posixpath.dirname(page)), text)


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _caption(mark: str) -> str:
    return f"`{mark}`\n\n" if re.fullmatch(r"[\w/-]+\.\w+", mark) else ""


def _link(found: re.Match[str], folder: str) -> str:
    target = posixpath.normpath(posixpath.join(folder, found[3].partition("#")[0]))
    return found[2] if "://" not in found[3] and target.startswith("..") else found[0]
