"""Modules are named as the application imports or starts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scanning.support import plant, scan
from tracing_proxies.scanning.survey import survey

AGENT = "class MyAgent:\n    def run(self):\n        return 1\n"


def modules(folder: Path, files: dict[str, str | bytes]) -> list[str]:
    return sorted(scan(folder, files).application.modules)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"shop/__init__.py": "", "shop/agents/__init__.py": "", "shop/agents/base.py": ""},
         ["shop", "shop.agents", "shop.agents.base"]),
        ({"src/shop/__init__.py": "", "src/shop/agents.py": ""}, ["shop", "shop.agents"]),
        ({"app.py": "import shop.agents", "shop/agents.py": ""}, ["app", "shop.agents"]),
        ({"app.py": "from shop import agents", "shop/agents.py": ""}, ["app", "shop.agents"]),
        ({"src/a/b/c.py": "", "src/main.py": "from a.b.c import x"}, ["a.b.c", "main"]),
        ({"examples/one.py": "", "examples/two.py": "import one"}, ["one", "two"]),
        ({"pkg/a.py": "from . import b", "pkg/b.py": ""}, ["pkg.a", "pkg.b"]),
        ({"pkg/__main__.py": "", "pkg/__init__.py": ""}, ["pkg", "pkg.__main__"]),
        ({"01-start.py": ""}, ["__main__"]),
        ({"ns/shop/__init__.py": "", "ns/shop/agents.py": "", "app.py": "import ns.shop.agents"},
         ["app", "ns.shop", "ns.shop.agents"]),
    ],
)  # fmt: skip
def test_layouts(tmp_path: Path, files: dict[str, str | bytes], expected: list[str]) -> None:
    assert modules(tmp_path, files) == expected


def test_a_folder_within_a_package_keeps_the_packages_name(tmp_path: Path) -> None:
    plant(tmp_path, {"shop/__init__.py": "", "shop/agents/__init__.py": "", "shop/agents/base.py": AGENT})
    assert sorted(survey([tmp_path / "shop" / "agents"]).application.modules) == ["shop.agents", "shop.agents.base"]
    assert sorted(survey([tmp_path / "shop" / "agents" / "base.py"]).application.modules) == ["shop.agents.base"]


def test_a_namespace_package_of_an_installation_is_named_from_there(tmp_path: Path) -> None:
    plant(tmp_path, {"site-packages/shop/agents.py": AGENT})
    assert list(survey([tmp_path / "site-packages" / "shop"]).application.modules) == ["shop.agents"]


def test_a_second_script_that_cannot_be_imported_is_left_out_by_name(tmp_path: Path) -> None:
    found = scan(tmp_path, {"01-a.py": AGENT, "02-b.py": AGENT})
    assert list(found.application.modules) == ["__main__"]
    assert "02-b.py: its name cannot be imported" in found.left_out[0]


def test_the_same_name_twice_is_read_once(tmp_path: Path) -> None:
    found = scan(tmp_path, {"a/main.py": AGENT, "b/main.py": AGENT})
    assert list(found.application.modules) == ["main"]
    assert len(found.candidates) == 1
