"""Opens the connection to a server, straight or by way of a proxy, within one deadline for all of it."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
import urllib.parse
import urllib.request
from typing import Any

import attrs

from tracing_proxies.delivery.resolving import Resolver

MOST_OF_A_TUNNELS_ANSWER = 16 * 1024
_DEFAULT_PROXY_PORT = 8080
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")


class ProxyRefusal(OSError):
    """The proxy does not let us through.

    Args:
        proxy: its host and port.
        why: holds no secrets.
        lasting: whether trying again soon would be in vain.
    """

    def __init__(self, proxy: str, why: str, *, lasting: bool) -> None:
        super().__init__(f"the proxy {proxy} {why}")
        self.lasting = lasting


@attrs.frozen(eq=False, repr=False)
class Proxy:
    """A proxy of the environment, spoken to in plain HTTP.

    Args:
        authorization: the header's value, None where the proxy has no password.
    """

    host: str
    port: int
    authorization: str | None = attrs.field(default=None, repr=False)


def find_proxy(scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy that ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` name for a server.

    Raises:
        ProxyRefusal: it is of a kind that we do not speak to.
    """
    if urllib.request.proxy_bypass(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address:
        return None
    parts = urllib.parse.urlsplit(address if "//" in address else "//" + address)
    if not parts.hostname:
        return None
    if parts.scheme not in ("", "http"):
        raise ProxyRefusal(parts.hostname, f"is spoken to by {parts.scheme}, which is not supported", lasting=True)
    authorization = None
    if parts.username is not None:
        user, password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
        authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return Proxy(parts.hostname, parts.port or _DEFAULT_PROXY_PORT, authorization)


class Connector:
    """Opens connections to one server. Used by one thread at a time.

    Args:
        host: the server's, in ASCII.
        port: the server's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._resolvers: dict[tuple[str, int], Resolver] = {}

    def connect(self, proxy: Proxy | None, tls: ssl.SSLContext | None, timeout: float) -> Any:
        """Return a connected socket; with TLS, its certificate has been verified.

        Args:
            proxy: asked for a tunnel where there is TLS, else spoken to in the server's stead.
            tls: verification settings, None for a server without TLS.
            timeout: seconds for names, connection, tunnel and handshake together.

        Raises:
            OSError: it cannot be had; ``TimeoutError``, ``ProxyRefusal`` and ``ssl.SSLError`` are of its kind.
        """
        deadline = time.monotonic() + timeout
        host, port = (self._host, self._port) if proxy is None else (proxy.host, proxy.port)
        sock = self._reach(host, port, deadline)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is None:
                return sock
            if proxy is not None:
                self._ask_for_tunnel(sock, proxy, deadline)
            sock.settimeout(_left(deadline))  # OpenSSL's handshake holds it as a whole
            return tls.wrap_socket(sock, server_hostname=self._host)
        except BaseException:
            sock.close()
            raise

    def _reach(self, host: str, port: int, deadline: float) -> socket.socket:
        if (host, port) not in self._resolvers:
            self._resolvers = {(host, port): Resolver(host, port)}
        addresses = self._resolvers[host, port].resolve(_left(deadline))
        trouble: OSError = OSError("a name without an address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                # An address that swallows everything leaves the others their share of the time.
                sock.settimeout(_left(deadline) / (len(addresses) - tried))
                sock.connect(address)
                return sock
            except OSError as exc:
                trouble = exc
                if sock is not None:
                    sock.close()
        raise trouble

    def _ask_for_tunnel(self, sock: socket.socket, proxy: Proxy, deadline: float) -> None:
        goal = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        lines = [f"CONNECT {goal} HTTP/1.1", f"Host: {goal}"]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        sock.settimeout(_left(deadline))
        sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        answer = b""
        name = f"{proxy.host}:{proxy.port}"
        # Byte by byte, since what follows the empty line is the server's: a few hundred bytes, once in a connection.
        while not answer.endswith(b"\r\n\r\n"):
            sock.settimeout(_left(deadline))
            byte = sock.recv(1)
            if not byte or len(answer) > MOST_OF_A_TUNNELS_ANSWER:
                raise ProxyRefusal(name, "gives no answer to a tunnel's request", lasting=False)
            answer += byte
        found = _STATUS_LINE.match(answer)
        status = int(found[1]) if found else 0
        if not 200 <= status < 300:
            why = f"refuses a tunnel to the server (HTTP {status})"
            raise ProxyRefusal(name, why, lasting=400 <= status < 500 and status not in (408, 425, 429))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline for a connection has passed")
    return left
