"""Programs that trace the tests' shop, each in a real process, by way of a spool and to a server over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.contract.server import PUBLIC_KEY, SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
RULE = "{ sample: always, match: ['tests.delivery.shop:Shop.*'] }"
PRELUDE = """
import os, signal, sys, threading, time
import tracing_proxies
from tests.delivery import shop as _module
from tests.delivery.programs import accounts, registry
shop = _module.Shop()
def sell(numbers):
    for number in numbers:
        assert shop.sell(number) == {"order": number}
def tell(*values):
    os.write(1, (" ".join(map(str, values)) + "\\n").encode())
"""
ACTIVATE = "tracing_proxies.activate(registry())\n"


def registry(durability: str = "", **spool: str) -> Any:
    """Return what the environment of a program asks for: Langfuse's keys from there, the spool's folder as well."""
    from tracing_proxies.testing import registry_from

    kept = durability or os.environ.get("TEST_DURABILITY", "spill")
    settings = {"path": os.environ["TEST_SPOOL"], **spool}
    return registry_from(
        f"version: 1\nexport: {{ langfuse: {{ durability: {kept} }} }}\n"
        f"spool: {json.dumps(settings)}\ntrace: [{RULE}]\n"
    )


def accounts() -> dict[str, Any]:
    """Return this process's accounts, after making sure that they balance."""
    import tracing_proxies

    found: dict[str, Any] = tracing_proxies.status()["delivery"]
    known = found["delivered"] + found["sampled_out"] + sum(found["dropped"].values())
    assert found["produced"] == known + found["queued"] + found["spooled"], found
    return found


def environment(url: str, folder: Path) -> dict[str, str]:
    """Return what the environment of a program says: the server, its keys, and the folder of the spool."""
    return {
        **os.environ,
        "LANGFUSE_BASE_URL": url,
        "LANGFUSE_PUBLIC_KEY": PUBLIC_KEY,
        "LANGFUSE_SECRET_KEY": SECRET_KEY,
        "TEST_SPOOL": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }


def begin_and_sell(first: int, end: int) -> None:
    """What a child does that knows of its parent no more than the environment: activate, and sell."""
    import tracing_proxies
    from tests.delivery.shop import Shop

    tracing_proxies.activate(registry())
    for number in range(first, end):
        Shop().sell(number)
    accounts()


def start(
    url: str,
    folder: Path,
    script: str,
    *arguments: str,
    active: bool = True,
    before: str = "",
    stdin: bool = False,
    **variables: str,
) -> Any:
    """Start a program; its standard output and error are pipes.

    Args:
        url: the server's address.
        folder: for the spool.
        script: what it does, after the prelude above.
        active: whether tracing is activated before.
        before: what it does before anything else.
        stdin: whether its standard input is a pipe, too.
        variables: added to its environment.
    """
    environ = {**environment(url, folder), **variables}
    text = before + PRELUDE + (ACTIVATE if active else "") + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", text, *arguments],
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=ROOT,
    )


def finish(process: Any, *, status: int = 0) -> str:
    """Return what a program has printed; it must end as told, without a word on its error output."""
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (status, ""), f"{process.returncode}\n{output}\n{errors}"
    return str(output)


def run(url: str, folder: Path, script: str, *arguments: str, status: int = 0, **options: Any) -> str:
    """Start a program and see it end."""
    return finish(start(url, folder, script, *arguments, **options), status=status)


def numbers(rows: list[dict[str, Any]], name: str = "Shop.sell") -> list[int]:
    """Return the numbers of the calls that a server has received, sorted."""
    return sorted(json.loads(row["input"])["number"] for row in rows if row["name"] == name)
