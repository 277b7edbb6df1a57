"""What is built from a checkout is complete, and does its work installed where there is nothing else."""

from __future__ import annotations

import configparser
import json
from email import message_from_string
from pathlib import Path

import pytest

from tests.installing.distributions import (
    LANGFUSE,
    PYTHON,
    ROOT,
    Built,
    build_sdist,
    build_wheel,
    clean_environment,
    copy_checkout,
    names_in_sdist,
    names_in_wheel,
    read_in_wheel,
    run,
)

REGISTRY = """\
version: 1
use: [threads]
trace:
  - match: shop:Agent.decide
    observation: agent
    outcome: { decision: result.decision }
"""
SHOP = """\
import langfuse  # the SDK that is installed beside the layer lives with what that needs


class Agent:
    def decide(self, item):
        return {"decision": f"order {item}", "ask": "ann@example.com"}
"""
APP = """\
import shop

print(shop.Agent().decide("milk")["decision"])
"""
_FACTS = """
import json, sys
from importlib import metadata
from tracing_proxies.compiled import hot
from tracing_proxies.registry.presets import preset_names
major = int(metadata.version("langfuse").partition(".")[0])
print(json.dumps([hot is not None, preset_names(), major, sys.version_info[:2]]))
"""


def pip(binaries: Path, *arguments: str | Path, cwd: Path) -> None:
    """Run pip on an environment that has none of its own."""
    command = (PYTHON, "-m", "pip", "--python", binaries / "python", *arguments)
    run(*command, cwd=cwd, env=clean_environment(cwd))


def files_of(folder: str) -> set[str]:
    """List the files of a folder of the checkout that a distribution should hold: all but what is made on the way."""
    found = (file.relative_to(ROOT) for file in (ROOT / folder).rglob("*") if file.is_file())
    return {str(file) for file in found if file.suffix not in (".so", ".pyc")}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def built(home: Path) -> Built:
    """The source distribution of a clean copy, and the wheel made from it where there is a compiler."""
    checkout = copy_checkout(home / "checkout")
    environment = clean_environment(home)
    sdist = build_sdist(checkout, home / "sdist", environment)
    return Built(sdist, build_wheel(sdist, home / "wheel", environment))


@pytest.fixture(scope="module")
def plain_wheel(built: Built, home: Path) -> Path:
    """The wheel made from the same source distribution where there is no compiler."""
    return build_wheel(built.sdist, home / "plain", clean_environment(home, CC="false"))


@pytest.fixture(scope="module")
def binaries(built: Built, home: Path) -> Path:
    """The programs of an environment that holds the wheel, what it needs, and nothing else."""
    environment = clean_environment(home)
    run(PYTHON, "-m", "venv", "--without-pip", home / "empty", cwd=home, env=environment)
    found = home / "empty" / "bin"
    wanted = [f"langfuse=={LANGFUSE}.*"] if LANGFUSE else []
    pip(found, "install", "--quiet", built.wheel, *wanted, cwd=home)
    return found


def test_the_source_distribution_holds_all_that_a_build_needs(built: Built) -> None:
    there = names_in_sdist(built.sdist)
    wanted = files_of("tracing_proxies") | files_of("adapters") | files_of("dashboards")
    assert len([name for name in wanted if name.endswith((".c", ".h"))]) > 5
    assert wanted <= there
    assert {"LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md", "setup.py", "setup.cfg", "pyproject.toml"} <= there
    folders = {name.partition("/")[0] for name in there if "/" in name}
    assert folders == {"tracing_proxies", "adapters", "dashboards", "tracing_proxies.egg-info"}
    assert not any(name.endswith((".so", ".pyc")) for name in there)


def test_the_wheel_holds_the_package_and_its_data_and_puts_nothing_beside_it(built: Built) -> None:
    there = names_in_wheel(built.wheel)
    package = {name for name in files_of("tracing_proxies") if not name.startswith("tracing_proxies/hot/")}
    presets = {f"tracing_proxies/{name}" for name in files_of("adapters") | files_of("dashboards")}
    kinds = {Path(name).suffix for name in package | presets}
    assert kinds >= {".py", ".typed", ".json", ".html", ".js", ".css", ".yaml"}
    assert package | presets <= there
    tops = {name.partition("/")[0] for name in there}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tracing_proxies"}
    (compiled,) = {name for name in there if name.startswith("tracing_proxies/")} - package - presets
    assert compiled.startswith("tracing_proxies/_hot.")
    licences = {Path(name).name for name in there if ".dist-info/" in name}
    assert {"LICENSE", "dagre.LICENSE"} <= licences


def test_the_wheel_says_what_the_checkout_says(built: Built) -> None:
    told = message_from_string(read_in_wheel(built.wheel, ".dist-info/METADATA"))
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert told["Name"] == "tracing-proxies"
    assert told["Version"] == settings["metadata"]["version"]
    assert f"## {told['Version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8").replace("[", "").replace("]", "")
    assert told["Requires-Python"] == ">=3.10"
    assert set(told.get_all("Provides-Extra", [])) >= {"ui", "keyring", "encryption", "presidio", "demo"}
    points = configparser.ConfigParser()
    points.read_string(read_in_wheel(built.wheel, ".dist-info/entry_points.txt"))
    assert dict(points["console_scripts"]) == {"tracing-proxies": "tracing_proxies.cli.main:main"}


def test_a_wheel_that_was_made_without_a_compiler_lacks_the_compiled_part_and_nothing_else(
    built: Built, plain_wheel: Path
) -> None:
    with_it, without = names_in_wheel(built.wheel), names_in_wheel(plain_wheel)
    assert {name for name in with_it - without if not name.startswith("tracing_proxies/_hot.")} == set()
    assert len(with_it - without) == 1
    assert without <= with_it


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "without a compiler"])
def test_an_empty_environment_traces_a_program_and_shows_it(
    compiled: bool, binaries: Path, built: Built, plain_wheel: Path, home: Path, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path)
    if not compiled:
        pip(binaries, "install", "--quiet", "--no-deps", "--force-reinstall", plain_wheel, cwd=home)
    facts = json.loads(run(binaries / "python", "-c", _FACTS, cwd=tmp_path, env=environment))
    is_compiled, presets, major, python = facts
    assert is_compiled is compiled
    assert presets == sorted(file.stem for file in (ROOT / "adapters").glob("*.yaml"))
    assert major == int(LANGFUSE) if LANGFUSE else 3 <= major <= 5
    assert python >= [3, 11] or major < 5
    pip(binaries, "check", cwd=home)

    command = binaries / "tracing-proxies"
    assert "Trace a Python agent application" in run(command, "--help", cwd=tmp_path, env=environment)
    for name, text in {"registry.yaml": REGISTRY, "shop.py": SHOP, "app.py": APP}.items():
        (tmp_path / name).write_text(text)
    assert "shop:Agent.decide" in run(command, "check", "--import", cwd=tmp_path, env=environment)
    said = run(command, "run", "--", binaries / "python", "app.py", cwd=tmp_path, env=environment)
    assert said == "order milk\n"
    shown = run(command, "show", cwd=tmp_path, env=environment)
    assert "Agent.decide" in shown
    assert "order milk" in shown
    assert b"ann@example.com" not in (tmp_path / ".tracing_proxies" / "traces.db").read_bytes()
