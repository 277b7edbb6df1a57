"""Rules are found by what they can select, and none that selects a target is passed over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.registry.test_pointcut import pointcuts, targets
from tests.weaving.support import make_registry
from tracing_proxies.registry.pointcut import Target
from tracing_proxies.registry.policy import chain_of
from tracing_proxies.testing import registry_from


@given(st.lists(pointcuts, max_size=8), st.lists(targets(), min_size=1, max_size=3))
@settings(max_examples=examples(150))
def test_the_rules_found_for_a_target_are_those_that_select_it_the_last_one_first(
    patterns: list[str], asked: list[Target]
) -> None:
    registry = make_registry(*patterns)
    for target in asked:
        assert chain_of(registry, target) == tuple(rule for rule in reversed(registry.rules) if rule.selects(target))


def test_a_target_is_held_against_the_rules_of_its_own_name_and_module_only() -> None:
    names = [f"m{i // 10}:f{i % 10}" for i in range(100)]
    registry = make_registry(*names, "m3:f*")
    possible = registry.index.possible(Target("m3", None, "f7"))
    assert [found.rule.match[0].text for found in possible] == ["m3:f*", "m3:f7"]


def test_a_target_is_held_against_the_pointcuts_and_exceptions_of_its_own_module_only() -> None:
    modules = [f"p.m{i}" for i in range(20)]
    text = f"trace:\n  - match: [{', '.join(f'{name}:*' for name in modules)}, p.**:run, 'q:Base+']\n"
    registry = registry_from(f"version: 1\n{text}    except: [p.m3:no, p.m4:no]\n")
    (found,) = registry.index.possible(Target("p.m3", None, "f"))
    assert [pointcut.text for pointcut in found.match] == ["p.m3:*", "p.**:run", "q:Base+"]
    assert [pointcut.text for pointcut in found.exceptions] == ["p.m3:no"]
