"""Posts bodies to one server over one keep-alive connection, within deadlines, and never raises for the network."""

from __future__ import annotations

import copy
import http.client
import os
import re
import socket
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from typing import Final

from tracing_proxies.delivery.connecting import Connector, ProxyRefusal, find_proxy
from tracing_proxies.delivery.deadline import DeadlineSocket, TooMuch
from tracing_proxies.delivery.reply import REFUSED_PAUSE, Reply, Verdict, judge, skew_of

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
MAX_REPLY_BYTES = 64 * 1024
OTLP: Final[Mapping[str, str]] = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}
_MOST_RECEIVED = 2 * MAX_REPLY_BYTES  # with the headers
_USER_AGENT = "tracing-proxies"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Transport:
    """One server and the credentials for it.

    A connection is opened at the first ``post`` of each process, TLS certificates are always verified (against the
    system's authorities, or those of ``SSL_CERT_FILE``), and redirects are never followed, so the credentials go to
    this server only. The proxies of the environment are used as ``urllib.request`` reads them. Used by one thread at a
    time.

    Args:
        url: ``http://`` or ``https://``, host, and perhaps port and path.
        headers: credentials and the like; their values appear in no text that this class makes.
        connect_timeout: seconds, for the name, the connection, the proxy and the TLS handshake together.
        read_timeout: seconds from the request's first byte to the reply's last.
        tls: verification settings, for a private certificate authority; None for the system's.
        media: the headers that say what a body is.

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
        media: Mapping[str, str] = OTLP,
    ) -> None:
        self._media = media
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the server's address must begin with http:// or https:// and name a host")
        self._https = parts.scheme == "https"
        self._host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        self._port = parts.port or (443 if self._https else 80)
        self._base_path = parts.path.rstrip("/")
        self._headers: dict[str, str] = {}
        self.authenticate(headers)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._tls = tls
        self._own_tls: ssl.SSLContext | None = None
        self._deadline: float | None = None
        self._most: float | None = None
        self._connector = Connector(self._host, self._port)
        self._connection: http.client.HTTPConnection | None = None
        self._path_prefix = ""
        self._proxy_headers: dict[str, str] = {}
        self._pid = 0
        self._begun = ("", b"")
        self._reused = False
        self._failure: Exception | None = None
        self._told: tuple[str | None, float] = (None, 0.0)

    def __repr__(self) -> str:
        return f"Transport({self.origin})"

    @property
    def address(self) -> str:
        """The server's address as it may be shown; a path in it may be a secret, and is only hinted at."""
        return self.origin + ("/…" if self._base_path else "")

    @property
    def origin(self) -> str:
        """The server's address, without credentials or path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._https else 'http'}://{host}:{self._port}"

    @property
    def skew(self) -> float | None:
        """By how many seconds our clock was ahead of the server's at its last reply; None where it does not tell."""
        return skew_of(*self._told)

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
            **self._media,
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }
        return self._headers != before

    def twin(self) -> Transport:
        """Return another one to the same server with the same settings, for another thread."""
        twin = copy.copy(self)
        twin._connector, twin._connection, twin._deadline = Connector(self._host, self._port), None, None
        return twin

    def limit(self, deadline: float | None) -> None:
        """Let nothing last longer than until ``deadline``, in seconds of the monotonic clock; None lifts that."""
        self._deadline = deadline

    def hasten(self, patience: float | None) -> None:
        """Let neither connecting nor an exchange last longer than so many seconds; None lifts that."""
        self._most = patience

    def post(self, path: str, payload: bytes) -> Reply:
        """Send a body, and read the reply.

        A connection that the server closed while it was idle is replaced once, with the identical request.

        Args:
            path: from the root of the server's address.
            payload: as ``media`` says; gzip may be in one member or several.
        """
        self.begin(path, payload)
        return self.end()

    def begin(self, path: str, payload: bytes) -> None:
        """Send a body; ``end`` reads the reply. In between, others may be sent to by other connections."""
        if self._pid != os.getpid():
            # The parent's connection is the parent's: closing our copy of the descriptor sends nothing.
            self.close()
            self._connector = Connector(self._host, self._port)
            self._pid = os.getpid()
        self._reused, self._failure = self._connection is not None, None
        self._begun = (path, payload)
        try:
            self._send(path, payload)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            self._failure = exc

    def end(self) -> Reply:
        """Read the reply to what ``begin`` has sent."""
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
            return self._receive()
        except (ConnectionError, http.client.BadStatusLine) as exc:
            self.close()
            if not self._reused:
                return self._trouble(exc)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            self.close()
            return self._trouble(exc)
        try:
            self._send(*self._begun)
            return self._receive()
        except (OSError, http.client.HTTPException, ValueError) as again:
            self.close()
            return self._trouble(again)

    def close(self) -> None:
        """Close the connection; the next ``post`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _send(self, path: str, payload: bytes) -> None:
        connection = self._connection
        if connection is None:
            connection = self._connect()
            self._connection = connection
        patience = self._patience(self._read_timeout)
        sock = connection.sock
        if isinstance(sock, DeadlineSocket):
            sock.begin(time.monotonic() + patience)
        headers = {**self._headers, **self._proxy_headers} if self._proxy_headers else self._headers
        try:
            connection.request("POST", self._path_prefix + self._base_path + path, body=payload, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server that refuses a body may say so and hang up before it has read it: there may be a reply

    def _receive(self) -> Reply:
        connection = self._connection
        assert connection is not None, "what is sent is sent over a connection"
        response = connection.getresponse()
        try:
            body = response.read(MAX_REPLY_BYTES)
            if response.will_close or not response.isclosed():
                self.close()  # the rest of an endless reply is not read
        finally:
            response.close()
        self._told = response.headers.get("Date"), time.time()
        reply = judge(response.status, response.headers, body)  # type: ignore[arg-type]  # Message has get()
        if reply.verdict is Verdict.UNAUTHORISED:
            self.close()  # the next attempt is minutes away, and the environment may name another proxy by then
        return reply

    def _connect(self) -> http.client.HTTPConnection:
        proxy = find_proxy("https" if self._https else "http", self._host, self._port)
        self._path_prefix, self._proxy_headers = "", {}
        if proxy is not None and not self._https:
            self._path_prefix = self.origin
            if proxy.authorization is not None:
                self._proxy_headers = {"Proxy-Authorization": proxy.authorization}
        tls = self._verification()
        sock = self._connector.connect(proxy, tls, self._patience(self._connect_timeout))
        connection: http.client.HTTPConnection
        if tls is None:
            connection = http.client.HTTPConnection(self._host, self._port)
        else:  # the class is what tells http.client the default port, and with it the header `Host`
            connection = http.client.HTTPSConnection(self._host, self._port, context=tls)
        connection.auto_open = 0
        connection.sock = DeadlineSocket(sock, _MOST_RECEIVED)
        return connection

    def _verification(self) -> ssl.SSLContext | None:
        if not self._https:
            return None
        if self._tls is not None:
            return self._tls
        if self._own_tls is None:
            self._own_tls = ssl.create_default_context()
            self._own_tls.set_alpn_protocols(["http/1.1"])
        return self._own_tls

    def _patience(self, seconds: float) -> float:
        if self._most is not None:
            seconds = min(seconds, self._most)
        if self._deadline is None:
            return seconds
        return max(0.01, min(seconds, self._deadline - time.monotonic()))

    def _trouble(self, exc: BaseException) -> Reply:
        # Only the error's type and a system message are told: http.client's own texts quote headers and replies.
        where = self.origin
        if isinstance(exc, ssl.SSLCertVerificationError):
            self._own_tls = None  # the authorities may be other ones the next time
            text = f"{where}: its TLS certificate is not valid ({exc.verify_message})"
            return Reply(Verdict.RETRY, text, retry_after=REFUSED_PAUSE, reachable=False)
        if isinstance(exc, ProxyRefusal):
            pause = REFUSED_PAUSE if exc.lasting else None
            return Reply(Verdict.RETRY, f"{where}: {exc}", retry_after=pause, reachable=False)
        if isinstance(exc, TimeoutError):
            return Reply(Verdict.RETRY, f"{where} did not answer in time", reachable=False)
        if isinstance(exc, TooMuch):
            return Reply(Verdict.RETRY, f"{where} gives a reply without an end")
        if isinstance(exc, (ConnectionResetError, BrokenPipeError, http.client.HTTPException)):
            return Reply(Verdict.RETRY, f"{where} broke the connection off ({type(exc).__name__})")
        if isinstance(exc, socket.gaierror):
            return Reply(Verdict.RETRY, f"{where} cannot be reached (its name cannot be resolved)", reachable=False)
        if isinstance(exc, ssl.SSLError):
            return Reply(Verdict.RETRY, f"{where}: no TLS handshake ({exc.reason or 'broken off'})", reachable=False)
        number = exc.errno if isinstance(exc, OSError) else None
        text = os.strerror(number) if number is not None and number > 0 else type(exc).__name__
        return Reply(Verdict.RETRY, f"{where} cannot be reached ({text})", reachable=False)
