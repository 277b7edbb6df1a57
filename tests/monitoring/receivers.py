"""Servers that take what channels send: one of HTTP, one of mail, each in a thread and on a port of its own."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


class Receiver:
    """What an HTTP server was sent, and what it answers: the statuses of ``script`` one by one, then 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.script: list[int] = []
        self.port = 0

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.requests]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """Serve until the test is over."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(receiver.script.pop(0) if receiver.script else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Post:
    """What a mail server was sent: the envelopes, the messages, and how each sender said who it is."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], str]] = []
        self.logins: list[tuple[str, bool]] = []
        self.refuse: int | None = None
        self.port = 0


@contextmanager
def mail_receiver(folder: Path, security: str = "none") -> Iterator[tuple[Post, Path]]:
    """Serve mail until the test is over; the second value is the certificate of who has signed the server's."""
    post, authority = Post(), trustme.CA()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._secure = security == "tls"
            if self._secure:
                self._wrap()
            sender, to = "", []
            self._say("220 ready")
            while line := self.rfile.readline().decode().strip():
                verb = line.split(" ")[0].upper()
                if verb == "EHLO":
                    more = ["STARTTLS"] if security == "starttls" and not self._secure else ["AUTH PLAIN"]
                    self._say(*(f"250-{one}" for one in ["here", *more]), "250 8BITMIME")
                elif verb == "STARTTLS":
                    self._say("220 go ahead")
                    self._wrap()
                    self._secure = True
                elif verb == "AUTH":
                    told = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                    post.logins.append((f"{told[1]}:{told[2]}", self._secure))
                    self._say("235 welcome")
                elif verb == "MAIL":
                    sender = line.partition(":")[2].split(" ")[0]
                    self._say(f"{post.refuse} no" if post.refuse else "250 fine")
                elif verb == "RCPT":
                    to.append(line.partition(":")[2])
                    self._say("250 fine")
                elif verb == "DATA":
                    self._say("354 go on")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += self.rfile.readline()
                    post.mails.append((sender, to, text[:-5].decode()))
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 fine")

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(line + "\r\n" for line in lines).encode())

        def _wrap(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            self.setup()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of connections that were broken off."""

    server = Server(("127.0.0.1", 0), Handler)
    post.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield post, bundle
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
