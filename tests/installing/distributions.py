"""Builds the distributions from a clean copy of the checkout, and installs them where nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("INSTALL_PYTHON") or sys.executable
LANGFUSE = os.environ.get("INSTALL_LANGFUSE") or ""
# Of the environment only what a package index, a proxy or a compiler may need: nothing of this checkout's.
_KEPT = (
    "PATH",
    "LANG",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
_TREE = ("tracing_proxies", "adapters", "dashboards", "tests", "perf", "docs", "examples")


@attrs.frozen
class Built:
    """The distributions of one build."""

    sdist: Path
    wheel: Path


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment for programs that are to know nothing of this checkout."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PIP_")}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        **more,
    }


def run(*command: str | Path, cwd: Path, env: dict[str, str]) -> str:
    """Run a program to its end and return what it printed; what it complained of is shown where it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_checkout(folder: Path) -> Path:
    """Copy what a fresh clone would hold: neither what was built in place nor what tests have left."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info", ".tracing_proxies")
    for name in _TREE:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".git":
            shutil.copy2(file, folder / file.name)
    return folder


def build_sdist(checkout: Path, target: Path, env: dict[str, str]) -> Path:
    """Build the source distribution."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", target, checkout, cwd=target.parent, env=env)
    (sdist,) = target.glob("*.tar.gz")
    return sdist


def build_wheel(sdist: Path, target: Path, env: dict[str, str]) -> Path:
    """Build a wheel from the source distribution, by the Python that it is for."""
    run(PYTHON, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", target, sdist, cwd=target.parent, env=env)
    (wheel,) = target.glob("*.whl")
    return wheel


def names_in_sdist(sdist: Path) -> set[str]:
    """List the files of a source distribution, without the folder that holds them all."""
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def names_in_wheel(wheel: Path) -> set[str]:
    """List the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def read_in_wheel(wheel: Path, ending: str) -> str:
    """Return the one file of a wheel whose name ends so."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode("utf-8")
