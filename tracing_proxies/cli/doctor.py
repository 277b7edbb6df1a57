"""`tracing-proxies doctor`: look at a registry, the application and the destination, and say what to do."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from tracing_proxies import failures
from tracing_proxies.cli.servers import find_host
from tracing_proxies.diagnosis.application import import_modules, import_presets, is_installed
from tracing_proxies.diagnosis.callables import look_at_callables
from tracing_proxies.diagnosis.destination import look_at_destinations
from tracing_proxies.diagnosis.exact_types import look_for_exact_types
from tracing_proxies.diagnosis.finding import FINE, NOTE, WRONG, Finding
from tracing_proxies.diagnosis.langfuse import look_at_langfuse
from tracing_proxies.diagnosis.sdk import look_at_sdk
from tracing_proxies.diagnosis.surroundings import look_around
from tracing_proxies.errors import RegistryError
from tracing_proxies.plugins import install_adapters
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.viewer.tree import plain
from tracing_proxies.weaving.weaver import Weaver

_SIGNS = {WRONG: "✗", NOTE: "!", FINE: "✓"}


@click.command()
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--langfuse", is_flag=True, help="Look at the Langfuse server only, and closely; needs no registry.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(registry: Path | None, langfuse: bool, as_json: bool) -> None:
    """Import what the registry names, weave it for a moment, and say what was seen and what to do.

    With --langfuse: whether the server is reached, takes the keys and spans, has our time, which version it is, how it
    writes, and what it has.

    The exit status is 1 if something is wrong.
    """
    about: object
    if langfuse:
        host = find_host(registry)
        findings, about = list(look_at_langfuse(host, os.environ)), "the Langfuse server"
    else:
        path = about = find_registry(registry, os.environ, Path.cwd())
        sys.path[:0] = [str(path.parent), os.getcwd()]
        findings = list(examine(path))
    wrong = sum(finding.level == WRONG for finding in findings)
    if as_json:
        found = [attrs.asdict(finding) for finding in findings]
        named = {} if langfuse else {"registry": str(about)}
        click.echo(json.dumps({**named, "findings": found}, indent=2))
    else:
        for finding in findings:
            click.echo(plain(f"{_SIGNS[finding.level]} {finding.about}: {finding.seen}"))
            if finding.todo:
                click.echo(f"    {finding.todo}")
        click.echo(f"{wrong} wrong, {sum(finding.level == NOTE for finding in findings)} to know, in {about}")
    raise SystemExit(1 if wrong else 0)


def examine(path: Path) -> Iterator[Finding]:
    """Yield everything there is to say of a registry, most important first."""
    try:
        registry = load_registry(path)
    except RegistryError as error:
        for problem in error.problems:
            yield Finding(WRONG, "registry", str(problem), "tracing-proxies check says more of it.")
        return
    rules = sum(rule.preset is None for rule in registry.rules)
    yield Finding(FINE, "registry", f"{path} is right: {rules} rules, {len(registry.presets)} presets.")
    if os.environ.get("TRACING_PROXIES", "").lower() in ("off", "0", "false"):
        yield Finding(NOTE, "switch", "TRACING_PROXIES switches tracing off here.", "Unset it to trace.")
    yield from _look_at_code(registry)
    yield from look_at_destinations(registry, os.environ)


def _look_at_code(registry: Registry) -> Iterator[Finding]:
    for name, reason in registry.skipped_presets:
        seen = f"The preset {name} is left out: {reason}."
        yield Finding(WRONG, "preset", seen, f"Install it here, or take {name} out of use:.")
    for name, reason in {**import_modules(registry), **import_presets(registry)}.items():
        todo = "Install it, or correct the name." if not is_installed(name) else "See whether it imports on its own."
        yield Finding(WRONG, "import", f"{name} cannot be imported: {reason}", todo)
    before = Counter(failures.counts())
    weaver = Weaver(Recorder(lambda span: None))
    try:
        install_adapters(registry, weaver)
        weaver.weave(registry)
        for reason, count in (Counter(failures.counts()) - before).items():
            seen = f"The tracing layer itself failed in {reason} ({count} times); the application is not affected."
            yield Finding(WRONG, "failure", seen, "Set TRACING_PROXIES_STRICT=1 to see the error, and report it.")
        for problem in weaver.unmatched(pending=True):
            yield Finding(WRONG, "rule", str(problem), "Correct the rule, or take it out.")
        yield from _hooks(registry, weaver)
        targets = weaver.targets()
        yield Finding(FINE, "targets", f"{len(targets)} callables are traced.")
        yield from look_at_callables(weaver)
        yield from look_at_sdk(registry)
        yield from look_for_exact_types(targets)
        yield from look_around(registry, {target.module.partition(".")[0] for target in targets})
    finally:
        weaver.undo()


def _hooks(registry: Registry, weaver: Weaver) -> Iterator[Finding]:
    """Yield the presets' patterns that found nothing in a library that is installed."""
    targets = weaver.targets()
    for rule in registry.rules:
        for pointcut in rule.match if rule.preset is not None else ():
            if pointcut.module not in sys.modules or any(pointcut.matches(target) for target in targets):
                continue
            if pointcut.subclasses:  # the application's subclasses may be yet to come
                continue
            seen = f"The preset {rule.preset} found no {pointcut.text} in the version that is installed."
            yield Finding(WRONG, "preset", seen, "Install a version that the preset knows, or report the new one.")
