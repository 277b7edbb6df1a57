"""The page on commands: each with its arguments, options and what its help says, from the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from tracing_proxies.cli.main import commands

_NOTE = "<!-- Made by `make docs` from the commands in tracing_proxies/cli. -->\n"
_HEAD = """# Commands

`tracing-proxies COMMAND --help` prints the same. Every command that reads the registry looks for
`TRACING_PROXIES_REGISTRY`, then for `registry.yaml` in the working directory and above it; `--registry FILE` names
another one.

"""


def page() -> str:
    """Return the page."""
    told = list(_all(commands, "tracing-proxies"))
    return _NOTE + _HEAD + "\n".join(_chapter(name, command) for name, command in told)


def _all(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in sorted(group.list_commands(context)):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _all(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def _chapter(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines = [f"## {name.partition(' ')[2]}", "", f"`{usage}`", "", _prose(command.help or ""), ""]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        lines += ["| option | what it does |", "|---|---|"]
        lines += [_row(option, context) for option in options]
        lines.append("")
    return "\n".join(lines)


def _prose(text: str) -> str:
    """Join the lines of a paragraph, and keep what click is told to keep as it stands."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        f"```text\n{part[1:].strip(chr(10))}\n```" if part.startswith("\b") else re.sub(r"\s*\n\s*", " ", part)
        for part in paragraphs
    )


def _row(option: click.Option, context: click.Context) -> str:
    name, does = (re.sub(r" +", " ", part).replace("|", "\\|") for part in option.get_help_record(context) or ("", ""))
    return f"| `{name}` | {does} |"
