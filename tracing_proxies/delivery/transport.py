"""Posts one body to one server over one keep-alive connection, within deadlines, and never raises for the network."""

from __future__ import annotations

import base64
import http.client
import io
import os
import re
import ssl
import time
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from tracing_proxies.delivery.reply import REFUSED_PAUSE, Reply, Verdict, judge

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
MAX_REPLY_BYTES = 64 * 1024
_USER_AGENT = "tracing-proxies"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def compress(body: bytes) -> bytes:
    """Return ``body`` as gzip of the lowest level, without a time stamp: the same bytes each time."""
    return _gzip()(body)


class Transport:
    """One server and the credentials for it.

    A connection is opened at the first ``post`` of each process, TLS certificates are always verified, and redirects
    are never followed, so the credentials go to this server only. The proxies of the environment are used as
    ``urllib.request`` reads them. Used by one thread at a time.

    Args:
        url: ``http://`` or ``https://``, host, and perhaps port and path.
        headers: credentials and the like; their values appear in no text that this class makes.
        connect_timeout: seconds, for connecting, the proxy and the TLS handshake.
        read_timeout: seconds from the request's first byte to the reply's last.
        tls: verification settings, for a private certificate authority; None for the system's.

    Raises:
        ValueError: the URL is not an http or https address, or a header cannot be sent.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the server's address must begin with http:// or https:// and name a host")
        self._https = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._https else 80)
        self._base_path = parts.path.rstrip("/")
        self._headers: dict[str, str] = {}
        self.authenticate(headers)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._tls = tls
        self._deadline: float | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._path_prefix = ""
        self._pid = 0

    def __repr__(self) -> str:
        return f"Transport({self.origin})"

    @property
    def origin(self) -> str:
        """The server's address, without credentials or path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._https else 'http'}://{host}:{self._port}"

    def authenticate(self, headers: Mapping[str, str]) -> bool:
        """Send these credentials from now on.

        Returns:
            Whether they are others than before.

        Raises:
            ValueError: a header cannot be sent.
        """
        for header, value in headers.items():
            if not _TOKEN.fullmatch(header) or not value.isprintable() or not value.isascii():
                raise ValueError(f"the header {header[:40]!r} cannot be sent: only printable ASCII can")
        before = self._headers
        self._headers = {
            **headers,
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }
        return self._headers != before

    def limit(self, deadline: float | None) -> None:
        """Let nothing last longer than until ``deadline``, in seconds of the monotonic clock; None lifts that."""
        self._deadline = deadline

    def post(self, path: str, payload: bytes) -> Reply:
        """Send a body, and read the reply.

        A connection that the server closed while it was idle is replaced once, with the identical request.

        Args:
            path: from the root of the server's address.
            payload: gzip, in one member or several.
        """
        if self._pid != os.getpid():
            # The parent's connection is the parent's: closing our copy of the descriptor sends nothing.
            self.close()
            self._pid = os.getpid()
        reused = self._connection is not None
        try:
            reply = self._exchange(path, payload)
        except (ConnectionError, http.client.BadStatusLine) as exc:
            self.close()
            if not reused:
                return self._trouble(exc)
            try:
                reply = self._exchange(path, payload)
            except (OSError, http.client.HTTPException, ValueError) as again:
                self.close()
                return self._trouble(again)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            self.close()
            return self._trouble(exc)
        return reply

    def close(self) -> None:
        """Close the connection; the next ``post`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, path: str, payload: bytes) -> Reply:
        connection = self._connection
        if connection is None:
            connection = self._connect()
            self._connection = connection
        patience = self._patience(self._read_timeout)
        sock = connection.sock
        if isinstance(sock, _DeadlineSocket):
            sock.deadline = time.monotonic() + patience
        connection.request("POST", self._path_prefix + self._base_path + path, body=payload, headers=self._headers)
        response = connection.getresponse()
        try:
            body = response.read(MAX_REPLY_BYTES)
            if response.will_close or not response.isclosed():
                self.close()  # the rest of an endless reply is not read
        finally:
            response.close()
        return judge(response.status, response.headers, body)  # type: ignore[arg-type]  # Message has get()

    def _connect(self) -> http.client.HTTPConnection:
        timeout = self._patience(self._connect_timeout)
        host, port, proxy = self._host, self._port, self._proxy()
        connection: http.client.HTTPConnection
        if proxy is not None:
            host, port = proxy[0], proxy[1]
        if self._https:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        self._path_prefix = ""
        if proxy is not None:
            if self._https:
                connection.set_tunnel(self._host, self._port, headers=proxy[2])
            else:
                self._path_prefix = self.origin
        connection.connect()
        connection.sock = _DeadlineSocket(connection.sock)
        return connection

    def _proxy(self) -> tuple[str, int, dict[str, str]] | None:
        if urllib.request.proxy_bypass(self._host):
            return None
        address = urllib.request.getproxies().get("https" if self._https else "http")
        if not address:
            return None
        parts = urllib.parse.urlsplit(address if "//" in address else "//" + address)
        if not parts.hostname:
            return None
        headers = {}
        if parts.username is not None and self._https:
            user = urllib.parse.unquote(parts.username)
            password = urllib.parse.unquote(parts.password or "")
            token = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
            headers["Proxy-Authorization"] = f"Basic {token}"
        return parts.hostname, parts.port or 8080, headers

    def _patience(self, seconds: float) -> float:
        if self._deadline is None:
            return seconds
        return max(0.01, min(seconds, self._deadline - time.monotonic()))

    def _trouble(self, exc: BaseException) -> Reply:
        # Only the error's type and a system message are told: http.client's own texts quote headers and replies.
        if isinstance(exc, ssl.SSLCertVerificationError):
            return Reply(
                Verdict.RETRY,
                f"{self.origin}: its TLS certificate is not valid ({exc.verify_message})",
                retry_after=REFUSED_PAUSE,
                reachable=False,
            )
        if isinstance(exc, TimeoutError):
            return Reply(Verdict.RETRY, f"{self.origin} did not answer in time", reachable=False)
        if isinstance(exc, (ConnectionResetError, BrokenPipeError, http.client.HTTPException)):
            return Reply(Verdict.RETRY, f"{self.origin} broke the connection off ({type(exc).__name__})")
        number = exc.errno if isinstance(exc, OSError) else None
        text = os.strerror(number) if number is not None and number > 0 else type(exc).__name__
        return Reply(Verdict.RETRY, f"{self.origin} cannot be reached ({text})", reachable=False)


class _DeadlineSocket:
    """A socket whose deadline holds for a whole exchange, so that a server cannot stretch it byte by byte."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._readers = 0
        self._closed = False
        self.deadline = 0.0

    def sendall(self, data: Any) -> None:
        self._sock.settimeout(self._left())
        self._sock.sendall(data)

    def makefile(self, mode: str, *args: Any, **kwargs: Any) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_DeadlineReader(self))

    def receive_into(self, buffer: Any) -> int:
        self._sock.settimeout(self._left())
        return int(self._sock.recv_into(buffer))

    def close(self) -> None:
        # As with a real socket, a reader that is still open keeps the connection: http.client closes the socket of a
        # server that says `Connection: close` before it reads the reply.
        self._closed = True
        if not self._readers:
            self._sock.close()

    def release(self) -> None:
        self._readers -= 1
        if self._closed:
            self.close()

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of the exchange has passed")
        return left


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: _DeadlineSocket) -> None:
        self._deadline_socket = sock

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._deadline_socket.release()

    def readinto(self, buffer: Any) -> int:
        return self._deadline_socket.receive_into(buffer)


_chosen: Callable[[bytes], bytes] | None = None


def _gzip() -> Callable[[bytes], bytes]:
    # igzip takes a third of zlib's time at its lowest level, and compresses about as well.
    global _chosen
    if _chosen is None:
        try:
            from isal import igzip
        except ImportError:
            _chosen = _zlib_gzip
        else:
            _chosen = lambda body: bytes(igzip.compress(body, 1, mtime=0))  # noqa: E731 - one of two
    return _chosen


def _zlib_gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()
