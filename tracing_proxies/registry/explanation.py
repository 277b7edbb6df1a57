"""Why a target is traced as it is: the rules that match it, and where each of its settings comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from tracing_proxies.registry.keys import Key, sections
from tracing_proxies.registry.model import Registry, Rule
from tracing_proxies.registry.origins import Origin
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import Layer, chain_of, layers_of
from tracing_proxies.registry.written import write_value

_FIELDS: Final = {"if": "condition"}
_ADDED: Final = ("metadata", "outcome", "scores", "usage")
"""Settings whose entries are settled one by one, so that a weaker layer can add to a stronger one's."""
_REPLACED: Final = ("input", "output")
"""Settings that stand for one side of the capture."""


@attrs.frozen
class Setting:
    """One setting of a target.

    Args:
        key: such as ``capture.max_bytes`` or ``metadata.source``.
        value: as a registry would write it; None where there is none.
        source: what gave it: rule, role, use, preset, defaults, or language where nobody says anything.
        name: of the role or preset.
        origins: where it is written.
    """

    key: str
    value: Any
    source: str
    name: str | None = None
    origins: tuple[Origin, ...] = ()


@attrs.frozen
class Explanation:
    """What a registry says of a target; without rules in the chain it is not traced."""

    target: Target
    chain: tuple[Rule, ...]
    settings: tuple[Setting, ...]


def explain_target(registry: Registry, target: Target) -> Explanation:
    """Say which rules match a target, the last one first, and what follows for each setting."""
    chain = chain_of(registry, target)
    if not chain:
        return Explanation(target, chain, ())
    layers = list(layers_of(registry, chain))
    withheld = {part for layer in layers for part in layer.settings.masking.withhold}
    withheld |= {*registry.masking.withhold, *registry.masking.here.withhold}
    settled = [_withheld(setting) if _part(setting) in withheld else setting for setting in _settle(layers)]
    settled = [setting for setting in settled if "metadata" not in withheld or "." not in _entry_of(setting)]
    return Explanation(target, chain, tuple(settled))


def _part(setting: Setting) -> str:
    return setting.key.removeprefix("capture.")


def _entry_of(setting: Setting) -> str:
    return setting.key if setting.key.startswith(("metadata.", "outcome.", "scores.")) else ""


def _withheld(setting: Setting) -> Setting:
    """Return what becomes of a setting where masking withholds the part of the span that it is about."""
    if setting.key.startswith("capture."):
        return Setting(setting.key, False, "masking")
    return Setting(setting.key, None, "masking")


def _settle(layers: Sequence[Layer]) -> Iterator[Setting]:
    for key in sections()["rule"].values():
        field = _FIELDS.get(key.name, key.name)
        if key.name == "capture":
            yield from _capture(layers)
        elif key.name in _ADDED:
            yield from _added(layers, key)
        elif key.name in _REPLACED:
            yield _replaced(layers, key)
        elif key.name == "masking":
            yield from _hidden(layers)
        elif key.name == "budget":
            for inner in sections()["budget"].values():
                yield _strongest(layers, attrs.evolve(inner, name=f"budget.{inner.name}"), inner.name)
        elif hasattr(layers[0].settings, field):
            yield _strongest(layers, key, field)


def _strongest(layers: Sequence[Layer], key: Key, field: str) -> Setting:
    for layer in layers:
        value = getattr(layer.settings, field)
        if value is not None:
            return _given(layer, key.name, write_value(value, key.kind))
    return Setting(key.name, key.default, "language")


def _capture(layers: Sequence[Layer]) -> Iterator[Setting]:
    for key in sections()["capture"].values():
        name = f"capture.{key.name}"
        if key.name in _REPLACED:
            yield _side(layers, key.name)
            continue
        given = ((layer, getattr(layer.settings.capture, key.name)) for layer in layers)
        found = next(((layer, value) for layer, value in given if value is not None), None)
        if found is None:
            yield Setting(name, key.default, "language")
        else:
            yield _given(found[0], name, write_value(found[1], key.kind))


def _side(layers: Sequence[Layer], side: str) -> Setting:
    """Say whether one side is recorded: the strongest layer that says anything decides; its own value means yes."""
    for layer in layers:
        flag = getattr(layer.settings.capture, side)
        if getattr(layer.settings, side) is not None:
            return _given(layer, side, True, f"capture.{side}")
        if flag is not None:
            return _given(layer, f"capture.{side}", flag)
    return Setting(f"capture.{side}", True, "language")


def _replaced(layers: Sequence[Layer], key: Key) -> Setting:
    """Say what stands for one side; a stronger layer that records nothing silences a weaker one's value."""
    asked_for = False
    for layer in layers:
        value, flag = getattr(layer.settings, key.name), getattr(layer.settings.capture, key.name)
        if value is not None:
            return _given(layer, key.name, write_value(value))
        if flag is False and not asked_for:
            break
        asked_for = asked_for or flag is True
    return Setting(key.name, None, "language")


def _added(layers: Sequence[Layer], key: Key) -> Iterator[Setting]:
    seen: set[str] = set()
    for layer in layers:
        for name, value in getattr(layer.settings, key.name).items():
            if name not in seen:
                seen.add(name)
                yield _given(layer, f"{key.name}.{name}", write_value(value))


def _hidden(layers: Sequence[Layer]) -> Iterator[Setting]:
    for layer in layers:
        for key in sections()["rule.masking"]:
            value = layer.settings.masking.stated(key)
            if value is not None:
                yield _given(layer, f"masking.{key}", value if type(value) is str else list(value))


def _given(layer: Layer, key: str, value: Any, shown_as: str | None = None) -> Setting:
    origins = layer.settings.origins.get(key, ())
    if not origins and layer.place is not None:
        origins = (Origin(layer.place),)
    return Setting(shown_as or key, value, layer.kind, layer.name, origins)
