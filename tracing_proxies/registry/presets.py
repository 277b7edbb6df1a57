"""Where presets come from: the adapters that are shipped, and those of other distributions."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from tracing_proxies.failures import contain
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.nodes import MapNode, ScalarNode
from tracing_proxies.registry.source import compose

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PACKAGE: Final = "tracing_proxies.adapters"
GROUP: Final = "tracing_proxies.adapters"


@attrs.frozen(eq=False, repr=False)
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
    return sorted({*shipped_names(folder), *(entry.name for entry in metadata.entry_points(group=GROUP))})


def shipped_names(folder: Path | None = None) -> list[str]:
    """List the presets that come with this package."""
    shipped = _shipped(folder)
    files = [] if shipped is None else [file.name for file in shipped.iterdir()]
    return sorted(name[: -len(".yaml")] for name in files if name.endswith(".yaml"))


def summarise(names: Iterable[str]) -> dict[str, str]:
    """Say of each preset in one sentence what it traces; those that cannot be read are left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            preset = find_preset(name)
        except Exception as exc:  # the package of a third party may raise anything when it is imported
            contain("preset", exc)
            continue
        root = None if preset is None else compose(preset.text, preset.file, Findings())
        about = root.get("preset") if isinstance(root, MapNode) else None
        summary = about.get("summary") if isinstance(about, MapNode) else None
        found[name] = summary.text if isinstance(summary, ScalarNode) else ""
    return found


def _shipped(folder: Path | None) -> Traversable | None:
    if folder is not None:
        return folder
    try:
        return resources.files(PACKAGE)
    except ModuleNotFoundError:
        return None
