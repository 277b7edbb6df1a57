"""Lets in who has the token, and nobody by way of another site's page."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlencode

import attrs
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracing_proxies.viewer.assets import POLICY

_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@attrs.frozen
class Access:
    """Wraps an ASGI application so that it answers only whom it may.

    Args:
        app: the application.
        token: what a request must know, in the address for the first time and in a cookie from then on; None lets in
            whoever reaches the port.
        hosts: the names that the browser may know this server by, with the port; another site's name that leads here is
            turned away. None where any will do.
        port: of the server; names the cookie, since a browser keeps the cookies of all ports together.
    """

    app: ASGIApp
    token: str | None
    hosts: frozenset[str] | None
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        await self._judge(scope)(scope, receive, sent)

    def _judge(self, scope: Scope) -> ASGIApp:
        headers = Headers(scope=scope)
        if self.hosts is not None and headers.get("host", "").lower() not in self.hosts:
            return PlainTextResponse("This page is known by another name.\n", 421)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("This page is read-only.\n", 405)
        if self.token is None:
            return self.app
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.pop("token", [""])[0]
        if given and self._knows(given):
            # Out of the address bar, the history and what the page passes on.
            rest = urlencode(query, doseq=True)
            response = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            secure = scope["scheme"] == "https"
            response.set_cookie(self._cookie, given, httponly=True, samesite="strict", secure=secure, path="/")
            return response
        if self._knows(_cookie(headers.get("cookie", ""), self._cookie)):
            return self.app
        return PlainTextResponse("Open the page by the address with ?token=… that the command has printed.\n", 403)

    @property
    def _cookie(self) -> str:
        return f"tracing-proxies-{self.port}"

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self.token or "").encode())


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
