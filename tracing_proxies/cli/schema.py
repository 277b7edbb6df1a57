"""`tracing-proxies schema`: print the JSON schema by which editors complete and check a registry."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tracing_proxies.registry.presets import preset_names, summarise
from tracing_proxies.registry.schema import schema_of_preset, schema_of_registry


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@click.option("--preset", is_flag=True, help="The schema of a preset's file instead of a registry's.")
def schema(output: Path | None, preset: bool) -> None:
    """Print the JSON schema of the registry language, with every preset that is installed here.

    An editor with a YAML language server completes and checks a registry that starts with the line
    `# yaml-language-server: $schema=./registry.schema.json`.
    """
    found = schema_of_preset() if preset else schema_of_registry(summarise(preset_names()))
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
