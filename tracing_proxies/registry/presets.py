"""Where presets come from: the adapters that are shipped, and those of other distributions."""

from __future__ import annotations

from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "tracing_proxies.adapters"
GROUP: Final = "tracing_proxies.adapters"


@attrs.frozen
class PresetFile:
    """One preset's text.

    Args:
        file: what problems call it.
        module: the module that does what YAML cannot say, if the file asks for one.
    """

    name: str
    text: str
    file: str
    module: str


def find_preset(name: str, folder: Path | None = None) -> PresetFile | None:
    """Find a preset by name.

    Args:
        folder: where to look in place of the shipped adapters.

    Returns:
        The preset, None if there is none of that name.
    """
    if not name.isidentifier():
        return None
    shipped = _shipped(folder)
    if shipped is not None and (found := shipped / f"{name}.yaml").is_file():
        return PresetFile(name, found.read_text("utf-8"), f"{name}.yaml", f"{PACKAGE}.{name}")
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            package, _, _ = entry.value.partition(":")
            file = resources.files(package) / f"{name}.yaml"
            return PresetFile(name, file.read_text("utf-8"), f"{package}/{name}.yaml", f"{package}.{name}")
    return None


def preset_names(folder: Path | None = None) -> list[str]:
    """List the presets that can be used."""
    shipped = _shipped(folder)
    names = (
        {file.name[: -len(".yaml")] for file in shipped.iterdir() if file.name.endswith(".yaml")} if shipped else set()
    )
    return sorted(names | {entry.name for entry in metadata.entry_points(group=GROUP)})


def _shipped(folder: Path | None) -> Traversable | None:
    if folder is not None:
        return folder
    try:
        return resources.files(PACKAGE)
    except ModuleNotFoundError:
        return None
