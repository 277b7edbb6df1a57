"""Presets bring rules that the user's own win over, and step aside where they do not apply."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import resolve_policy

STRANDS = """\
version: 1
preset: { requires: attrs, native: mute, adapter: true, summary: Agents of Strands. }
defaults: { capture: { max_bytes: 1KiB } }
roles: { agent: { observation: agent } }
trace:
  - match: strands.agent:Agent.call
    role: agent
    fold: strands.fold:Folder
    input: args.prompt
    sample: 50%
    metadata: { preset: args.a, both: args.a }
"""
TARGET = Target("strands.agent", "Agent", "call")


@pytest.fixture
def presets(tmp_path: Path) -> Path:
    (tmp_path / "strands.yaml").write_text(STRANDS)
    (tmp_path / "absent.yaml").write_text("version: 1\npreset: { requires: no-such-distribution-here }\n")
    (tmp_path / "elsewhere.yaml").write_text("version: 1\npreset: { when: platform == 'nowhere' }\n")
    (tmp_path / "greedy.yaml").write_text("version: 1\nexport: { discard: {} }\n")
    return tmp_path


def parse(text: str, presets: Path) -> Registry:
    return parse_registry("version: 1\n" + text, base=presets, environ={}, presets=presets)


def test_a_preset_brings_its_rules_before_the_users(presets: Path) -> None:
    registry = parse("use: [strands]\ntrace: [{ match: a:b }]", presets)
    (preset,) = registry.presets
    assert (preset.name, preset.native, preset.adapter) == ("strands", "mute", "tracing_proxies.adapters.strands")
    assert [(rule.preset, rule.index) for rule in registry.rules] == [("strands", 0), (None, 1)]
    assert registry.rules[0].settings.fold == "strands.fold:Folder"
    assert registry.roles == {}


def test_settings_beside_a_presets_name_win_over_its_own(presets: Path) -> None:
    registry = parse("use: [{ strands: { native: keep, capture: none, sample: 5%, masking: { hide: [x] } } }]", presets)
    policy = resolve_policy(registry, TARGET)
    assert policy is not None
    assert registry.presets[0].native == "keep"
    assert (policy.capture_input, policy.capture_output, policy.masking.hide) == (False, False, ("x",))
    assert (policy.input, policy.sample) == (None, 0.05)
    assert (policy.observation, policy.limits.max_bytes) == ("agent", 1024)


def test_a_users_rule_wins_over_a_presets_and_leaves_the_rest_to_it(presets: Path) -> None:
    text = "use: strands\ntrace: [{ match: strands.agent:Agent.call, metadata: { both: args.b }, name: mine }]"
    policy = resolve_policy(parse(text, presets), TARGET)
    assert policy is not None
    assert policy.rule.preset is None
    assert policy.name is not None
    assert policy.name.constant == "mine"
    assert policy.observation == "agent"
    assert {name: value.text for name, value in policy.metadata.items()} == {"preset": "args.a", "both": "args.b"}


def test_what_the_user_hides_is_left_out_of_what_a_preset_records(presets: Path) -> None:
    for text in (
        "masking: { hide: [prompt, a] }\nuse: strands",
        "use: [{ strands: { masking: { hide: [prompt, a] } } }]",
    ):
        policy = resolve_policy(parse(text, presets), TARGET)
        assert policy is not None
        assert (policy.input, dict(policy.metadata), policy.capture_input) == (None, {}, True)


def test_a_users_rule_wins_over_the_settings_beside_a_presets_name(presets: Path) -> None:
    text = "use: [{ strands: { capture: none } }]\ntrace: [{ match: strands.agent:Agent.call, input: args.mine }]"
    policy = resolve_policy(parse(text, presets), TARGET)
    assert policy is not None
    assert not isinstance(policy.input, Mapping)
    assert policy.input is not None
    assert (policy.input.text, policy.capture_output) == ("args.mine", False)


def test_a_preset_that_does_not_apply_is_skipped_with_its_reason(presets: Path) -> None:
    registry = parse("use: [absent, elsewhere]", presets)
    assert registry.presets == ()
    assert registry.skipped_presets == (
        ("absent", "no-such-distribution-here is not installed"),
        ("elsewhere", "its condition does not hold here"),
    )


def test_an_unknown_preset_is_a_problem_with_a_suggestion(presets: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        parse("use: [strand, ../strands]", presets)
    assert [(p.code, p.suggestion) for p in caught.value.problems] == [("TP109", "strands"), ("TP109", "strands")]


def test_a_preset_cannot_speak_for_the_whole_application(presets: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        parse("use: greedy", presets)
    assert [(p.code, p.place.line) for p in caught.value.problems] == [("TP213", 2)]


def test_an_installed_distribution_brings_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, info = tmp_path / "acme_tracing", tmp_path / "acme_tracing-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").touch()
    (package / "acme.yaml").write_text("version: 1\npreset: { adapter: true }\ntrace: [{ match: acme:run }]\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tracing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tracing_proxies.adapters]\nacme = acme_tracing\nbad = acme_tracing.gone\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = parse_registry("version: 1\nuse: acme", base=tmp_path, environ={})
    assert registry.presets[0].adapter == "acme_tracing.acme"
    assert [rule.preset for rule in registry.rules] == ["acme"]
    with pytest.raises(RegistryError) as caught:
        parse_registry("version: 1\nuse: [bad, acmee]", base=tmp_path, environ={})
    assert [(p.code, p.suggestion) for p in caught.value.problems] == [("TP109", None), ("TP109", "acme")]
