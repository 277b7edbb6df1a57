"""From a file or a text to a registry, with every mistake of all its files reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tracing_proxies.errors import Place, RegistryError
from tracing_proxies.registry.assembly import assemble
from tracing_proxies.registry.files import DEEPEST_INCLUDE, MOST_FILES, expand, read_file
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.merging import FileDraft, merge
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.overrides import Overrides
from tracing_proxies.registry.reader import Reader
from tracing_proxies.registry.source import compose
from tracing_proxies.registry.sources import Sources
from tracing_proxies.registry.substitution import substitute


def load_registry(
    path: Path | str,
    *,
    environ: Mapping[str, str] = os.environ,
    presets: Path | None = None,
    sources: Sources | None = None,
) -> Registry:
    """Load a registry with all that it includes and uses.

    Args:
        path: the file.
        environ: what ``${NAME}``, overrides and ``when:`` ask.
        presets: the folder of presets, in place of the package `tracing_proxies.adapters`.
        sources: where it is noted what was read, also if the registry has mistakes.

    Raises:
        RegistryError: with every problem of every file.
    """
    path = Path(os.path.abspath(path))
    file = _shortest(path)
    findings = Findings()
    sources = Sources() if sources is None else sources
    text = read_file(path, file, findings, sources)
    if text is None:
        raise RegistryError(findings.in_order())
    return _parse(text, file, path.parent, environ, presets, findings, path, sources)


def parse_registry(
    text: str,
    *,
    file: str = "registry.yaml",
    base: Path,
    environ: Mapping[str, str] = os.environ,
    presets: Path | None = None,
) -> Registry:
    """Load a registry from a text.

    Args:
        text: what the file would hold.
        file: its name in problems.
        base: the folder that relative paths start from.
        environ: as for `load_registry`.
        presets: as for `load_registry`.

    Raises:
        RegistryError: with every problem of every file.
    """
    return _parse(text, file, Path(os.path.abspath(base)), environ, presets, Findings(), None, Sources())


def _parse(
    text: str,
    file: str,
    base: Path,
    environ: Mapping[str, str],
    presets: Path | None,
    findings: Findings,
    path: Path | None,
    sources: Sources,
) -> Registry:
    files = _Files(environ, findings, sources)
    draft = files.read(text, file, base, path)
    files.report_overrides()
    registry = assemble(draft, path, tuple(files.read_so_far), base, environ, presets, findings, sources)
    if len(findings):
        raise RegistryError(findings.in_order(), partial=registry)
    return registry


def _shortest(path: Path) -> str:
    """Name a file in problems: from the working directory on, if it is below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


class _Files:
    """Reads a registry's own file and those that it includes."""

    def __init__(self, environ: Mapping[str, str], findings: Findings, sources: Sources) -> None:
        self._environ = environ
        self._findings = findings
        self._overrides = Overrides(environ)
        self._sources = sources
        self._known: set[str] = set()
        self.read_so_far: list[Path] = []

    def read(
        self,
        text: str,
        file: str,
        base: Path,
        path: Path | None,
        above: tuple[str, ...] = (),
        *,
        is_included: bool = False,
    ) -> FileDraft:
        """Read one file and, below it, what it includes.

        Args:
            path: where it is, None for a text without a file.
            above: the real paths of the files that include it, the outermost first.
            is_included: whether it is not the registry's own file; variables override only roles in such.
        """
        if path is not None:
            self.read_so_far.append(path)
            above = (*above, os.path.realpath(path))
            self._known.add(above[-1])
        root = compose(text, file, self._findings)
        if root is None:
            return FileDraft({}, ())
        root = self._overrides.put(root, self._findings, is_included=is_included)
        reader = Reader(self._findings, base, self._environ)
        values = reader.attempt(
            substitute(root, self._environ, self._findings), lambda node: reader.section(node, "registry")
        )
        own = FileDraft(values or {}, tuple(reader.reads))
        included = [
            draft
            for pattern, place in own.values.get("include", ())
            for draft in self._include(pattern, place, file, base, above)
        ]
        return merge([*included, own])

    def report_overrides(self) -> None:
        """Note the variables that were meant for what no file has."""
        self._overrides.report(self._findings)

    def _include(self, pattern: str, place: Place, file: str, base: Path, above: tuple[str, ...]) -> list[FileDraft]:
        drafts: list[FileDraft] = []
        if len(above) >= DEEPEST_INCLUDE:
            self._findings.add("TP108", f"files include each other at most {DEEPEST_INCLUDE} deep", place)
            return drafts
        found = expand(pattern, base, place, self._findings)
        self._sources.note_pattern(pattern, base, found)
        for path in found:
            real = os.path.realpath(path)
            if real in above:
                self._findings.add("TP108", f"{path.name!r} includes itself", place)
            elif len(self._known) >= MOST_FILES:
                self._findings.add("TP108", f"a registry has at most {MOST_FILES} files", place)
                break
            elif real not in self._known:
                self._known.add(real)
                name = (
                    str(path)
                    if os.path.isabs(pattern)
                    else os.path.join(os.path.dirname(file), os.path.relpath(path, base))
                )
                text = read_file(path, name, self._findings, self._sources)
                if text is not None:
                    drafts.append(self.read(text, name, path.parent, path, above, is_included=True))
        return drafts
