"""Imports run one way through the house."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "tracing_proxies"
ORDER = {
    "errors": 0,
    "failures": 0,
    "debugging": 0,
    "credentials": 0,
    "registry": 1,
    "scanning": 2,
    "sampling": 2,
    "masking": 2,
    "recording": 3,
    "weaving": 4,
    "delivery": 4,
    "langfuse": 5,
    "monitoring": 5,
    "listeners": 5,
    "control": 5,
    "destinations": 5,
    "plugins": 5,
    "finishing": 5,
    "brake": 4,
    "budgeting": 5,
    "exclusion": 0,
    "fake_files": 5,
    "compiled": 0,
    "lasting": 0,
    "loops": 0,
    "clocks": 0,
    "signals": 5,
    "watching": 5,
    "reloading": 5,
    "active": 5,
    "runtime": 6,
    "diagnosis": 7,
    "viewer": 7,
    "testing": 7,
    "cli": 8,
    "_bootstrap": 8,
    "": 9,
}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_of(file: Path) -> list[str]:
    found = []
    tree = ast.parse(file.read_text())
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []  # for the type checker only: nothing is imported
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tracing_proxies"):
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "tracing_proxies" else []
            found += names or [node.module]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("tracing_proxies.")]
    return found


def test_no_room_imports_one_that_stands_above_it() -> None:
    backwards = []
    for file in sorted(PACKAGE.rglob("*.py")):
        here = file.relative_to(PACKAGE).with_suffix("").parts[0]
        here = "" if here == "__init__" else here
        for module in imports_of(file):
            if ORDER[room_of(module)] > ORDER[here]:
                backwards.append(f"{file.relative_to(PACKAGE)} imports {module}")
    assert backwards == []


def test_weaving_and_delivery_do_not_know_each_other() -> None:
    for room, other in (("weaving", "delivery"), ("delivery", "weaving")):
        for file in (PACKAGE / room).rglob("*.py"):
            assert not any(room_of(module) == other for module in imports_of(file)), file


def test_every_package_is_installed_with_the_distribution() -> None:
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    there = {".".join(file.parent.relative_to(PACKAGE.parent).parts) for file in PACKAGE.rglob("__init__.py")}
    assert there <= listed
