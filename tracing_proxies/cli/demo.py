"""`tracing-proxies demo`: run the retail optimiser traced into a local store, and to Langfuse, and show one trace."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from tracing_proxies import destinations, runtime
from tracing_proxies.cli.report import newest_traces, render, write_privately
from tracing_proxies.cli.stores import surroundings
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.viewer.store import Summary, most_telling_trace, open_for_reading, read_trace, summarise
from tracing_proxies.viewer.tree import draw_trace

_CONCURRENCY = 6
_MOST_REPORTED = 100


@click.command()
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; an old one is replaced.")
@click.option("--seed", default=7, show_default=True, help="Seed of the simulated market.")
def demo(registry: Path | None, store: Path | None, seed: int) -> None:
    """Run the retail simulation, all of its scenarios, six at a time, and show what was traced.

    It needs the example application of the source checkout (`make demo` installs it). Its store is local in any case;
    where LANGFUSE_BASE_URL, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY name a project, the same goes there as well.
    """
    path = find_registry(registry, os.environ, Path.cwd())
    file = (store or path.parent / ".tracing_proxies" / "demo.db").absolute()
    _remove(file)
    environment = {**os.environ, "TRACING_PROXIES__EXPORT__LOCAL__PATH": str(file)}
    server = destinations.langfuse_host(os.environ)
    if server is not None:
        environment["TRACING_PROXIES__EXPORT__LANGFUSE__HOST"] = server
    console = Console()
    runtime.activate(load_registry(path, environ=environment))
    try:
        with console.status("running 21 market triggers, six at a time …"):
            triggers = _simulate(seed)
        delivered = runtime.flush(30.0)
        status = runtime.status()
    finally:
        runtime.deactivate()
    with open_for_reading(file) as connection:
        summary = summarise(connection)
        chosen = most_telling_trace(connection)
        tree = draw_trace(read_trace(connection, chosen)) if chosen else None
    if tree is not None:
        console.print(tree)
    console.print()
    page = Path.cwd() / "demo-report.html"
    with open_for_reading(file) as connection:
        newest = newest_traces(connection, _MOST_REPORTED)
        write_privately(page, render(connection, newest, surroundings(path, file)))
    verdict = _conclude(file, triggers, summary, status["open"], delivered)
    if "langfuse" in status["delivery"]["sinks"]:
        click.echo(f"sent:   {_describe_sent(status)}")
    click.echo(f"report: {_short(page)}")
    click.echo(f"page:   {_command()} ui --store {_short(file)}")
    raise SystemExit(verdict)


def _describe_sent(status: dict[str, Any]) -> str:
    """Say what of it has arrived at the server, and what has not."""
    spans = status["delivery"]["sinks"]["langfuse"]
    scores = status["scores"]["sinks"]["scores"]
    told = f"{spans['delivered']} spans and {scores['delivered']} scores to {spans['address']}"
    waiting = sum(sink["queued"] + sink["spooled"] for sink in (spans, scores))
    lost = sum(sum(sink["dropped"].values()) for sink in (spans, scores))
    if waiting:
        told += f"; {waiting} wait for the next process" + (f" ({spans['reason']})" if spans["reason"] else "")
    return told + (f"; {lost} were dropped" if lost else "")


def _command() -> str:
    """Return how this command was called, as one would type it again."""
    found = shutil.which("tracing-proxies")
    here = Path(sys.argv[0]).absolute()
    return "tracing-proxies" if found and here.exists() and os.path.samefile(found, here) else _short(here)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _simulate(seed: int) -> int:
    try:
        from retail.run import name_scenarios, run
    except ModuleNotFoundError as error:
        message = "the example application is not installed. In the source checkout, run: make demo"
        raise click.ClickException(f"{message} ({error})") from None
    report: Any = asyncio.run(run(name_scenarios("all"), seed, _CONCURRENCY))
    return len(report.outcomes)


def _conclude(file: Path, triggers: int, summary: Summary, left_open: int, delivered: bool) -> int:
    leaks = count_leaks(file)
    click.echo(
        f"demo: triggers={triggers} traces={summary.triggers} spans={summary.spans} open={left_open} "
        f"errors={summary.errors} leaks={leaks} store={file}"
    )
    return int(leaks > 0 or left_open > 0 or summary.triggers != triggers or not delivered)


def count_leaks(file: Path) -> int:
    """Count how often the application's seeded e-mail, phone number and key stand in a store's files, as bytes."""
    from retail.simulation import contacts

    secrets = [contacts.CONTACT_EMAIL, contacts.CONTACT_PHONE, contacts.SUPPLIER_API_KEY]
    files = [found for found in file.parent.glob(file.name + "*") if found.is_file()]
    return sum(found.read_bytes().count(secret.encode()) for found in files for secret in secrets)


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
