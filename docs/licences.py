"""The licences of what is installed with the package, as its dependencies' own metadata tells them."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).parent / "licences.md"
EXTRAS: Final = ("ui", "demo", "encryption", "keyring", "presidio")
_HEAD: Final = """\
<!-- Made by `make licences` from the metadata of what is installed. -->
# Licences of dependencies

The package itself is under the [Apache License 2.0](../LICENSE). Nothing of the distributions below is copied into it;
the files of others that are shipped with the page stand in
[`viewer/vendor`](../tracing_proxies/viewer/vendor/README.md) with their licences. What a distribution calls its licence
is quoted from its own metadata, as of the versions that were installed when this page was made.
"""
_SPDX: Final = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
_OPTIONAL: Final = re.compile(r"\bextra\s*==")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def required() -> dict[str, list[str]]:
    """Return the distributions that are asked for: those of every installation under "", the others by extra."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    asked = {"": settings["options"]["install_requires"]}
    asked |= {extra: settings["options.extras_require"][extra] for extra in EXTRAS}
    return {extra: sorted(_names(lines.split("\n"))) for extra, lines in asked.items()}


def licence_of(distribution: str) -> str | None:
    """Return what an installed distribution says of its licence, "unknown" if nothing, None if it is not installed."""
    try:
        told = metadata.metadata(distribution)
    except metadata.PackageNotFoundError:
        return None
    # Not `told[...]`: once `importlib_metadata` is imported, that raises a KeyError where there is none.
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    named = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    if named:
        return " AND ".join(sorted(_SPDX.get(name, name) for name in named))
    text = str(told.get("License") or "").strip()
    return _SPDX.get(text, text) if text and len(text) < 60 and "\n" not in text else "unknown"


def brought_along() -> list[str]:
    """Return the distributions that every installation brings along without being asked for, as they are installed."""
    asked = required()[""]
    found: set[str] = set()
    waiting = list(asked)
    while waiting:
        try:
            lines = metadata.requires(waiting.pop()) or []
        except metadata.PackageNotFoundError:
            continue
        for name in _names(line for line in lines if not _OPTIONAL.search(line)):
            if name not in found and name not in asked and licence_of(name) is not None:
                found.add(name)
                waiting.append(name)
    return sorted(found)


def page() -> str:
    """Return the page.

    Raises:
        LookupError: what the page is to name is not installed.
    """
    return _HEAD + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    for extra, names in required().items():
        yield ""
        yield f"## With `[{extra}]`" if extra else "## With every installation"
        yield from _table(names)
        if not extra:
            yield ""
            yield "These bring along:"
            yield from _table(brought_along())


def _table(names: list[str]) -> Iterator[str]:
    yield from ("", "| distribution | licence |", "|---|---|")
    for name in names:
        licence = licence_of(name)
        if licence is None:
            raise LookupError(f"{name} is not installed: pip install -e '.[{','.join(EXTRAS)}]'")
        yield f"| {name} | {licence} |"


def _names(lines: Iterator[str] | list[str]) -> Iterator[str]:
    for line in lines:
        found = _NAME.match(line.strip())
        if found is not None:
            yield re.sub(r"[-_.]+", "-", found[0]).lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
