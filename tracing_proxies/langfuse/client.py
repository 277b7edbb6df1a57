"""Asks a Langfuse server's public API: one project's keys, one answer at a time, no wait without an end."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from tracing_proxies import destinations
from tracing_proxies.credentials import LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY
from tracing_proxies.delivery.connecting import Connector, ProxyRefusal, find_proxy
from tracing_proxies.delivery.deadline import DeadlineSocket, TooMuch
from tracing_proxies.errors import ActivationError, TracingProxiesError

PATIENCE: Final = 20.0
_LARGEST: Final = 32 * 2**20
_LONGEST_MESSAGE: Final = 300
_TRIES: Final = 3
_LONGEST_PAUSE: Final = 90.0
_PAUSE: Final = 0.5
# What is answered while a server is busy or starts. That a POST was not carried out is certain after a 429 only.
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_BUSY_FOR_POST: Final = frozenset({429})


class ApiError(TracingProxiesError, RuntimeError):
    """Says what a server answered instead of what was asked for.

    Args:
        message: what to read; it holds no credentials.
        status: of HTTP, 0 where there was no answer.
        code: the server's own name of the error, where its endpoint has names.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether the server has no such endpoint or thing."""
        return self.status == 404


class LangfuseClient:
    """One server and one project's keys, which appear in no text that this class makes.

    TLS certificates are always verified, the environment's proxies are used, and redirects are never followed: the keys
    go to this server only. Used by one thread at a time.

    Args:
        host: ``http://`` or ``https://``, host, and perhaps port and path.
        public, secret: the project's keys.
        patience: seconds for one exchange.
        tls: verification settings, for a private certificate authority; None for the system's.

    Raises:
        ActivationError: the address is none.
    """

    def __init__(
        self, host: str, public: str, secret: str, *, patience: float = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        try:
            parts = urllib.parse.urlsplit(host)
            port = parts.port
        except ValueError:
            parts, port = urllib.parse.urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ActivationError("the server's address must begin with http:// or https:// and name a host")
        self._https = parts.scheme == "https"
        self._host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        self._port = port or (443 if self._https else 80)
        self._base_path = parts.path.rstrip("/")
        token = base64.b64encode(f"{public}:{secret}".encode()).decode("ascii")
        self._authorization = f"Basic {token}"
        self._patience = patience
        self._tls = tls

    def __repr__(self) -> str:
        return f"LangfuseClient({self.origin})"

    @property
    def origin(self) -> str:
        """The server's address, without credentials or path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._https else 'http'}://{host}:{self._port}"

    def get(self, path: str, **query: object) -> Any:
        """Return what a path holds, as JSON has it; parameters that are None are left out.

        Raises:
            ApiError: the server refuses it, cannot be reached, or answers with something else.
        """
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self.send("GET", path + ("?" + urllib.parse.urlencode(given) if given else ""))

    def pages(self, path: str) -> list[Any]:
        """Return everything that a path lists page by page.

        Raises:
            ApiError: as `get` does.
        """
        found: list[Any] = []
        page = 1
        while True:
            answer = self.get(path, page=page, limit=100)
            data, meta = (answer.get("data"), answer.get("meta")) if isinstance(answer, dict) else (None, None)
            if not isinstance(data, list) or not isinstance(meta, dict):
                raise ApiError(f"{self.origin} answers {path} with no list")
            found += data
            if not data or page >= int(meta.get("totalPages", 0)):
                return found
            page += 1

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Send a request, with a body as JSON, and return the answer's body, None where it is empty.

        While the server says that it is busy the request is repeated, twice at most, after the pause that it asks for.

        Raises:
            ApiError: the server refuses it, cannot be reached, or answers with something else than JSON.
        """
        payload = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        repeated = _BUSY_FOR_POST if method == "POST" else _BUSY
        for tries_left in reversed(range(_TRIES)):
            status, told, raw = self._exchange(method, path, payload, dict(headers or {}))
            pause = _pause_of(told.get("Retry-After"))
            if status not in repeated or not tries_left or pause > _LONGEST_PAUSE:
                break
            time.sleep(pause)
        if not 200 <= status < 300:
            raise self._refusal(method, path, status, raw)
        if not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            raise ApiError(f"{self.origin} answers {_shown(path)} with something else than JSON", status) from None

    def _exchange(
        self, method: str, path: str, payload: bytes | None, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        deadline = time.monotonic() + self._patience
        headers |= {"Authorization": self._authorization, "Accept": "application/json", "User-Agent": "tracing-proxies"}
        if payload is not None:
            headers["Content-Type"] = "application/json"
        connection: http.client.HTTPConnection | None = None
        try:
            connection, prefix = self._connect(headers, deadline)
            connection.request(method, prefix + self._base_path + path, body=payload, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.headers, response.read()
        except ProxyRefusal as refusal:
            raise ApiError(f"{self.origin}: {refusal}") from None
        except ssl.SSLCertVerificationError as error:
            raise ApiError(f"{self.origin}: its TLS certificate is not valid ({error.verify_message})") from None
        except TimeoutError:
            raise ApiError(f"{self.origin} did not answer in time") from None
        except TooMuch:
            raise ApiError(f"{self.origin} gives a reply without an end") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # Only the error's type is told: http.client's own texts quote headers and replies.
            raise ApiError(f"{self.origin} cannot be reached ({type(error).__name__})") from None
        finally:
            if connection is not None:
                connection.close()

    def _connect(self, headers: dict[str, str], deadline: float) -> tuple[http.client.HTTPConnection, str]:
        proxy = find_proxy("https" if self._https else "http", self._host, self._port)
        prefix = ""
        if proxy is not None and not self._https:
            prefix = self.origin
            if proxy.authorization is not None:
                headers["Proxy-Authorization"] = proxy.authorization
        tls = (self._tls or ssl.create_default_context()) if self._https else None
        left = max(0.01, deadline - time.monotonic())
        sock = Connector(self._host, self._port).connect(proxy, tls, left)
        connection: http.client.HTTPConnection
        if tls is None:
            connection = http.client.HTTPConnection(self._host, self._port)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, context=tls)
        connection.auto_open = 0
        limited = DeadlineSocket(sock, _LARGEST)
        limited.begin(deadline)
        connection.sock = limited
        return connection, prefix

    def _refusal(self, method: str, path: str, status: int, raw: bytes) -> ApiError:
        message, code = _read_error(raw)
        if status in (401, 403):
            message = f"the keys are not accepted ({message or 'no reason given'})"
        text = f"{self.origin} answers HTTP {status} to {method} {_shown(path)}"
        return ApiError(f"{text}: {message}" if message else text, status, code)


def connect(environ: Mapping[str, str], host: str | None = None) -> LangfuseClient:
    """Return a client for the server and the project that the environment names.

    Args:
        host: the server, where the registry names one.

    Raises:
        ActivationError: an address or a key is missing, or cannot be read.
    """
    host = host or environ.get("LANGFUSE_BASE_URL") or environ.get("LANGFUSE_HOST")
    keys = destinations.langfuse_keys(environ)
    if not host or keys is None:
        needed = f"LANGFUSE_BASE_URL, {LANGFUSE_PUBLIC_KEY} and {LANGFUSE_SECRET_KEY}"
        raise ActivationError(f"a Langfuse server is needed for this: set {needed}")
    return LangfuseClient(host, *keys)


def _read_error(raw: bytes) -> tuple[str, str]:
    try:
        told = json.loads(raw)
    except ValueError:
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    message = " ".join(str(told.get("message") or told.get("error") or "").split())
    return message[:_LONGEST_MESSAGE], str(told.get("code") or "")


def _pause_of(told: str | None) -> float:
    return float(told) if told and told.isdigit() else _PAUSE


def _shown(path: str) -> str:
    return path.partition("?")[0]
