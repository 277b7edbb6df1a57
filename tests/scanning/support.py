"""Source trees written and scanned."""

from __future__ import annotations

from pathlib import Path

from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.scanning.survey import Survey, survey
from tracing_proxies.scanning.writing import write_registry


def plant(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder, and return it."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def scan(folder: Path, files: dict[str, str | bytes] | str) -> Survey:
    """Scan a tree of files, or one text as `app.py`."""
    return survey([plant(folder, {"app.py": files} if isinstance(files, str) else files)])


def load(found: Survey) -> Registry:
    """Write and load the registry that a scan proposes."""
    return parse_registry(write_registry(found), base=Path.cwd(), environ={})


def targets(found: Survey, kind: str) -> list[str]:
    """List what a scan found of one kind."""
    return sorted(candidate.function.target for candidate in found.candidates if candidate.kind == kind)


def patterns(found: Survey) -> list[str]:
    """List the patterns that a scan proposes, those of frameworks included."""
    return [match.pattern for rule in found.proposal.rules for match in rule.matches]
