"""Each mutation changes one thing, tests that look at it kill it, and the page says what came of all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants import report
from tests.mutants.harmless import HARMLESS
from tests.mutants.operators import list_mutations, mutate
from tests.mutants.rooms import ROOMS, ROOT, Room
from tests.mutants.running import ENDLESS, KILLED, SURVIVED, Copy

RULE = "tracing_proxies/sampling/rule.py"
READING = Room(
    modules=("sampling/rule.py",), tests=("tests/sampling/test_rule.py",), left_out=("-k", "as_opentelemetry_defines")
)


def mutants_of(source: str) -> set[str]:
    return {mutate(source, mutation).strip() for mutation in list_mutations(source)}


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a < b", {"a <= b"}),
        ("a is b", {"a is not b"}),
        ("a < b == c", {"a <= b == c", "a < b != c"}),
        ("a and b", {"a or b"}),
        ("not a", {"not not a"}),
        ("a + b * c", {"a - b * c", "a + b / c"}),
        ("a += b", {"a -= b"}),
        ("a = 1", {"a = 2"}),
        ("a = 0.0", {"a = 1.0"}),
        ("a = True", {"a = False"}),
        ("if a:\n    b", {"if not a:\n    b"}),
        ("if a > b:\n    c", {"if a >= b:\n    c"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("def f():\n    return False", {"def f():\n    return True"}),
        ("f(a)", {"None"}),
        ("while a:\n    f()", {"while not a:\n    f()", "while a:\n    None"}),
    ],
)
def test_each_place_is_changed_by_itself(source: str, mutants: set[str]) -> None:
    assert mutants_of(source) == mutants


@pytest.mark.parametrize(
    "source",
    [
        "def f(a: x[1] = None) -> y[2]:\n    return",
        "a: x[1]",
        "if TYPE_CHECKING:\n    a = 1",
        '"""Words."""',
        "def f():\n    return None",
        "def f():\n    return None\n\ndef g():\n    return",
    ],
)
def test_what_is_not_run_is_left_alone(source: str) -> None:
    assert mutants_of(source) == set()


def test_every_mutant_of_every_module_is_another_module_that_compiles() -> None:
    for room in ROOMS.values():
        for module in room.files():
            source = (ROOT / module).read_text("utf-8")
            for mutation in list_mutations(source)[::40]:
                mutant = mutate(source, mutation)
                ast.parse(mutant)
                assert mutant.strip() != ast.unparse(ast.parse(source)).strip(), (module, mutation)


def test_a_room_names_modules_and_tests_that_are_there() -> None:
    for room in ROOMS.values():
        assert room.files()
        assert all((ROOT / test).exists() for test in room.tests)


def test_a_mutant_that_a_test_looks_at_is_killed_and_another_survives(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    usual = copy.time(READING)
    source = (ROOT / RULE).read_text("utf-8")
    found = {(mutation.line, mutation.change): mutation for mutation in list_mutations(source)}
    line = next(number for number, text in enumerate(source.splitlines(), 1) if "len(given) == 14" in text)
    assert copy.judge(READING, RULE, mutate(source, found[line, "== becomes !="]), usual) == KILLED
    assert (tmp_path / "copy" / RULE).read_text("utf-8") == source
    elsewhere = next(
        mutation for mutation in found.values() if "threshold(probability) becomes None" in mutation.change
    )
    assert copy.judge(READING, RULE, mutate(source, elsewhere), usual) == SURVIVED
    endless = source.replace("    told = dict(", "    while True: pass\n    told = dict(")
    assert copy.judge(READING, RULE, endless, -4.0) == ENDLESS  # four seconds and not more


def test_what_is_called_harmless_is_a_mutant_that_there_is() -> None:
    for module, text, change in HARMLESS:
        source = (ROOT / module).read_text("utf-8")
        lines = source.splitlines()
        there = {(lines[found.line - 1].strip(), found.change) for found in list_mutations(source)}
        assert (text, change) in there, module


def test_the_page_is_what_the_figures_make() -> None:
    figures = report.read()
    assert set(figures) == set(ROOMS)
    assert report.PAGE.read_text("utf-8") == report.page(figures), "run `make mutants`"
    for modules in figures.values():
        for found in modules.values():
            assert found["killed"] + len(found["survivors"]) == found["tried"] <= found["places"]
