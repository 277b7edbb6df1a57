"""`scan` as a newcomer uses it: scan, check, run, look; and the README's section on it, run as it stands."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import inherited
from tests.scanning.idioms import ALL, OWN

BIN = Path(sys.executable).parent
README = Path(__file__).parents[2] / "README.md"
TITLE = "## Trace an application you have never seen"


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return execute(folder, [str(BIN / "tracing-proxies"), *arguments], **variables)


def execute(folder: Path, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environ = inherited()
    environ["PATH"] = f"{BIN}{os.pathsep}{environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, env={**environ, **variables}, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(OWN)
    (tmp_path / "app.py").write_text(
        "import asyncio\nfrom shop import TaskConsumer\n\n"
        "def main():\n    print(asyncio.run(TaskConsumer().handle('order', 's-1')))\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    return tmp_path


def test_a_registry_is_written_that_check_passes_and_that_traces_the_application(folder: Path) -> None:
    told = run(folder, "scan", ".")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("registry.yaml: 7 rules from 2 files\n")
    assert "tracing-proxies check --import" in told.stdout
    assert "tracing-proxies run -- python app.py" in told.stdout
    text = (folder / "registry.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./registry.schema.json\n")
    assert "# BaseAgent is called an agent (shop.py:14)" in text
    checked = run(folder, "check", "--import")
    assert (checked.returncode, checked.stderr) == (0, "")
    traced = run(folder, "run", "--", sys.executable, "app.py")
    assert traced.stdout == execute(folder, [sys.executable, "app.py"]).stdout
    status = json.loads(run(folder, "status", "--json").stdout)
    assert (status["traces"], status["spans"]) == (1, 6)


def test_a_file_that_is_there_is_kept_unless_forced(folder: Path) -> None:
    (folder / "registry.yaml").write_text("mine")
    told = run(folder, "scan", ".")
    assert told.returncode == 1
    assert "registry.yaml is there already" in told.stderr
    assert (folder / "registry.yaml").read_text() == "mine"
    assert run(folder, "scan", ".", "-o", "other.yaml").returncode == 0
    assert run(folder, "scan", ".", "--force").returncode == 0
    assert (folder / "registry.yaml").read_text() == (folder / "other.yaml").read_text()


def test_a_link_that_leads_nowhere_counts_as_a_file_that_is_there(folder: Path) -> None:
    (folder / "registry.yaml").symlink_to(folder / "elsewhere.yaml")
    assert run(folder, "scan", ".").returncode == 1
    assert not (folder / "elsewhere.yaml").exists()


def test_a_registry_elsewhere_is_named_in_the_commands_that_are_proposed(folder: Path) -> None:
    told = run(folder, "scan", ".", "-o", "my files/traced.yaml")
    assert (told.returncode, told.stderr) == (
        1,
        "Error: cannot write my files/traced.yaml: No such file or directory\n",
    )
    (folder / "my files").mkdir()
    told = run(folder, "scan", ".", "-o", "my files/traced.yaml")
    commands = [shlex.split(line) for line in told.stdout.partition("next:\n")[2].splitlines()[1:]]
    assert len(commands) == 3
    for command in commands:
        done = execute(folder, command)
        assert done.returncode == 0, (command, done.stderr)
    assert re.search(r"^traces +1$", done.stdout, re.M)


def test_the_registry_goes_to_the_standard_output_on_demand(folder: Path) -> None:
    told = run(folder, "scan", ".", "-o", "-")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == run(folder, "scan", ".", "-o", "-").stdout
    (folder / "piped.yaml").write_text(told.stdout)
    assert run(folder, "check", "piped.yaml").returncode == 0
    assert not (folder / "registry.yaml").exists()


def test_what_was_found_is_one_json_document(folder: Path) -> None:
    told = run(folder, "scan", ".", "--json")
    document = json.loads(told.stdout)
    assert not (folder / "registry.yaml").exists()
    assert {
        key: value
        for key, value in next(f for f in document["findings"] if f["kind"] == "tool").items()
        if key != "why"
    } == {"kind": "tool", "target": "shop:SearchTool.execute", "file": "shop.py", "line": 67}
    assert [hot["target"] for hot in document["hot"]] == ["shop:score"]
    assert document["registry"].startswith("# yaml-language-server")


def test_modules_out_of_reach_are_put_on_the_path_by_the_commands_that_are_proposed(folder: Path) -> None:
    (folder / "src").mkdir()
    for name in ("shop.py", "app.py"):
        (folder / name).rename(folder / "src" / name)
    told = run(folder, "scan", ".")
    assert "PYTHONPATH=src tracing-proxies check --import\n" in told.stdout
    assert run(folder, "check", "--import").returncode == 1
    assert run(folder, "check", "--import", PYTHONPATH="src").returncode == 0


def test_progress_is_shown_on_a_terminal_only(folder: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [str(BIN / "tracing-proxies"), "scan", "."],
        cwd=folder, env={**os.environ, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "reading" in shown
    assert b"reading" not in done.stdout


def test_an_installed_package_is_scanned_by_its_name(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "scan", "strands", "--json").stdout)
    assert found["files"] > 50
    assert all(finding["target"].startswith("strands.") for finding in found["findings"])


@pytest.mark.parametrize("name", ["nothing-here", "no_such_package", "../missing"])
def test_a_source_that_is_not_there_is_told_in_plain_words(tmp_path: Path, name: str) -> None:
    told = run(tmp_path, "scan", name)
    assert told.returncode == 1
    assert told.stderr == f"Error: {name} is no file, no folder and no package that is installed here.\n"


def test_a_file_that_is_no_python_is_told_and_does_not_stop_the_scan(folder: Path) -> None:
    (folder / "broken.py").write_text("def (\n")
    told = run(folder, "scan", ".")
    assert told.returncode == 0
    assert "not read: broken.py: no Python: line 1" in told.stderr


def test_nothing_to_trace_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("x = 1\n")
    told = run(tmp_path, "scan", ".")
    assert "No agent, tool or model was recognised. Write a rule for a function of yours" in told.stdout
    assert run(tmp_path, "check", "--import").returncode == 0


def test_rules_for_a_script_that_cannot_be_imported_pass_and_take_effect(tmp_path: Path) -> None:
    script = "class MyAgent:\n    def run(self, task):\n        return task\n\n"
    script += "if __name__ == '__main__':\n    import json\n    print([MyAgent().run(i) for i in range(3)])\n"
    (tmp_path / "01-start.py").write_text(script)
    assert run(tmp_path, "scan", ".").returncode == 0
    assert "__main__:MyAgent.run" in (tmp_path / "registry.yaml").read_text()
    assert run(tmp_path, "check", "--import").returncode == 0
    assert run(tmp_path, "run", "--", sys.executable, "01-start.py").stdout == "[0, 1, 2]\n"


@pytest.mark.parametrize("name", ["strands", "servers", "own", "frames", "mcp", "bedrock"])
def test_programs_whose_libraries_are_here_pass_check_with_imports(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}_app.py").write_text(ALL[name])
    assert run(tmp_path, "scan", ".").returncode == 0
    checked = run(tmp_path, "check", "--import")
    assert (checked.returncode, checked.stderr) == (0, "")


def readme_section() -> str:
    return README.read_text().partition(TITLE + "\n")[2].partition("\n## ")[0]


def test_the_readmes_section_does_what_it_says(folder: Path) -> None:
    [block] = re.findall(r"```sh\n(.*?)```", readme_section(), re.S)
    commands = [line.partition("#")[0].strip() for line in block.splitlines()]
    assert commands[0].startswith("pip install ")  # this environment has it
    told = ""
    for command in commands[1:]:
        done = execute(folder, command.split())
        assert done.returncode == 0, (command, done.stderr)
        told += done.stdout
    assert re.search(r"^traces +1$", told, re.M)


def test_the_readmes_section_names_what_a_scan_writes(folder: Path) -> None:
    run(folder, "scan", ".")
    written = (folder / "registry.yaml").read_text()
    [block] = re.findall(r"```yaml part\n(.*?)```", readme_section(), re.S)
    assert block.rstrip() in written
