"""The last match wins, and what it leaves out falls to earlier matches, the role and the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import Registry
from tracing_proxies.registry.pointcut import ClassRef, Target
from tracing_proxies.registry.policy import Policy, resolve_policy

TEXT = """\
version: 1
defaults: { capture: { max_items: 5 }, nested: child, min_duration: 1ms }
roles: { tool: { observation: tool, name: "{function}!", metadata: { role: args.r, both: args.r } } }
trace:
  - match: app.tools:*.run
    role: tool
    metadata: { first: args.a, both: args.a }
    masking: { hide: [notes] }
    output: result.answer
  - match: app.tools:Price.*
    except: app.tools:Price.skipped
    capture: none
    metadata: { last: args.b }
    masking: { hide: [diary] }
    sample: 25%
  - match: app.base:Base+.run
    observation: agent
"""


@pytest.fixture
def registry() -> Registry:
    return parse_registry(TEXT, base=Path("/nowhere"), environ={})


def policy_of(registry: Registry, target: Target) -> Policy:
    policy = resolve_policy(registry, target)
    assert policy is not None
    return policy


def test_a_target_that_no_rule_matches_has_no_policy(registry: Registry) -> None:
    assert resolve_policy(registry, Target("app.tools", "Price", "_run")) is None
    assert resolve_policy(registry, Target("app.tools", "Price", "skipped")) is None


def test_what_the_last_match_leaves_out_falls_to_earlier_ones(registry: Registry) -> None:
    policy = policy_of(registry, Target("app.tools", "Price", "run"))
    assert [rule.index for rule in policy.chain] == [1, 0]
    assert policy.rule is registry.rules[1]
    assert (policy.observation, policy.sample, policy.nested, policy.min_duration) == ("tool", 0.25, "child", 10**6)
    assert policy.limits.max_items == 5
    assert {name: value.text for name, value in policy.metadata.items()} == {
        "role": "args.r",
        "both": "args.a",
        "first": "args.a",
        "last": "args.b",
    }


def test_a_capture_of_nothing_silences_the_values_of_weaker_rules(registry: Registry) -> None:
    policy = policy_of(registry, Target("app.tools", "Price", "run"))
    assert (policy.capture_input, policy.capture_output, policy.output) == (False, False, None)
    assert policy_of(registry, Target("app.tools", "Stock", "run")).output is not None


def test_what_hides_adds_up_over_all_matches(registry: Registry) -> None:
    assert policy_of(registry, Target("app.tools", "Price", "run")).masking.hide == ("diary", "notes")


def test_a_rule_for_a_base_class_matches_its_subclasses_anywhere(registry: Registry) -> None:
    ancestry = (ClassRef("other", "Mine"), ClassRef("app.base", "Base", frozenset({"run"})))
    assert policy_of(registry, Target("other", "Mine", "run", ancestry)).observation == "agent"


def test_targets_of_the_same_rules_share_one_policy(registry: Registry) -> None:
    one, two = (policy_of(registry, Target("app.tools", name, "run")) for name in ("Stock", "Order"))
    assert one is two
