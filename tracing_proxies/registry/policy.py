"""What holds for one target: the settings of all matching rules, roles and defaults, the strongest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.masking import NOTHING, Tightening, join
from tracing_proxies.registry.model import EMPTY, Limits, Registry, Rule, Settings
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.template import Template
from tracing_proxies.registry.values import Value


@attrs.frozen(eq=False, slots=True, repr=False)
class Policy:
    """Everything that is to be done for a call of one target, compiled.

    Args:
        rule: the rule that matched last.
        chain: all rules that matched, the last one first.
        name: None for the default, the qualified name without its module.
        outcome: values that are recorded as metadata ``outcome.<key>``.
        scores: values that are recorded as metadata ``score.<key>``, and sent as scores.
        condition: the `if:`, judged per call.
        critical: whether the trace outlives every budget, judged per call.
        sample: the share of calls that is recorded.
        rate: how many calls of each target are recorded in how many nanoseconds; None where a share decides.
        min_duration: nanoseconds.
        spans_per_trace: how many spans a trace that starts here may have; None for any number.
        masking: what is hidden besides what the registry's own block hides.
    """

    rule: Rule
    chain: tuple[Rule, ...]
    name: Template | None = None
    observation: str = "span"
    root: bool = False
    capture_input: bool = True
    capture_output: bool = True
    limits: Limits = Limits()
    input: Value | Mapping[str, Value] | None = None
    output: Value | Mapping[str, Value] | None = None
    metadata: Mapping[str, Value] = EMPTY
    tags: tuple[Template, ...] = ()
    session: Value | None = None
    user: Value | None = None
    outcome: Mapping[str, Value] = EMPTY
    scores: Mapping[str, Value] = EMPTY
    error_when: CapturePath | None = None
    error_message: Value | None = None
    level: str | None = None
    status_message: Value | None = None
    condition: CapturePath | None = None
    critical: CapturePath | None = None
    model: Value | None = None
    usage: Mapping[str, Value] = EMPTY
    sample: float = 1.0
    rate: tuple[float, int] | None = None
    min_duration: int = 0
    spans_per_trace: int | None = None
    nested: str = "merge"
    fold: str | None = None
    delegate: str | None = None
    masking: Tightening = NOTHING


def resolve_policy(registry: Registry, target: Target) -> Policy | None:
    """Find what holds for a target.

    Returns:
        The policy, shared by all targets that the same rules match; None if no rule matches.
    """
    chain = chain_of(registry, target)
    if not chain:
        return None
    key = tuple(rule.index for rule in chain)
    policy: Policy | None = registry.policies.get(key)
    if policy is None:
        layers = [layer.settings for layer in layers_of(registry, chain)]
        withheld = frozenset(registry.masking.withhold + registry.masking.here.withhold)
        policy = registry.policies[key] = _compile(chain, layers, withheld)
    return policy


def chain_of(registry: Registry, target: Target) -> tuple[Rule, ...]:
    """List the rules that match a target, the last one first."""
    return tuple([possible.rule for possible in registry.index.possible(target) if possible.selects(target)])


@attrs.frozen(eq=False, slots=True, repr=False)
class Layer:
    """One bundle of settings that holds for a target.

    Args:
        kind: rule, role, use (what stands beside a preset's name), preset (its defaults), or defaults.
        name: of the role or preset; None for a rule of the user's and for the registry's defaults.
        place: where it starts, as far as that is known.
    """

    settings: Settings
    kind: str
    name: str | None = None
    place: Place | None = None


def layers_of(registry: Registry, chain: Sequence[Rule]) -> Iterator[Layer]:
    """Yield what holds for the targets that a chain of rules matches, the strongest first.

    Those are the user's rules and their role, what stands beside the presets' names, the presets' rules and theirs,
    the presets' defaults, and the registry's.

    Args:
        chain: the rules that match, the last one first.
    """
    used = dict.fromkeys(rule.preset for rule in chain)
    presets = [preset for name in used for preset in registry.presets if preset.name == name]
    yield from _of_rules([rule for rule in chain if rule.preset is None])
    # Before the presets' rules: `use: [{strands: {capture: none}}]` is to silence what they name as their input.
    yield from (Layer(preset.overrides, "use", preset.name, preset.place) for preset in presets)
    yield from _of_rules([rule for rule in chain if rule.preset is not None])
    yield from (Layer(preset.defaults, "preset", preset.name) for preset in presets)
    yield Layer(registry.defaults, "defaults")


def _of_rules(rules: Sequence[Rule]) -> Iterator[Layer]:
    """Yield the settings of rules, and then of the last one's role that has any."""
    yield from (Layer(rule.settings, "rule", rule.preset, rule.place) for rule in rules)
    with_role = next((rule for rule in rules if rule.bundle is not None), None)
    if with_role is not None and with_role.bundle is not None:
        yield Layer(with_role.bundle, "role", with_role.role)


def _compile(chain: tuple[Rule, ...], layers: Sequence[Settings], withheld: frozenset[str]) -> Policy:
    def strongest(name: str, otherwise: Any = None) -> Any:
        if name in withheld:
            return otherwise
        return next((v for layer in layers if (v := getattr(layer, name)) is not None), otherwise)

    def limit(name: str) -> int:
        found = (getattr(layer.capture, name) for layer in layers)
        chosen: int = next((v for v in found if v is not None), getattr(Limits(), name))
        return chosen

    masking = join(layer.masking for layer in layers)  # it only ever tightens, so it adds up over all layers
    withheld |= frozenset(masking.withhold)
    capture_input, given_input = _captured(layers, "input", withheld)
    capture_output, given_output = _captured(layers, "output", withheld)
    sample = strongest("sample")
    return Policy(
        rule=chain[0],
        chain=chain,
        name=strongest("name"),
        observation=strongest("observation", "span"),
        root=strongest("root", False),
        capture_input=capture_input,
        capture_output=capture_output,
        limits=Limits(limit("max_bytes"), limit("max_items"), limit("max_depth")),
        input=given_input,
        output=given_output,
        metadata=EMPTY if "metadata" in withheld else _merged(layers, "metadata"),
        tags=strongest("tags", ()),
        session=strongest("session"),
        user=strongest("user"),
        outcome=EMPTY if "metadata" in withheld else _merged(layers, "outcome"),
        scores=EMPTY if "metadata" in withheld else _merged(layers, "scores"),
        error_when=strongest("error_when"),
        error_message=strongest("error_message"),
        level=strongest("level"),
        status_message=strongest("status_message"),
        condition=strongest("condition"),
        critical=strongest("critical"),
        model=strongest("model"),
        usage=_merged(layers, "usage"),
        sample=1.0 if sample is None else sample.share,
        rate=None if sample is None or sample.many is None else (sample.many, sample.period),
        min_duration=strongest("min_duration", 0),
        spans_per_trace=strongest("spans_per_trace"),
        nested=strongest("nested", "merge"),
        fold=strongest("fold"),
        delegate=strongest("delegate"),
        masking=masking,
    )


def _captured(layers: Sequence[Settings], side: str, withheld: frozenset[str]) -> tuple[bool, Any]:
    """Decide whether one side of a call is recorded, and which values stand for it.

    What is withheld never is. Else the strongest layer that says anything decides: a value of its own means yes,
    `capture:` says yes or no, and a no also silences the values of weaker layers.
    """
    if side in withheld:
        return False, None
    recorded: bool | None = None
    for layer in layers:
        given, flag = getattr(layer, side), getattr(layer.capture, side)
        if given is not None:
            return True, given
        if flag is False and recorded is None:
            return False, None
        recorded = flag if recorded is None else recorded
    return (True if recorded is None else recorded), None


def _merged(layers: Sequence[Settings], name: str) -> Mapping[str, Value]:
    merged: dict[str, Value] = {}
    for layer in reversed(layers):
        merged.update(getattr(layer, name))
    return MappingProxyType(merged) if merged else EMPTY
