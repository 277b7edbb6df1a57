"""`tracing-proxies push`: send what the local store holds to a server, or what the server has refused before."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracing_proxies import destinations
from tracing_proxies.delivery.push import Pushed, push
from tracing_proxies.delivery.redelivery import read_letters, redeliver
from tracing_proxies.delivery.sinks.otlp import OtlpSink
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.errors import ActivationError
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Export, LangfuseExport, OtlpExport, Registry
from tracing_proxies.registry.units import UnitError, parse_duration
from tracing_proxies.viewer.store import count_since, open_for_reading, read_observations

_BATCH = 512


@click.command("push")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; else the registry's.")
@click.option(
    "--to",
    type=click.Choice(["langfuse", "otlp"]),
    default="langfuse",
    show_default=True,
    help="Where to: a Langfuse server, or any OTLP/HTTP receiver.",
)
@click.option("--since", metavar="AGE", help="Only spans that are younger, as in 2h or 7d; else all.")
@click.option("--patience", metavar="TIME", default="60s", show_default=True, help="How long a silent server is tried.")
@click.option("--dead", is_flag=True, help="Not the store: the spans that the server has refused, one by one.")
@click.option("--show", is_flag=True, help="With --dead: print them, one JSON document a line, and send nothing.")
def push_store(
    registry: Path | None, store: Path | None, to: str, since: str | None, patience: str, dead: bool, show: bool
) -> None:
    """Send what the local store holds to a server.

    Address and keys are those of the registry's `export:` block and of the environment (LANGFUSE_BASE_URL,
    LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY; OTEL_EXPORTER_OTLP_ENDPOINT). Every span keeps its ids, so that sending
    it twice makes it no second span: an interrupted push may simply be repeated.

    With --dead, the spans are sent again that the server has refused as unfit or too large: it may take them by now.
    Those that it takes are forgotten, the others stay.
    """
    if show and not dead:
        raise click.UsageError("--show goes with --dead")
    try:
        after = 0 if since is None else time.time_ns() - parse_duration(since)
        seconds = parse_duration(patience) / 1e9
    except UnitError as error:
        raise click.UsageError(error.message) from None
    found = load_registry(find_registry(registry, os.environ, Path.cwd()))
    if dead:
        _push_dead(found, to, show=show)
        return
    file = store or destinations.store_path(found)
    sink = _sink(found, to)
    try:
        pushed = _push(file, sink, after, seconds)
    except FileNotFoundError:
        raise click.ClickException(f"there is no store at {file}; run the application traced first") from None
    finally:
        sink.close()
    _tell(pushed, sink)


def _push_dead(registry: Registry, to: str, *, show: bool) -> None:
    sink = _sink(registry, to, memory=False)
    if not isinstance(sink, OtlpSink) or sink.dead is None:
        raise click.ClickException(f"nothing is kept for {to}: its durability is `memory`")
    try:
        if show:
            for letter in read_letters(sink.dead):
                click.echo(json.dumps(letter, ensure_ascii=False))
            return
        pushed = redeliver(sink.dead, sink)
    finally:
        sink.close()
    _tell(pushed, sink)


def _sink(registry: Registry, to: str, *, memory: bool = True) -> Sink:
    export = registry.export
    if to == "langfuse":
        only = Export(langfuse=export.langfuse or LangfuseExport(), explicit=True)
    else:
        only = Export(otlp=export.otlp or OtlpExport(), explicit=True)
    if memory:  # nothing is kept on disk: it is there already
        in_memory = {
            name: attrs.evolve(one, durability="memory")
            for name in ("langfuse", "otlp")
            if (one := getattr(only, name))
        }
        only = attrs.evolve(only, **in_memory)
    sinks = destinations.open_sinks(attrs.evolve(registry, export=only), os.environ)
    if len(sinks) != 1:
        raise ActivationError(f"there is no destination {to!r}")
    return sinks[0]


def _push(file: Path, sink: Sink, since: int, patience: float) -> Pushed:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with open_for_reading(file) as connection, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("spans", total=count_since(connection, since))

        def show(pushed: Pushed) -> None:
            progress.update(task, completed=pushed.delivered + pushed.dropped.total())

        return push(read_observations(connection, since, _BATCH), sink, patience=patience, progress=show)


def _tell(pushed: Pushed, sink: Sink) -> None:
    click.echo(f"{pushed.delivered:,} spans delivered to {sink.name}")
    for reason, spans in pushed.dropped.items():
        click.echo(f"{spans:,} spans were refused: {reason}", err=True)
    if pushed.stopped:
        click.echo(f"stopped: {pushed.stopped}. Repeat the command to send the rest.", err=True)
    if pushed.stopped or pushed.dropped:
        raise SystemExit(1)
