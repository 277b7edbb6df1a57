"""The entry of the command line."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

from tracing_proxies.errors import ControlError, TracingProxiesError

_HOMES: Final = {
    "alerts": "alerts:alerts",
    "check": "check:check",
    "config": "config:config",
    "dashboards": "dashboards:dashboards",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "explain": "explain:explain",
    "health": "health:health",
    "mask": "mask:mask",
    "metrics": "metrics:metrics",
    "off": "control:off",
    "on": "control:on",
    "push": "push:push_store",
    "reload": "control:reload",
    "report": "report:report",
    "run": "run:run",
    "scan": "scan:scan",
    "schema": "schema:schema",
    "show": "show:show",
    "status": "status:status",
    "tail": "show:tail",
    "top": "top:top",
    "ui": "ui:ui",
    "unmask": "mask:unmask",
}


class _Commands(click.Group):
    """The commands, of which only the one that is called is imported: all of them take half a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOMES:
            return None
        module, _, name = _HOMES[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"tracing_proxies.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tracing-proxies")
def commands() -> None:
    """Trace a Python agent application from registry.yaml, without touching its source."""


def main() -> None:
    """Run the command line; an error of ours is told in plain words, and the exit status is not 0."""
    try:
        commands()
    except ControlError as error:
        from tracing_proxies.viewer.tree import plain

        print(plain(str(error)), file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except TracingProxiesError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
