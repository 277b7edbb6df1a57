"""What is compiled names arguments exactly as its Python original does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracing_proxies.compiled import hot
from tracing_proxies.recording.scope import bind_by_name

pytestmark = pytest.mark.skipif(hot is None, reason="nothing is compiled here")

NAMES = ("a", "b", "c", "only", "other")


@st.composite
def calls(draw: Any) -> tuple[Any, ...]:
    """Draw the parameters of a function, and arguments that may fit it."""
    positional = draw(st.integers(0, 3))
    order = (*NAMES[:positional], *NAMES[3 : 3 + draw(st.integers(0, 2))])
    optional = draw(st.sets(st.sampled_from(order))) if order else ()
    defaults = {name: f"default {name}" for name in order if name in optional}
    args = tuple(range(draw(st.integers(0, 5))))
    keywords = draw(st.dictionaries(st.sampled_from([*NAMES, "x", "rest"]), st.integers(), max_size=4))
    return NAMES[:positional], order, defaults, "rest", args, keywords


@given(calls())
def test_arguments_get_the_same_names_in_the_same_order(call: tuple[Any, ...]) -> None:
    expected, found = bind_by_name(*call), hot.bind_arguments(*call)
    assert list(found.items()) == list(expected.items())


def test_what_is_bound_is_a_dict_of_its_own() -> None:
    keywords = {"x": 1}
    bound = hot.bind_arguments((), (), {}, "args", (), keywords)
    assert bound == keywords
    assert bound is not keywords
