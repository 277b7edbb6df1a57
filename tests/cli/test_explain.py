"""`explain`: what a code means, and why a target is traced as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import run
from tracing_proxies.registry.codes import CODES

SHOP = """
import datetime

raise_on_import = None

class Base:
    def run(self, task):
        return task

class Agent(Base):
    limit = 3

    def sell(self, product):
        return product

    def _count(self):
        return 1

class Other(Base):
    def run(self, task):
        return task
"""
REGISTRY = """\
version: 1
defaults: { capture: { max_items: 7 } }
roles:
  agent: { observation: agent }
trace:
  - match: shop:Base+.run
    role: agent
  - match: [shop:Agent.*, 'shop:*.sell']
    except: shop:Agent.hidden
    sample: 25%
  - match: shop:Agent.sell
    name: "sell {args.product}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "broken.py").write_text("raise RuntimeError('no database')")
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    return tmp_path


@pytest.mark.parametrize("code", ["TP203", "tp105"])
def test_a_code_is_explained_without_a_registry(tmp_path: Path, code: str) -> None:
    done = run(tmp_path, "explain", code)
    about = CODES[code.upper()]
    assert done.returncode == 0
    for text in (about.title, about.explanation, about.fix, *about.example.split("\n")):
        assert text in done.stdout
    document = json.loads(run(tmp_path, "explain", code, "--json").stdout)
    assert document == {
        "code": code.upper(),
        "title": about.title,
        "explanation": about.explanation,
        "example": about.example,
        "fix": about.fix,
    }


def test_an_unknown_code_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "explain", "TP999")
    assert done.returncode == 1
    assert "there is no code TP999; there are TP100, TP101" in done.stderr


def test_a_target_is_explained_without_importing_it(folder: Path) -> None:
    (folder / "shop.py").write_text("raise SystemExit('imported')")
    done = run(folder, "explain", "shop:Agent.sell")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[:3] == [
        "shop:Agent.sell is matched by 2 rules; the first of these wins:",
        "registry.yaml:11:5 shop:Agent.sell",
        "registry.yaml:8:5 shop:Agent.*, shop:*.sell",
    ]
    assert "name sell {args.product} registry.yaml:12:5" in lines
    assert "sample 25% registry.yaml:10:5" in lines
    assert "capture.max_items 7 defaults, registry.yaml:2:24" in lines
    assert "observation span the language's default" in lines
    assert lines[-1] == "whether it is there and can be traced, --import tells"


def test_the_document_holds_the_same_for_programs(folder: Path) -> None:
    document = json.loads(run(folder, "explain", "shop:Agent.sell", "--json").stdout)
    assert document["traced"] is True
    assert document["imported"] is False
    assert [(rule["line"], rule["column"], rule["match"]) for rule in document["rules"]] == [
        (11, 5, ["shop:Agent.sell"]),
        (8, 5, ["shop:Agent.*", "shop:*.sell"]),
    ]
    settings = {setting["key"]: setting for setting in document["settings"]}
    assert settings["sample"] == {
        "key": "sample",
        "value": "25%",
        "source": "rule",
        "name": None,
        "places": ["registry.yaml:10:5"],
    }


def test_rules_for_subclasses_are_told_to_need_an_import(folder: Path) -> None:
    done = run(folder, "explain", "shop:Other.run")
    assert done.returncode == 1
    assert done.stdout.startswith("no rule matches shop:Other.run:\n")
    assert "registry.yaml:6:12  shop:Base+.run: holds for subclasses of shop:Base; --import tells them" in done.stdout
    imported = run(folder, "explain", "shop:Other.run", "--import")
    assert imported.returncode == 0
    assert "registry.yaml:6:5  shop:Base+.run  (role agent)" in imported.stdout
    assert "role agent, registry.yaml:4:12" in imported.stdout


def test_an_inherited_method_is_explained_where_it_is_defined(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\ntrace:\n  - match: shop:Base.run\n")
    done = run(folder, "explain", "shop:Agent.run", "--import")
    assert done.returncode == 0
    assert "shop:Agent.run is inherited; it is woven where it is defined, as shop:Base.run" in done.stdout
    assert "shop:Base.run is matched by one rule:" in done.stdout


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("shop:Agent._count", "shop:Agent.*: a * matches no name that begins with an underscore; write it out"),
        ("shop:Agent.hidden", "shop:Agent.*: the rule's except: names it, shop:Agent.hidden"),
        ("shop:Agent2.sel", "shop:Agent.sell: is written alike"),
    ],
)
def test_near_misses_say_what_keeps_a_rule_from_matching(folder: Path, target: str, reason: str) -> None:
    done = run(folder, "explain", target)
    assert done.returncode == 1
    assert reason in done.stdout
    assert any(reason.startswith(f"{m['pattern']}: {m['reason']}") for m in _misses(folder, target))


def _misses(folder: Path, target: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(run(folder, "explain", target, "--json").stdout)["near_misses"]
    return found


def test_what_is_not_there_or_cannot_be_imported_is_told(folder: Path) -> None:
    done = run(folder, "explain", "shop:Agent.sel", "--import")
    assert done.returncode == 1
    assert "module 'shop' has no 'Agent.sel'. Did you mean 'shop:Agent.sell'?" in done.stdout
    assert "RuntimeError: no database" in run(folder, "explain", "broken:work", "--import").stdout
    assert "cannot be imported: ModuleNotFoundError" in run(folder, "explain", "missing:work", "--import").stdout


def test_what_would_be_refused_is_told_even_if_no_rule_names_it(folder: Path) -> None:
    document = json.loads(run(folder, "explain", "datetime:date.today", "--import", "--json").stdout)
    assert "immutable type 'datetime.date'" in document["refused"]
    assert document["traced"] is False
    told = run(folder, "explain", "shop:Agent.limit", "--import")
    assert told.returncode == 1
    assert "shop:Agent.limit cannot be traced: it is nothing that could be called" in told.stdout


@pytest.mark.parametrize("text", ["shop:Agent.*", "shop:Base+.run", "shop:Base+", "shop.Agent.sell", "shop:", ""])
def test_what_is_no_single_target_is_refused_with_a_word_on_what_to_write(folder: Path, text: str) -> None:
    done = run(folder, "explain", text)
    assert done.returncode == 2
    assert "pattern" in done.stderr or "Name a code such as TP203, or a target such as" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_registry_with_mistakes_is_not_explained(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\ntrcae: []\n")
    done = run(folder, "explain", "shop:Agent.sell")
    assert (done.returncode, done.stdout) == (1, "")
    assert "TP201" in done.stderr
