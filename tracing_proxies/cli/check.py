"""`tracing-proxies check`: say everything that is wrong with a registry, and what its rules match."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import click

from tracing_proxies.diagnosis.application import import_modules
from tracing_proxies.diagnosis.sensitive import sensitive_parameters, sensitive_paths
from tracing_proxies.errors import Problem, RegistryError
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.weaving.weaver import Weaver


@click.command()
@click.argument("registry", required=False, type=click.Path(path_type=Path))
@click.option("--import", "importing", is_flag=True, help="Import the modules that the rules name, and match them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(registry: Path | None, importing: bool, as_json: bool) -> None:
    """Check a registry: every mistake with file, line and column. The exit status is 1 if there is one.

    What is recorded under a name that sounds personal or secret, and is not named in masking, is warned of. Without
    --import nothing of the application is imported, so rules are not matched, and only the registry's own paths are
    looked at for that.
    """
    problems: list[Problem] = []
    parsed: Registry | None
    path = find_registry(registry, os.environ, Path.cwd())
    try:
        parsed = load_registry(path)
    except RegistryError as error:
        problems += error.problems
        parsed = error.partial
    seen = Matches()
    if importing and parsed is not None:
        sys.path[:0] = [str(path.parent), os.getcwd()]
        seen = match_rules(parsed)
        problems += seen.unmatched
    warnings = [*(sensitive_paths(parsed) if parsed is not None else ()), *seen.warnings]
    for found in (problems, warnings):
        found.sort(key=lambda problem: (problem.place.file, problem.place.line, problem.place.column))
    if as_json:
        click.echo(json.dumps(_document(path, parsed, problems, warnings, seen), indent=2))
    else:
        for warning in dict.fromkeys(map(str, warnings)):
            click.echo(warning, err=True)
        _tell(path, parsed, problems, seen, importing)
    raise SystemExit(1 if problems else 0)


@attrs.frozen
class Matches:
    """What the rules match.

    Args:
        targets: the targets of each rule, by the rule's place.
        unmatched: the pointcuts without any, and the parameters that no target has.
        not_imported: modules that failed to import, with what was raised.
        refused: what a rule matches and cannot be traced, with the reason.
        warnings: parameters that are recorded and sound personal or secret.
    """

    targets: Mapping[str, list[str]] = MappingProxyType({})
    unmatched: tuple[Problem, ...] = ()
    not_imported: Mapping[str, str] = MappingProxyType({})
    refused: Mapping[str, str] = MappingProxyType({})
    warnings: tuple[Problem, ...] = ()


def match_rules(registry: Registry) -> Matches:
    """Import what the rules name, and weave it for a moment."""
    failed = import_modules(registry)
    weaver = Weaver(Recorder(lambda span: None))
    install_adapters(registry, weaver)
    weaver.weave(registry)
    try:
        targets = weaver.targets()
        matches = {
            str(rule.place): sorted(str(target) for target in targets if rule.selects(target))
            for rule in registry.rules
            if rule.preset is None
        }
        unmatched = weaver.unmatched(pending=True)
        refused = {str(target): reason for target, reason in weaver.refused.items()}
        placed = [(target, point.function) for target, point in weaver.points.placed()]
        warnings = tuple(sensitive_parameters(registry, placed))
        return Matches(matches, tuple(unmatched), failed, refused, warnings)
    finally:
        weaver.undo()


def _document(
    path: Path,
    registry: Registry | None,
    problems: list[Problem],
    warnings: list[Problem],
    seen: Matches,
) -> dict[str, Any]:
    return {
        "registry": str(path),
        "rules": 0 if registry is None else sum(rule.preset is None for rule in registry.rules),
        "problems": list(map(_described, problems)),
        "warnings": list(map(_described, warnings)),
        "matches": dict(seen.targets),
        "refused": dict(seen.refused),
        "not_imported": dict(seen.not_imported),
    }


def _described(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "message": problem.message,
        "file": problem.place.file,
        "line": problem.place.line,
        "column": problem.place.column,
        "suggestion": problem.suggestion,
    }


def _tell(
    path: Path,
    registry: Registry | None,
    problems: list[Problem],
    seen: Matches,
    importing: bool,
) -> None:
    for place, targets in seen.targets.items():
        click.echo(f"{place}  {len(targets)} target{'' if len(targets) == 1 else 's'}")
        for target in targets:
            click.echo(f"    {target}")
    if registry is not None:
        for name, reason in registry.skipped_presets:
            click.echo(f"preset {name} is left out: {reason}")
    for name, reason in seen.refused.items():
        click.echo(f"{name} is not traced: {reason}", err=True)
    for name, reason in seen.not_imported.items():
        click.echo(f"cannot import {name}: {reason}", err=True)
    for problem in problems:
        click.echo(str(problem), err=True)
    if problems:
        click.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in {path}", err=True)
        return
    rules = 0 if registry is None else sum(rule.preset is None for rule in registry.rules)
    click.echo(f"{path} is right: {rules} rules" + ("" if importing else "; `check --import` also matches them"))
