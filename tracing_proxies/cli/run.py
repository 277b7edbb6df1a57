"""`tracing-proxies run`: start a program with tracing on, without a line in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tracing_proxies.registry.discovery import VARIABLE, find_registry
from tracing_proxies.registry.loader import load_registry

_BOOTSTRAP = Path(__file__).parent.parent / "_bootstrap"


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(registry: Path | None, command: tuple[str, ...]) -> None:
    """Run COMMAND traced, as in: tracing-proxies run -- python app.py

    Processes that it starts itself are traced as well. The registry is checked first; with a mistake in it nothing is
    started.
    """
    path = find_registry(registry, os.environ, Path.cwd())
    load_registry(path)
    environment = dict(os.environ)
    environment[VARIABLE] = str(path)
    before = environment.get("PYTHONPATH")
    folders = [str(_BOOTSTRAP), str(path.parent), os.getcwd(), *([before] if before else [])]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(folders))
    sys.stdout.flush()
    try:
        os.execvpe(command[0], list(command), environment)
    except OSError as error:
        raise click.ClickException(f"cannot start {command[0]!r}: {error.strerror}") from None
