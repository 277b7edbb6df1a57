"""`tracing-proxies config show`: every value that holds, and where it comes from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import attrs
import click

from tracing_proxies.diagnosis.configuration import Entry, describe_configuration
from tracing_proxies.registry.discovery import VARIABLE, find_registry
from tracing_proxies.registry.loader import load_registry

_WIDEST: Final = 60


@click.group()
def config() -> None:
    """Look at the configuration that holds here."""


@config.command()
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(registry: Path | None, as_json: bool) -> None:
    """Show every value outside of the rules with its origin: default, file and line, variable, or preset.

    Keys to servers are told to be set or not, and never shown. Long values are cut; --json has them whole. What holds
    for one target, `explain TARGET` says.
    """
    path = find_registry(registry, os.environ, Path.cwd())
    parsed = load_registry(path)
    entries = describe_configuration(parsed, os.environ)
    rules = sum(rule.preset is None for rule in parsed.rules)
    if as_json:
        document = {
            "registry": str(path),
            "found_by": _found_by(registry),
            "files": [str(file) for file in parsed.files],
            "rules": rules,
            "values": [attrs.asdict(entry) for entry in entries],
        }
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{path}, named by {_found_by(registry)}; rules: {rules}")
    width = max(len(entry.key) for entry in entries)
    values = [_shortened(_text(entry.value)) for entry in entries]
    wide = min(_WIDEST, max(map(len, values)))
    for entry, value in zip(entries, values, strict=True):
        if entry.key in entry.places:  # a variable: what comes of it is said at its end, and where it is from is clear
            click.echo(f"{entry.key:<{width}}  {_text(entry.value)}")
        else:
            click.echo(f"{entry.key:<{width}}  {value:<{wide}}  {_origin(entry)}")


def _found_by(argument: Path | None) -> str:
    if argument is not None:
        return "--registry"
    return VARIABLE if os.environ.get(VARIABLE) else "the working directory"


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _origin(entry: Entry) -> str:
    return ", ".join(entry.places) if entry.places else entry.source


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
