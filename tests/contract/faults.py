"""The ways in which a server, or what stands before it, answers an upload badly."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

Fault = dict[str, Any]
PAGE = b"<!doctype html><html><body>Please sign in</body></html>"
_DROP = 0.05


def misbehave(handler: BaseHTTPRequestHandler, fault: Fault) -> int | None:
    """Answer as a fault says.

    Returns:
        The status that was answered, 0 where there was none, None where the fault does not concern the answer.
    """
    for name, (status, answer) in _ANSWERS.items():
        if fault.get(name):
            try:
                answer(handler, fault[name])
            except OSError:  # the client has gone: most faults make it do so
                handler.close_connection = True
            return status
    if fault.get("status"):
        body = fault.get("body", {"message": "injected"})
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        send(handler, int(fault["status"]), data, {"Content-Type": "application/json", **fault.get("headers", {})})
        return int(fault["status"])
    return None


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    """Answer as a server should."""
    try:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        handler.close_connection = True


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection."""
    handler.close_connection = True
    # Lingering for zero seconds makes close() send a reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _drip(handler: BaseHTTPRequestHandler, head: bytes, seconds: float) -> None:
    handler.close_connection = True
    ends = time.monotonic() + seconds
    handler.wfile.write(head)
    while time.monotonic() < ends:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(_DROP)


def _drip_headers(handler: BaseHTTPRequestHandler, seconds: float) -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ", seconds)


def _drip_body(handler: BaseHTTPRequestHandler, seconds: float) -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", seconds)


def _give_page(handler: BaseHTTPRequestHandler, _: Any) -> None:
    send(handler, 200, PAGE, {"Content-Type": "text/html"})


def _redirect(handler: BaseHTTPRequestHandler, address: str) -> None:
    send(handler, 302, b"", {"Location": address})


def _never_end(handler: BaseHTTPRequestHandler, size: int) -> None:
    send(handler, 200, b"{" + b" " * size + b"}", {"Content-Type": "application/json"})


def _never_end_headers(handler: BaseHTTPRequestHandler, size: int) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(size // 10_000):
        handler.wfile.write(b"X-%d: " % number + b"a" * 10_000 + b"\r\n")


def _cut(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"id"')


def _talk_nonsense(handler: BaseHTTPRequestHandler, text: str) -> None:
    handler.close_connection = True
    handler.wfile.write(text.encode())


def _close(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.close_connection = True


_ANSWERS: dict[str, tuple[int, Callable[[BaseHTTPRequestHandler, Any], None]]] = {
    "drip": (200, _drip_headers),
    "drip_body": (200, _drip_body),
    "html": (200, _give_page),
    "redirect": (302, _redirect),
    "endless": (200, _never_end),
    "endless_headers": (200, _never_end_headers),
    "cut": (200, _cut),
    "nonsense": (0, _talk_nonsense),
    "close": (0, _close),
}
