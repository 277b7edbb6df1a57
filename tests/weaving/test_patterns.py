"""Patterns are found by the modules that they name, and targets by what may select them: none is passed over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.registry.test_pointcut import dotted, pointcuts, targets
from tests.weaving.support import make_registry
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.weaving.modules import MAIN, main_name
from tracing_proxies.weaving.patterns import Patterns
from tracing_proxies.weaving.unmatched import TargetIndex, selects

of_main = st.sampled_from(["__main__:a", f"{main_name()}:ab", "__mp_main__:*", "*:a"])
literal = st.builds("{}:{}".format, dotted, st.sampled_from(["a", "ab", "a.ab", "ab._a"]))
patterns = st.lists(pointcuts | literal | of_main, max_size=6)


@given(patterns, dotted | st.just(main_name()))
@settings(max_examples=examples(200))
def test_a_module_is_given_the_patterns_that_name_it_or_a_package_above_in_their_order(
    texts: list[str], module: str
) -> None:
    found, cuts = Patterns(make_registry(*texts)), [Pointcut.parse(text) for text in texts]
    own = [cut for cut in cuts if cut.names_module(module) or (cut.module in MAIN and module == main_name())]
    above = [cut for cut in cuts if cut.literal and module.startswith(cut.module + ".")]
    assert found.naming(module) == own
    assert found.above(module) == above
    assert found.want(module) is (any(cut.names_module(module) for cut in cuts) or bool(above))
    assert found.name_main is any(cut.module in MAIN for cut in cuts)


@given(patterns, st.lists(targets(), max_size=4))
@settings(max_examples=examples(200))
def test_what_a_pattern_selects_is_among_what_it_may_select(texts: list[str], woven: list[Target]) -> None:
    index = TargetIndex(woven)
    for cut in map(Pointcut.parse, texts):
        assert {at for at, target in enumerate(woven) if selects(cut, target)} <= set(index.possible(cut))


def test_a_literal_pattern_is_held_against_what_has_its_name_alone() -> None:
    index = TargetIndex([Target(f"m{i}", "C", "run") for i in range(100)])
    assert index.possible(Pointcut.parse("m7:C.run")) == [7]
    assert index.possible(Pointcut.parse("m7:C.*")) == [7]
    assert index.possible(Pointcut.parse("m7:D.run")) == ()
