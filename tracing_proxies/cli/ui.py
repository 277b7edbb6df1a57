"""`tracing-proxies ui`: serve the page over a local store."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from pathlib import Path
from typing import Any, Final

import click

from tracing_proxies.cli.stores import surroundings

_SHORTEST_TOKEN: Final = 16
_PORT: Final = 8765
_TRIES: Final = 20


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="The store's file; else the registry's.")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"The port; else {_PORT} or the next free one.")
@click.option("--token", help="What a visitor must know, 16 characters or more; else one is made up.")
@click.option("--no-token", is_flag=True, help="Let in every user of this machine; on loopback only.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False), help="A TLS certificate, with --key.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The certificate's private key.")
@click.option("--insecure", is_flag=True, help="Allow plain text beyond loopback: all can read it on its way.")
def ui(
    store: Path | None,
    registry: Path | None,
    host: str,
    port: int | None,
    token: str | None,
    no_token: bool,
    certificate: str | None,
    key: str | None,
    insecure: bool,
) -> None:
    """Show what the local store holds on a page: traces, flows, agents, and tracing itself, as it happens.

    The page only reads. It answers at this machine's loopback address, to whoever knows the token in the address that
    is printed; the store itself is its owner's alone, and so the page is too.
    """
    local = _is_loopback(host)
    _judge(local, token, no_token, certificate, key, insecure)
    try:
        import uvicorn

        from tracing_proxies.viewer.server import make_app
    except ModuleNotFoundError as error:
        message = f"the page needs {error.name}: pip install 'tracing-proxies[ui]'"
        raise click.ClickException(message) from None
    around = surroundings(registry, store)
    listener = listen(host, port)
    chosen = listener.getsockname()[1]
    known = None if no_token else token or secrets.token_urlsafe(24)
    hosts = ("localhost", "127.0.0.1", "[::1]", _bracketed(host)) if local else None
    application = make_app(around, port=chosen, token=known, hosts=hosts, ending=lambda: server.should_exit)
    scheme = "https" if certificate else "http"
    address = f"{scheme}://{_bracketed(host)}:{chosen}/" + (f"?token={known}" if known else "")
    click.echo(f"store  {around.store}" + ("" if around.store.exists() else " (not there yet)"))
    click.echo(f"page   {address}")
    click.echo("Ctrl-C ends it.")
    configuration: dict[str, Any] = {"ssl_certfile": certificate, "ssl_keyfile": key} if certificate else {}
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,  # it would write the token down
            timeout_graceful_shutdown=1,
            server_header=False,
            lifespan="off",
            **configuration,
        )
    )
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # raised again once all is closed
        pass


def _judge(
    local: bool, token: str | None, no_token: bool, certificate: str | None, key: str | None, insecure: bool
) -> None:
    if token is not None and no_token:
        raise click.UsageError("--token and --no-token exclude each other")
    if token is not None and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise click.UsageError(f"--token needs {_SHORTEST_TOKEN} printable ASCII characters or more")
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together")
    if local:
        return
    if token is None:
        raise click.UsageError("beyond loopback the page needs --token: traces are not for everybody")
    if certificate is None and not insecure:
        message = "beyond loopback the page would travel as plain text: give --certificate and --key, or --insecure"
        raise click.UsageError(message)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def listen(host: str, port: int | None) -> socket.socket:
    """Take a port to listen at: the one that is named, 0 for any free one, None for the usual one or one of the next.

    Raises:
        click.ClickException: none of them is free, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = range(_PORT, _PORT + _TRIES) if port is None else [port]
    for candidate in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(128)  # from now on whoever opens the address waits for the server to start
            return listener
        except OSError as error:
            listener.close()
            if candidate == ports[-1]:
                raise click.ClickException(f"cannot listen at {_bracketed(host)}:{candidate}: {error}") from None
    raise AssertionError("no port was tried")
