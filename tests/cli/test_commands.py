"""The commands, run as a user runs them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import inherited

PROGRAM = str(Path(sys.executable).parent / "tracing-proxies")
APPLICATION = """
class Agent:
    def run(self, task):
        return {"done": task}

def work(task):
    return Agent().run(task)
"""


def run(folder: Path, *arguments: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in {**inherited(), **variables}.items() if value is not None}
    return subprocess.run([PROGRAM, *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "main.py").write_text("import sys, shop\nprint(shop.work(sys.argv[1])['done'])\n")
    (tmp_path / "registry.yaml").write_text("version: 1\ntrace:\n  - match: shop:Agent.run\n    observation: agent\n")
    return tmp_path


def stored(folder: Path) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(folder / ".tracing_proxies" / "traces.db")
    try:
        return connection.execute("SELECT name, type, output FROM observations").fetchall()
    finally:
        connection.close()


def test_a_program_is_traced_without_a_line_in_it(folder: Path) -> None:
    done = run(folder, "run", "--", sys.executable, "main.py", "hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    assert stored(folder) == [("Agent.run", "agent", '{"done":"hello"}')]


def test_the_programs_exit_status_and_arguments_pass_through(folder: Path) -> None:
    (folder / "exits.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)\n")
    done = run(folder, "run", "--", sys.executable, "exits.py", "--flag", "-x")
    assert done.returncode == 7
    assert done.stdout == "['--flag', '-x']\n"


def test_the_kill_switch_leaves_nothing_patched(folder: Path) -> None:
    done = run(folder, "run", "--", sys.executable, "main.py", "x", TRACING_PROXIES="off")
    assert done.stdout == "x\n"
    assert not (folder / ".tracing_proxies").exists()


def test_the_environments_own_sitecustomize_still_runs(folder: Path) -> None:
    own = folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("print('own')\n")
    done = run(folder, "run", "--", sys.executable, "main.py", "x", PYTHONPATH=str(own))
    assert done.stdout == "own\nown\nx\n"  # the command's own process, then the program's


def test_nothing_is_started_with_a_mistake_in_the_registry(folder: Path) -> None:
    (folder / "registry.yaml").write_text("version: 1\ntrcae: []\n")
    done = run(folder, "run", "--", sys.executable, "main.py", "x")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "registry.yaml:2:1 TP201 unknown key 'trcae' in a registry. Did you mean 'trace'?\n"


def test_a_registry_with_five_different_mistakes_reports_all_five_in_one_run(folder: Path) -> None:
    (folder / "registry.yaml").write_text(
        "version: 1\n"
        "defaults:\n"
        "  capture: { max_bytes: 8192 }\n"  # 3: a size without a unit
        "trace:\n"
        "  - match: shop:Agent.rnu\n"  # 5: no such method
        "  - match: shop.Agent.run\n"  # 6: no colon
        "  - match: shop:Agent.run\n"
        "    metdata: { x: args.task }\n"  # 8: an unknown key
        "  - match: shop:work\n"
        "    error_when: result.status = 'failed'\n"  # 10: a single equals sign
    )
    done = run(folder, "check", "--import", "--json")
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert [(p["code"], p["line"]) for p in problems] == [
        ("TP207", 3),
        ("TP203", 5),
        ("TP204", 6),
        ("TP201", 8),
        ("TP205", 10),
    ]
    assert all(p["file"] == "registry.yaml" and p["column"] > 0 for p in problems)
    assert problems[1]["suggestion"] == "shop:Agent.run"
    assert problems[3]["suggestion"] == "metadata"
    told = run(folder, "check", "--import").stderr
    assert "registry.yaml:5:12 TP203 no match for 'shop:Agent.rnu'. Did you mean 'shop:Agent.run'?" in told


def test_check_lists_what_each_rule_matches(folder: Path) -> None:
    done = run(folder, "check", "--import")
    assert done.returncode == 0
    assert "registry.yaml:3:5  1 target\n    shop:Agent.run\n" in done.stdout


def test_check_names_what_a_rule_matches_and_cannot_be_traced(folder: Path) -> None:
    rules = "version: 1\ntrace:\n  - match: [shop:work, 'datetime:date.*']\n"
    (folder / "registry.yaml").write_text(rules)
    found = json.loads(run(folder, "check", "--import", "--json").stdout)
    assert "immutable type 'datetime.date'" in found["refused"]["datetime:date.today"]
    assert "datetime:date.today is not traced: cannot set attribute" in run(folder, "check", "--import").stderr


def test_status_tells_what_the_store_holds(folder: Path) -> None:
    run(folder, "run", "--", sys.executable, "main.py", "x")
    found = json.loads(run(folder, "status", "--json").stdout)
    assert (found["traces"], found["spans"], found["errors"], found["rules"]) == (1, 1, 0, 1)


def test_a_missing_registry_is_told_in_plain_words(tmp_path: Path) -> None:
    done = run(tmp_path, "check")
    assert done.returncode == 1
    assert "TP114 no registry.yaml in" in done.stderr
    assert "Traceback" not in done.stderr
