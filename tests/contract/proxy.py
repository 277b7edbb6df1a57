"""A forward proxy in a process of its own: tunnels for CONNECT, and requests whose target is a whole address.

    python -m tests.contract.proxy --password user:secret

prints its port. ``GET /_test/seen`` tells what it was asked for since the last ``GET /_test/forget``: method, target,
and which headers it could read.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Handler(BaseHTTPRequestHandler):
    """Serves one client."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    password = ""
    lock = threading.Lock()
    seen: list[dict[str, Any]] = []  # noqa: RUF012 - the server's, shared by all connections

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""

    def do_CONNECT(self) -> None:
        self._note()
        if not self._let_in():
            return
        host, _, port = self.path.rpartition(":")
        try:
            beyond = socket.create_connection((host.strip("[]"), int(port)), timeout=10)
        except OSError:
            self.send_error(502)
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.close_connection = True
        with beyond:
            _pass_on(self.connection, beyond)

    def do_POST(self) -> None:
        self._forward()

    def _forward(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._let_in():
            return
        parts = urllib.parse.urlsplit(self.path)
        headers = {k: v for k, v in self.headers.items() if not k.lower().startswith(("proxy-", "host"))}
        beyond = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
        try:
            beyond.request(self.command, parts.path, body, headers)
            reply = beyond.getresponse()
            self._answer(reply.status, reply.read(), reply.headers.get("Content-Type", ""))
        finally:
            beyond.close()

    def do_GET(self) -> None:
        if not self.path.startswith("/"):
            self._forward()
            return
        with self.lock:
            if self.path == "/_test/forget":
                self.seen.clear()
            self._answer(200, json.dumps(self.seen).encode(), "application/json")

    def _note(self) -> None:
        names = sorted(name.lower() for name in self.headers)
        with self.lock:
            self.seen.append({"method": self.command, "target": self.path, "headers": names})

    def _let_in(self) -> bool:
        expected = "Basic " + base64.b64encode(self.password.encode()).decode()
        if not self.password or self.headers.get("Proxy-Authorization") == expected:
            return True
        self._answer(407, b"who are you?", "text/plain")
        return False

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


class Proxy:
    """A running proxy; stop it with ``.stop()``.

    Args:
        password: ``user:secret``, "" for none.
    """

    def __init__(self, password: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.proxy", "--password", password],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
            env=dict(os.environ),
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def seen(self) -> list[dict[str, Any]]:
        """Return what it was asked for."""
        return self._ask("seen")

    def forget(self) -> None:
        """Have it forget what it was asked for."""
        self._ask("forget")

    def stop(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, what: str) -> list[dict[str, Any]]:
        with _OPENER.open(f"http://{self.address}/_test/{what}", timeout=30) as reply:
            return json.load(reply)  # type: ignore[no-any-return]


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--password", default="")
    Handler.password = parser.parse_args().password
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
