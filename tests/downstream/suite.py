"""One library: its sources with their tests, an environment of its own, and one run of its suite."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import attrs
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REFERENCES = ("reference", "encoded")
MODES = ("plain", "woven", *REFERENCES)
OURS = ("tracing_proxies", "adapters")
_TIMEOUT = 1_800.0  # seconds, for one run of a suite


@attrs.frozen
class Library:
    """One entry of ``libraries.yaml``."""

    name: str
    sdist: str
    weave: tuple[str, ...]
    pytest: tuple[str, ...]
    needs: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()


@attrs.frozen
class Run:
    """What one run of a suite came to: the outcome and the failure's text by test, and the plugin's report."""

    outcomes: dict[str, str]
    texts: dict[str, str]
    report: dict[str, Any]
    ended: bool

    @property
    def passed(self) -> set[str]:
        """The tests that passed."""
        return {test for test, outcome in self.outcomes.items() if outcome == "passed"}


def load(path: Path = HERE / "libraries.yaml") -> list[Library]:
    """Read a list of libraries."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Library(name=name, **{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
            for name, entry in entries.items()]  # fmt: skip


class Suite:
    """A library, made ready to be tested.

    Args:
        work: a folder for sources, environment and results.
        python: the interpreter to make the environment with.
        budget: what tracing may cost.
    """

    def __init__(self, library: Library, work: Path, python: str, budget: str = "unlimited") -> None:
        self.library = library
        self.budget = budget
        self.folder = work.absolute() / library.name
        self.python = os.path.abspath(python) if os.sep in python else python  # it is started in other folders

    @property
    def source(self) -> Path:
        """The unpacked source distribution."""
        return next(path for path in (self.folder / "source").iterdir() if path.is_dir())

    @property
    def installed(self) -> Path:
        """Where this project's packages seem to be installed, as they are for a user.

        A development install will not do: hypothesis draws its examples from the constants of all modules that lie
        outside of ``site-packages``, so with ours among them a suite would do other work than without.
        """
        return self.folder / "ours" / "site-packages"

    def prepare(self) -> None:
        """Fetch and install, unless that has been done for this very entry and for what this project needs."""
        # Installed packages are loaded from bytecode, so this one is to be: its sources are used where they lie.
        subprocess.run((self.python, "-m", "compileall", "-q", *(ROOT / name for name in OURS)), check=True)
        marker = self.folder / "ready"
        # What was made ready from another checkout would run that one's code.
        wanted = f"{ROOT}\n{self.library!r}\n{(ROOT / 'setup.cfg').read_text(encoding='utf-8')}"
        if not (self.installed.exists() and marker.exists() and marker.read_text(encoding="utf-8") == wanted):
            self._install()
            marker.write_text(wanted, encoding="utf-8")
        self._hide()

    def _install(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._call(self.python, "-m", "venv", "env")
        extras = re.search(r"\[.*\]", self.library.sdist)
        requirement = self.library.sdist.replace(extras[0], "") if extras else self.library.sdist
        pip = ("env/bin/python", "-m", "pip", "--quiet", "--disable-pip-version-check")
        # Not `:all:`, which holds for what the library is built with as well.
        name = re.split(r"[=<>~!;\s]", requirement)[0]
        self._call(*pip, "download", "--no-deps", "--no-binary", name, "-d", "sdist", requirement)
        archive = next((self.folder / "sdist").glob("*.tar.gz"))
        with tarfile.open(archive) as tar:
            tar.extractall(self.folder / "source", filter="data")
        # pytest takes the nearest settings above: a library that has none would get ours.
        (self.folder / "source" / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        here = f"{self.source}{extras[0] if extras else ''}"
        self._call(*pip, "install", here, *self.library.needs, "-e", str(ROOT))
        self.installed.mkdir(parents=True)
        for name in OURS:
            (self.installed / name).symlink_to(ROOT / name)

    def _hide(self) -> None:
        """Move the library's packages out of the unpacked sources, so that its tests import those that are installed.

        pytest puts the folder of the sources before ``site-packages``, so where a package lies in it the tests would
        import that: not compiled, and taken for an application's own code. Tests within a package are put beside what
        is installed of it, where they are left out.
        """
        tests = [argument for argument in (*self.library.pytest, *self.library.part) if not argument.startswith("-")]
        for package in self.library.weave:
            for path in (place / name for place in self._places for name in (package, f"{package}.py")):
                here = path.relative_to(self.source)
                if path.exists() and self._moved(here).exists():
                    if any(Path(test).is_relative_to(here) for test in tests) and path.is_dir():
                        shutil.copytree(path, self._moved(here), dirs_exist_ok=True, copy_function=_add)
                    hidden = self.folder / "hidden" / here
                    hidden.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(hidden)

    @property
    def _places(self) -> tuple[Path, Path]:
        return self.source / "src", self.source

    @property
    def _site(self) -> Path:
        return next((self.folder / "env" / "lib").glob("python3*")) / "site-packages"

    def _moved(self, path: str | Path) -> Path:
        """Where something in the sources is installed."""
        place = next(place for place in self._places if (self.source / path).is_relative_to(place))
        return self._site / (self.source / path).relative_to(place)

    def _argument(self, argument: str) -> str:
        """An argument for pytest, with the installed tests instead of those that are hidden."""
        option, equals, path = argument.rpartition("=")
        if (self.source / path).exists() or not (self.folder / "hidden" / path).exists():
            return argument
        if equals:
            return f"{option}={self._moved(path)}"
        # By its name: pytest would look for settings near the file.
        return ".".join(self._moved(path).relative_to(self._site).with_suffix("").parts)

    def run(self, mode: str, *, part: bool = False) -> Run:
        """Run the suite once.

        Args:
            mode: one of ``MODES``.
            part: whether to run the small part only.
        """
        out = self.folder / mode
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        registry = out / "registry.yaml"
        registry.write_text(self._registry(), encoding="utf-8")
        registry.chmod(0o600)
        environ = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("TRACING_PROXIES", "LANGFUSE"))
            },
            "PYTHONPATH": f"{self.installed}{os.pathsep}{HERE / 'inside'}",
            "PYTHONHASHSEED": "0",
            "DOWNSTREAM_MODE": mode,
            "DOWNSTREAM_OUT": str(out),
            "DOWNSTREAM_WEAVE": ",".join(self.library.weave),
            "DOWNSTREAM_LEAVE": ",".join(self.library.leave),
            "DOWNSTREAM_REGISTRY": str(registry),
        }
        given = self.library.part if part and self.library.part else self.library.pytest
        arguments = [self._argument(argument) for argument in given]
        if any((self.folder / "hidden" / argument).exists() for argument in given):
            arguments += ["--pyargs", "--rootdir=../.."]  # else tests are named by what was given, and names meet
        if "hypothesis" in self.library.needs:
            arguments.append("--hypothesis-seed=0")  # else no run does the same work as another
        command = [
            "../../env/bin/python",
            "-m",
            "pytest",
            "-p",
            "downstream_plugin",
            "-p",
            "no:cacheprovider",
            *arguments,
        ]
        with (out / "output.txt").open("w") as output:
            child = subprocess.Popen(
                command,
                cwd=self.source,
                env=environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_TIMEOUT)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        return _read(out)

    def _registry(self) -> str:
        matches = []
        # By files, and by pattern for modules that are made without one.
        for module in [*self._modules(), *(f"{package}.**" for package in self.library.weave)]:
            matches += [f"{module}:*", *(f"{module}:{'*.' * depth}*" for depth in (1, 2, 3))]
        leave = [f"{module}:{path}" for module in self.library.leave for path in ("*", "*.*", "*.*.*")]
        registry = {
            "version": 1,
            "service": {"name": "downstream"},
            "sampling": {"budget": self.budget},
            "export": {"discard": {}},
            "defaults": {"nested": "child", "capture": {"input": True, "output": True}},
            "trace": [{"match": matches, **({"except": leave} if leave else {})}],
        }
        return yaml.safe_dump(registry, sort_keys=False)

    def _modules(self) -> list[str]:
        """Name the modules by their files: a pattern does not reach private ones, but their functions may be public."""
        site = self._site
        found = []
        for package in self.library.weave:
            base = site.joinpath(*package.split("."))
            files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
            for file in files:
                parts = file.relative_to(site).with_suffix("").parts
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                if all(part.isidentifier() for part in parts) and ".tests" not in name:
                    found.append(name)
        return found

    def _call(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{self.library.name}: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _add(file: str, where: str) -> None:
    if not Path(where).exists():
        shutil.copy2(file, where)


def _read(out: Path) -> Run:
    outcomes: dict[str, str] = {}
    texts: dict[str, str] = {}
    journal = out / "tests.jsonl"  # missing where the interpreter did not get as far as the plugin
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else ():
        entry = json.loads(line)
        if outcomes.get(entry["test"]) != "failed":
            outcomes[entry["test"]] = entry["outcome"]
            texts[entry["test"]] = entry["text"]
    report = out / "report.json"
    ended = report.exists()
    return Run(outcomes, texts, json.loads(report.read_text(encoding="utf-8")) if ended else {}, ended)
