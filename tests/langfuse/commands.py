"""Runs commands that ask a Langfuse server, in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from tests.contract.server import ContractServer
from tracing_proxies.cli.main import commands
from tracing_proxies.errors import TracingProxiesError


def keys(server: ContractServer) -> dict[str, str]:
    """Return the environment that names the server and its project."""
    return {
        "LANGFUSE_BASE_URL": server.url,
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
    }


def run(server: ContractServer, *arguments: str | Path, **variables: str) -> Result:
    """Run a command for a server; an error of ours is in the result's ``exception``."""
    environ: dict[str, str | None] = {**keys(server), "COLUMNS": "80", **variables}
    result = CliRunner().invoke(commands, [str(argument) for argument in arguments], env=environ)
    if result.exception is not None and not isinstance(result.exception, (SystemExit, TracingProxiesError)):
        raise result.exception
    return result
