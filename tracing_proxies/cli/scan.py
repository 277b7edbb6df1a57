"""`tracing-proxies scan`: read an application's source and propose a registry for it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.progress import Progress

from tracing_proxies.registry.discovery import NAME
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.scanning.files import MOST_FILES
from tracing_proxies.scanning.installed import find_package
from tracing_proxies.scanning.modules import LONGEST
from tracing_proxies.scanning.modules import Progress as Report
from tracing_proxies.scanning.survey import Survey, survey
from tracing_proxies.scanning.writing import write_registry


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SRC...")
@click.option("-o", "--output", default=NAME, show_default=True, help="The file to write; - for the standard output.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as one JSON document; write no file.")
@click.option("--max-files", default=MOST_FILES, show_default=True, help="How many files are read.")
@click.option("--max-seconds", default=LONGEST, show_default=True, help="How long files are read.")
def scan(sources: tuple[str, ...], output: str, force: bool, as_json: bool, max_files: int, max_seconds: float) -> None:
    """Read the source in SRC and propose a registry.

    SRC is a folder, a file, or the name of an installed package; several are taken together.

    Nothing of it is imported or run. Agents, tools, what makes agents work together and questions to models are found
    by their names, bases, decorators and calls; each proposed rule says by which.
    """
    to_file = output != "-" and not as_json
    if to_file and not force and os.path.lexists(output):
        raise click.ClickException(
            f"{output} is there already. Name another file with -o, or overwrite it with --force."
        )
    with _shown_progress() as report:
        found = survey(list(map(_locate, sources)), most_files=max_files, longest=max_seconds, progress=report)
    text = write_registry(found)
    parse_registry(text, file=output if to_file else NAME, base=Path.cwd(), environ={})
    if as_json:
        click.echo(json.dumps({**_document(found), "registry": text}, indent=2))
    elif to_file:
        try:
            Path(output).write_text(text, "utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
        _tell(found, output)
    else:
        click.echo(text, nl=False)


def _locate(source: str) -> Path:
    if os.path.exists(source):
        return Path(source)
    found = find_package(source)
    if found is None:
        raise click.ClickException(f"{source} is no file, no folder and no package that is installed here.")
    return found


@contextmanager
def _shown_progress() -> Iterator[Report | None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _tell(found: Survey, output: str) -> None:
    rules = len(found.proposal.rules)
    kinds = [candidate.kind for candidate in found.candidates]
    counts = ", ".join(_count(kinds.count(kind), name) for kind, name in _COUNTED.items() if kind in kinds)
    click.echo(f"{output}: {_count(rules, 'rule')} from {_count(found.files, 'file')}")
    if counts:
        click.echo(f"  in the application: {counts}")
    frameworks = [
        used.framework.distribution + ("" if used.preset else " (by rules)") for used in found.usage.frameworks
    ]
    if frameworks:
        click.echo(f"  frameworks: {', '.join(frameworks)}")
    if not rules and not found.proposal.uses:
        click.echo("  No agent, tool or model was recognised. Write a rule for a function of yours, as in the README.")
    for file, reason in found.unread[:5]:
        click.echo(f"  not read: {file}: {reason}", err=True)
    if len(found.unread) > 5:
        click.echo(f"  and {len(found.unread) - 5} more that were not read", err=True)
    for reason in found.left_out:
        click.echo(f"  left out: {reason}", err=True)
    if found.programs:
        click.echo(f"  {found.programs} programs: scan one by itself for rules of its own, as in: scan path/to/it.py")
    for other in found.elsewhere:
        click.echo(f"  {other.cls} is made at {other.file}:{other.line}. To see into it, scan its package as well:")
        click.echo(f"    tracing-proxies scan {' '.join(found.sources)} {other.package} --force")
    for name, line in found.acting[:5]:
        click.echo(f"  Importing {name} runs something (line {line}), and so does `check --import`.", err=True)
    variable = _path_variable(found, Path(output))
    click.echo("next:")
    click.echo(f"  read {output}; each rule says why it stands there")
    elsewhere = "" if output == NAME else shlex.quote(output)
    option = f" --registry {elsewhere}" if elsewhere else ""
    click.echo(f"  {variable}tracing-proxies check --import{' ' + elsewhere if elsewhere else ''}")
    click.echo(f"  {variable}tracing-proxies run{option} -- {_start_command(found)}")
    click.echo(f"  tracing-proxies status{option}")


_COUNTED = {
    "entry": "entry point",
    "chain": "orchestrating function",
    "agent": "agent method",
    "step": "step of an agent",
    "tool": "tool",
    "generation": "question to a model",
}
_PLURALS = {"step of an agent": "steps of agents", "question to a model": "questions to models"}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else _PLURALS.get(noun, noun + 's')}"


def _path_variable(found: Survey, output: Path) -> str:
    """Write what has to stand before a command so that the modules can be imported."""
    present = {Path.cwd(), output.absolute().parent, *(Path(entry or ".").absolute() for entry in sys.path[1:])}
    needed = {candidate.function.module for candidate in found.candidates}
    folders = [folder for folder, names in found.folders if folder not in present and needed & names]
    shown = [os.path.relpath(folder) for folder in folders[:4]]
    return f"PYTHONPATH={os.pathsep.join(shown)} " if shown else ""


def _start_command(found: Survey) -> str:
    """Write how the application is started, as far as its source tells."""
    entries = [candidate.function.module for candidate in found.candidates if candidate.kind == "entry"]
    modules = found.application.modules.values()
    programs = [module for module in modules if module.guarded or module.name.endswith(".__main__")]
    programs.sort(key=lambda module: module.name not in entries)
    if not programs:
        return "python app.py"
    first = programs[0]
    name = first.name.removesuffix(".__main__")
    return f"python -m {name}" if "." in first.name else f"python {first.file}"


def _document(found: Survey) -> dict[str, Any]:
    application = found.application
    return {
        "sources": list(found.sources),
        "files": found.files,
        "frameworks": [
            {"name": used.framework.distribution, "preset": used.preset, "evidence": application.file_of(used.evidence)}
            for used in found.usage.frameworks
        ],
        "findings": [
            {
                "kind": candidate.kind,
                "target": candidate.function.target,
                "file": application.file_of(candidate.function.module),
                "line": candidate.function.line,
                "why": candidate.why,
            }
            for candidate in found.candidates
        ],
        "framework_tools": [
            {"target": tool.name, "file": tool.file, "line": tool.line, "framework": tool.used.framework.distribution}
            for tool in found.covered
        ],
        "hot": [
            {
                "target": hot.function.target,
                "caller": hot.caller.target,
                "file": application.file_of(hot.caller.module),
                "line": hot.line,
                "loops": hot.loops,
            }
            for hot in found.hot
        ],
        "elsewhere": [attrs.asdict(other) for other in found.elsewhere],
        "reads_frames": [function.target for function in found.frames],
        "out_of_reach": [{"kind": r.kind, "target": r.name, "file": r.file, "line": r.line} for r in found.routes],
        "personal": list(found.personal),
        "run_on_import": [{"module": name, "line": line} for name, line in found.acting],
        "unread": [{"file": file, "reason": reason} for file, reason in found.unread],
        "left_out": list(found.left_out),
    }
