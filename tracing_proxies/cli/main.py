"""The entry of the command line."""

from __future__ import annotations

import sys

import click

from tracing_proxies.cli.alerts import alerts
from tracing_proxies.cli.check import check
from tracing_proxies.cli.config import config
from tracing_proxies.cli.control import off, on, reload
from tracing_proxies.cli.dashboards import dashboards
from tracing_proxies.cli.demo import demo
from tracing_proxies.cli.doctor import doctor
from tracing_proxies.cli.explain import explain
from tracing_proxies.cli.health import health
from tracing_proxies.cli.mask import mask, unmask
from tracing_proxies.cli.metrics import metrics
from tracing_proxies.cli.push import push_store
from tracing_proxies.cli.report import report
from tracing_proxies.cli.run import run
from tracing_proxies.cli.scan import scan
from tracing_proxies.cli.schema import schema
from tracing_proxies.cli.show import show, tail
from tracing_proxies.cli.status import status
from tracing_proxies.cli.top import top
from tracing_proxies.cli.ui import ui
from tracing_proxies.errors import ControlError, TracingProxiesError
from tracing_proxies.viewer.tree import plain


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tracing-proxies")
def commands() -> None:
    """Trace a Python agent application from registry.yaml, without touching its source."""


commands.add_command(run)
commands.add_command(scan)
commands.add_command(check)
commands.add_command(doctor)
commands.add_command(explain)
commands.add_command(config)
commands.add_command(status)
commands.add_command(top)
commands.add_command(health)
commands.add_command(alerts)
commands.add_command(schema)
commands.add_command(push_store)
commands.add_command(mask)
commands.add_command(unmask)
commands.add_command(off)
commands.add_command(on)
commands.add_command(reload)
commands.add_command(dashboards)
commands.add_command(metrics)
commands.add_command(ui)
commands.add_command(report)
commands.add_command(show)
commands.add_command(tail)
commands.add_command(demo)


def main() -> None:
    """Run the command line; an error of ours is told in plain words, and the exit status is not 0."""
    try:
        commands()
    except ControlError as error:
        print(plain(str(error)), file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except TracingProxiesError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
