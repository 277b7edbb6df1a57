"""The page's script, style and shell, as they are shipped with the package."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from importlib.resources import files
from typing import Final

_SCRIPTS: Final = (
    "vendor/dagre.min.js",
    "static/dom.js",
    "static/format.js",
    "static/source.js",
    "static/graph.js",
    "static/traces.js",
    "static/timeline.js",
    "static/details.js",
    "static/trace.js",
    "static/flow.js",
    "static/agents.js",
    "static/tracing.js",
    "static/app.js",
)
_ALWAYS: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; require-trusted-types-for 'script'"
)
POLICY: Final = f"{_ALWAYS}; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'"
"""The content security policy of the live page."""


@cache
def script() -> str:
    """Return the whole script, the graph layout's and our own."""
    return "\n".join(_read(name) for name in _SCRIPTS)


@cache
def style() -> str:
    """Return the whole style sheet."""
    return _read("static/page.css")


def page(title: str) -> str:
    """Return the shell of the live page, which loads script and style from beside it."""
    head = '<link rel="stylesheet" href="page.css">\n<script src="page.js" defer></script>'
    return _shell(title, head, "")


def report(title: str, data: str) -> str:
    """Return a page that holds everything that it shows, and may load nothing.

    Args:
        data: base64 of the gzipped JSON of what it shows.
    """
    policy = f"{_ALWAYS}; script-src {_hashed(script())}; style-src {_hashed(style())}"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style()}</style>'
    body = f'<script type="text/plain" id="data">{data}</script>\n<script>{script()}</script>'
    return _shell(title, head, body)


def _shell(title: str, head: str, body: str) -> str:
    return (
        _read("static/page.html").replace("{title}", html.escape(title)).replace("{head}", head).replace("{body}", body)
    )


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _read(name: str) -> str:
    return files("tracing_proxies.viewer").joinpath(name).read_text("utf-8")
