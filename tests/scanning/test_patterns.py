"""Every function that was found is matched by a pattern, and nothing else that does something is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanning.idioms import ALL
from tests.scanning.support import scan
from tracing_proxies.registry.pointcut import ClassRef, Pointcut, Target
from tracing_proxies.scanning.facts import FunctionFacts
from tracing_proxies.scanning.survey import Survey, survey

ROOT = Path(__file__).parents[2]


def target_of(found: Survey, function: FunctionFacts) -> Target:
    cls = found.application.class_of(function)
    if cls is None:
        return Target(function.module, None, function.name)
    lineage = (cls, *found.application.ancestors(cls))
    return Target(function.module, cls.path, function.name, tuple(ClassRef(c.module, c.path) for c in lineage))


def judge(found: Survey) -> tuple[set[str], set[str]]:
    """Return what was found and is matched by no pattern, and what is matched and was not found."""
    wanted = {candidate.function.target for candidate in found.candidates}
    pointcuts = [Pointcut.parse(match.pattern) for rule in found.proposal.rules for match in rule.matches]
    matched = {
        function.target
        for function in found.application.functions()
        if not function.stub and any(p.matches(target_of(found, function)) for p in pointcuts)
    }
    return wanted - matched, matched - wanted


@pytest.mark.parametrize("name", ALL)
def test_idioms(tmp_path: Path, name: str) -> None:
    missed, too_many = judge(scan(tmp_path, ALL[name]))
    assert (missed, too_many) == (set(), set())


@pytest.mark.parametrize("folder", ["examples", "tracing_proxies", "adapters"])
def test_whole_trees(folder: str) -> None:
    assert judge(survey([ROOT / folder])) == (set(), set())


def test_rules_are_few(tmp_path: Path) -> None:
    found = survey([ROOT / "examples"])
    assert len(found.candidates) > 30
    assert len(found.proposal.rules) <= 6


def test_private_names_are_written_out_since_no_wildcard_stands_for_them(tmp_path: Path) -> None:
    source = "class {}Tool:\n    def execute(self, x):\n        return x\n"
    files: dict[str, str | bytes] = {f"shop/{n.lower()}.py": source.format(n) for n in ("A", "B", "C", "_D")}
    found = scan(tmp_path, {"shop/__init__.py": "", "shop/_hidden.py": source.format("E"), **files})
    assert judge(found) == (set(), set())
    written = {match.pattern for rule in found.proposal.rules for match in rule.matches}
    assert written == {"shop.*:*Tool.execute", "shop._d:_DTool.execute", "shop._hidden:ETool.execute"}
