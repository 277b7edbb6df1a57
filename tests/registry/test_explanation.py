"""An explanation names for each setting the value that holds, and the line that gave it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.registry.explanation import Explanation, Setting, explain_target
from tracing_proxies.registry.loader import load_registry, parse_registry
from tracing_proxies.registry.model import Registry, SampleRate
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import Policy, resolve_policy
from tracing_proxies.registry.written import write_rate, write_share, write_value

ROOT = Path(__file__).parent.parent.parent
TARGET = Target("shop", "Agent", "run")
TEXT = """\
version: 1
include: [more.yaml]
use:
  - framework: { min_duration: 2ms, capture: { max_depth: 4 } }
defaults: { capture: { max_items: 7 }, nested: child }
roles:
  agent:
    observation: agent
    metadata: { of_role: self.id, shared: self.name }
trace:
  - match: shop:Agent.*
    role: agent
    sample: 25%
    metadata: { shared: args.x, "of_rule": args.y }
    masking: { hide: [iban] }
  - match: shop:Agent.run
    capture: { max_bytes: 2KiB, input: false }
    name: "run {args.task}"
    if: args.task
"""
MORE = "version: 1\ntrace:\n  - match: shop:Agent.run\n    user: args.user\n    masking: { hide: [pan] }\n"
PRESET = """\
version: 1
defaults: { capture: { output: true } }
trace:
  - match: shop:Agent.run
    session: args.session
"""


def explain(folder: Path, environ: dict[str, str] | None = None) -> Explanation:
    (folder / "more.yaml").write_text(MORE)
    (folder / "presets").mkdir()
    (folder / "presets" / "framework.yaml").write_text(PRESET)
    registry = parse_registry(TEXT, base=folder, environ=environ or {}, presets=folder / "presets")
    return explain_target(registry, TARGET)


def test_the_chain_is_told_last_rule_first(tmp_path: Path) -> None:
    chain = explain(tmp_path).chain
    assert [(str(rule.place), rule.preset, rule.role) for rule in chain] == [
        ("registry.yaml:16:5", None, None),
        ("registry.yaml:11:5", None, "agent"),
        ("more.yaml:3:5", None, None),
        ("framework.yaml:4:5", "framework", None),
    ]


def test_each_setting_has_its_value_and_the_line_that_gave_it(tmp_path: Path) -> None:
    told = [
        (setting.key, setting.value, setting.source, setting.name, [str(origin.place) for origin in setting.origins])
        for setting in explain(tmp_path, {"TRACING_PROXIES__DEFAULTS__NESTED": "skip"}).settings
        if setting.source != "language"
    ]
    expected = [
        ("name", "run {args.task}", "rule", None, ["registry.yaml:18:5"]),
        ("observation", "agent", "role", "agent", ["registry.yaml:8:5"]),
        ("capture.input", False, "rule", None, ["registry.yaml:17:33"]),
        ("capture.max_bytes", "2KiB", "rule", None, ["registry.yaml:17:16"]),
        ("capture.max_items", 7, "defaults", None, ["registry.yaml:5:24"]),
        ("capture.max_depth", 4, "use", "framework", ["registry.yaml:4:48"]),
        ("metadata.shared", "args.x", "rule", None, ["registry.yaml:14:17"]),
        ("metadata.of_rule", "args.y", "rule", None, ["registry.yaml:14:33"]),
        ("metadata.of_role", "self.id", "role", "agent", ["registry.yaml:9:17"]),
        ("session", "args.session", "rule", "framework", ["framework.yaml:5:5"]),
        ("user", "args.user", "rule", None, ["more.yaml:4:5"]),
        ("capture.output", True, "preset", "framework", ["framework.yaml:2:24"]),
        ("if", "args.task", "rule", None, ["registry.yaml:19:5"]),
        ("sample", "25%", "rule", None, ["registry.yaml:13:5"]),
        ("min_duration", "2ms", "use", "framework", ["registry.yaml:4:18"]),
        ("nested", "skip", "defaults", None, ["TRACING_PROXIES__DEFAULTS__NESTED"]),
        ("masking.hide", ["iban"], "rule", None, ["registry.yaml:15:16"]),
        ("masking.hide", ["pan"], "rule", None, ["more.yaml:5:16"]),
    ]
    assert sorted(told, key=str) == sorted(expected, key=str)


def test_a_target_that_no_rule_matches_has_neither_chain_nor_settings(tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    registry = parse_registry("version: 1\ntrace:\n  - match: shop:Agent.stop\n", base=tmp_path, environ={})
    assert explain_target(registry, TARGET) == Explanation(TARGET, (), ())


def assert_agrees(registry: Registry, target: Target) -> None:
    """Hold an explanation against the policy that is acted on."""
    policy = resolve_policy(registry, target)
    assert policy is not None
    found = explain_target(registry, target)
    assert found.chain == policy.chain
    by_key: dict[str, Setting] = {}
    hidden: list[str] = []
    for setting in found.settings:
        if setting.key == "masking.hide":
            hidden += setting.value
        else:
            assert setting.key not in by_key
            by_key[setting.key] = setting
    for key, value in _acted_on(policy).items():
        setting = by_key.pop(key)
        if setting.source != "language":
            assert setting.value == value, key
    for field in ("metadata", "outcome", "usage"):
        entries = {key.partition(".")[2]: by_key.pop(key).value for key in list(by_key) if key.startswith(f"{field}.")}
        assert entries == write_value(getattr(policy, field))
    assert by_key == {}
    assert tuple(dict.fromkeys(hidden)) == policy.masking.hide


def _acted_on(policy: Policy) -> dict[str, Any]:
    return {
        "root": policy.root,
        "name": write_value(policy.name),
        "observation": policy.observation,
        "capture.input": policy.capture_input,
        "capture.output": policy.capture_output,
        "capture.max_bytes": write_value(policy.limits.max_bytes, "bytes"),
        "capture.max_items": policy.limits.max_items,
        "capture.max_depth": policy.limits.max_depth,
        "input": write_value(policy.input),
        "output": write_value(policy.output),
        "tags": write_value(policy.tags),
        "session": write_value(policy.session),
        "user": write_value(policy.user),
        "error_when": write_value(policy.error_when),
        "error_message": write_value(policy.error_message),
        "level": policy.level,
        "status_message": write_value(policy.status_message),
        "if": write_value(policy.condition),
        "critical": write_value(policy.critical),
        "model": write_value(policy.model),
        "sample": write_rate(SampleRate(policy.sample, *policy.rate) if policy.rate else SampleRate(policy.sample)),
        "budget.spans_per_trace": policy.spans_per_trace,
        "min_duration": write_value(policy.min_duration, "duration"),
        "nested": policy.nested,
        "fold": policy.fold,
        "delegate": policy.delegate,
    }


def test_it_agrees_with_what_is_done_for_every_rule_of_the_example() -> None:
    registry = load_registry(ROOT / "registry.yaml", environ={})
    seen = 0
    for rule in registry.rules:
        for pointcut in rule.match:
            if pointcut.literal:
                assert_agrees(registry, Target(pointcut.module, pointcut.cls, str(pointcut.name)))
                seen += 1
    assert seen > 20


LINES = st.sampled_from(
    [
        "input: args.a", "input: { x: args.b }", "output: result.c", "capture: none", "capture: all",
        "capture: { input: false, max_bytes: 1KiB }", "capture: { output: true, max_items: 3 }", "name: fixed",
        "observation: tool", "root: true", "root: false", "sample: 10%", "sample: never", "min_duration: 1500us",
        "nested: skip", "sample: 5/min", "sample: 2.5/h", "budget: { spans_per_trace: 7 }",
        "metadata: { k: args.d, l: args.e }", "metadata: { k: self.f }", "outcome: { o: result.g }",
        "masking: { hide: [h1, h2] }", "masking: { hide: [h2, h3] }", "tags: [one, two]", "session: args.s",
        "level: WARNING", "error_when: result.bad", "if: args.i",
        "usage: { input: result.n }",
    ]
)  # fmt: skip
BLOCKS = st.lists(LINES, max_size=4, unique_by=lambda line: line.partition(":")[0])


@given(st.lists(BLOCKS, min_size=1, max_size=4), BLOCKS, st.integers(0, 3))
@settings(max_examples=150)
def test_it_agrees_with_what_is_done_for_any_rules(rules: list[list[str]], role: list[str], bearer: int) -> None:
    text = "version: 1\nroles:\n  r:\n" + "".join(f"    {line}\n" for line in role or ["name: r"]) + "trace:\n"
    for number, lines in enumerate(rules):
        text += "  - match: shop:Agent.run\n" + "".join(f"    {line}\n" for line in lines)
        text += "    role: r\n" if number == bearer else ""
    assert_agrees(parse_registry(text, base=Path("/nowhere"), environ={}), TARGET)


def test_quantities_are_written_with_the_largest_unit_that_fits() -> None:
    assert [write_value(n, "bytes") for n in (0, 1, 1024, 8192, 1500, 2**30)] == [
        "0B", "1B", "1KiB", "8KiB", "1500B", "1GiB",
    ]  # fmt: skip
    assert [write_value(n, "duration") for n in (0, 5_000_000, 7 * 86_400 * 10**9, 90 * 10**9, 1_500_000)] == [
        "0ns", "5ms", "7d", "90s", "1500us",
    ]  # fmt: skip
    assert [write_share(share) for share in (0.0, 1.0, 0.1, 0.0025)] == ["never", "always", "10%", "0.25%"]
