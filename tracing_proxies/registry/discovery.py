"""Finds the registry's file: the argument, the environment, then the working directory and above it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tracing_proxies.errors import Place, Problem, RegistryError

VARIABLE: Final = "TRACING_PROXIES_REGISTRY"
NAME: Final = "registry.yaml"


def find_registry(argument: str | Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Find the registry's file.

    Args:
        argument: the file that was named, None if none was.
        cwd: where the search upwards starts.

    Returns:
        The absolute path; a file that was named need not exist, reading it will say so.

    Raises:
        RegistryError: no file was named and none was found.
    """
    named = argument or environ.get(VARIABLE)
    if named:
        return (cwd / Path(named).expanduser()).absolute()
    for folder in (cwd, *cwd.parents):
        if (folder / NAME).is_file():
            return (folder / NAME).absolute()
    message = f"no {NAME} in {cwd} or above it. Name one with --registry FILE or {VARIABLE}."
    raise RegistryError([Problem("TP114", message, Place(NAME))])
