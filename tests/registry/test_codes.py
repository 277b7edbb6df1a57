"""Every code is documented, is used, and its example has the mistake that it is an example of."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry import codes
from tracing_proxies.registry.codes import CODES
from tracing_proxies.registry.loader import parse_registry

PACKAGE = Path(codes.__file__).parent.parent
# Each has a test of its own where it is raised: they take more than a text to come about.
NOT_BY_TEXT = {"TP100", "TP107", "TP112", "TP113", "TP114", "TP203", "TP214", "TP219"}


def raised_codes() -> set[str]:
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file == Path(codes.__file__):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if re.fullmatch(r"TP[0-9]{3}", node.value) else set()
    return found


def test_every_code_that_is_raised_is_documented_and_every_documented_one_is_raised() -> None:
    assert raised_codes() == set(CODES)


def test_every_code_says_what_is_wrong_and_what_to_do() -> None:
    for code, about in CODES.items():
        assert re.fullmatch(r"TP[12][0-9]{2}", code)
        assert all((about.title, about.explanation, about.example, about.fix)), code
        assert about.explanation.endswith("."), code
        assert about.fix.endswith("."), code
    assert len({about.title for about in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("code", sorted(CODES.keys() - NOT_BY_TEXT))
def test_an_example_has_its_mistake_and_no_other(code: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_registry(CODES[code].example, base=tmp_path, environ={})
    assert {problem.code for problem in caught.value.problems} == {code}


@pytest.mark.parametrize("code", sorted(NOT_BY_TEXT))
def test_the_others_are_raised_in_a_test(code: str) -> None:
    here = Path(__file__)
    tests = here.parent.parent.rglob("test_*.py")
    assert any(code in file.read_text() for file in tests if file != here)
