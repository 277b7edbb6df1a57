"""One request to one server and its answer, within one deadline, for what is asked or told now and then."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from typing import Final

import attrs

from tracing_proxies.delivery.connecting import Connector, ProxyRefusal, find_proxy
from tracing_proxies.delivery.deadline import DeadlineSocket

_MOST_RECEIVED: Final = 256 * 1024
_USER_AGENT: Final = "tracing-proxies"


class ExchangeError(Exception):
    """Says why there is no answer, without anything of the address but the host.

    Args:
        where: the host.
        why: as the rest of a sentence that begins with it.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where} {why}")
        self.why = why


@attrs.frozen
class Answer:
    """What a server has answered.

    Args:
        date: its ``Date``, None where it gives none.
        retry_after: its ``Retry-After``, as it is written.
        body: the first bytes of it.
    """

    status: int
    date: str | None
    retry_after: str | None
    body: bytes


def exchange(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, timeout: float = 10.0
) -> Answer:
    """Send a request, and read the answer.

    Certificates are verified, redirects are not followed, and the proxies of the environment are used.

    Args:
        url: it may hold a secret, which is in no error that comes of it.
        headers: likewise.
        timeout: seconds for all of it.

    Raises:
        ExchangeError: there is no answer in time.
    """
    deadline = time.monotonic() + timeout
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ExchangeError("the address", "is none") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ExchangeError("the address", "must begin with http:// or https:// and name a host")
    port = port or (443 if parts.scheme == "https" else 80)
    where = origin_of(url)
    connection: http.client.HTTPConnection | None = None
    try:
        connection, prefix, more = _connect(parts.scheme, host, port, deadline)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        wanted = {"User-Agent": _USER_AGENT, "Connection": "close", **more, **headers}
        connection.request(method, prefix + path, body=body, headers=wanted)
        response = connection.getresponse()
        found = response.read(_MOST_RECEIVED // 4)
        return Answer(response.status, response.headers.get("Date"), response.headers.get("Retry-After"), found)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ExchangeError(where, _describe(error)) from None
    finally:
        if connection is not None:
            connection.close()


def origin_of(url: str) -> str:
    """Return an address without credentials, path and query: what may be shown of it."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "the address"
    except ValueError:
        return "the address"


def _connect(
    scheme: str, host: str, port: int, deadline: float
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    proxy = find_proxy(scheme, host, port)
    tls = ssl.create_default_context() if scheme == "https" else None
    sock = Connector(host, port).connect(proxy, tls, deadline - time.monotonic())
    guarded = DeadlineSocket(sock, _MOST_RECEIVED)
    guarded.begin(deadline)
    connection = (
        http.client.HTTPConnection(host, port) if tls is None else http.client.HTTPSConnection(host, port, context=tls)
    )
    connection.auto_open = 0
    connection.sock = guarded
    if proxy is None or tls is not None:
        return connection, "", {}
    more = {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization}
    return connection, f"http://{host}:{port}", more


def _describe(error: BaseException) -> str:
    # Only the error's type and the system's message are told: http.client's own texts quote headers and replies.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has no valid TLS certificate ({error.verify_message})"
    if isinstance(error, ProxyRefusal):
        return f"cannot be reached: {error}"
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, socket.gaierror):
        return "cannot be reached (its name cannot be resolved)"
    number = error.errno if isinstance(error, OSError) else None
    return f"cannot be reached ({os.strerror(number) if number and number > 0 else type(error).__name__})"
