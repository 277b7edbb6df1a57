"""Keeps Langfuse's ingestion contract over HTTP, and injects faults on request.

    python -m tests.contract.langfuse_server --port 0

prints its port. ``POST /api/public/otel/v1/traces`` and what `tests.contract.routes` lists behave as server 4.16 does;
``POST /v1/traces`` as an OpenTelemetry Collector does. Tests steer it under ``/_test/``:

    GET  /_test/received    {"observations", "requests", "unique", "repeated"}
    GET  /_test/ids         the ids of the spans
    GET  /_test/counts      {"unique", "repeated", "last"}: the last, when the latest span came
    GET  /_test/scores      {"scores", "requests"}
    POST /_test/script      a list of faults, one for each of the next trace uploads
    POST /_test/score_script  the same for the next scores; ``accept`` keeps the score all the same
    POST /_test/rules       {"poison": [names], "max_spans": n, "max_bytes": n, "max_length": n, "always": fault,
                             "scores_always": fault, "lacks": ["unstable", "v2"], "version": text,
                             "forbidden": message, "clock": seconds that the server's is ahead}
    POST /_test/reset       forgets everything

A fault is an object with one of ``status`` (and ``headers`` and ``body``), ``hang`` (seconds before going on),
``stall`` (seconds of silence, then no reply), ``drip`` (headers a byte at a time, for so many seconds), ``drip_body``
(the same with the body), ``html`` (200 with a page), ``redirect`` (302 to an address), ``endless`` (a reply of so many
bytes), ``endless_headers``, ``cut`` (half a reply), ``nonsense`` (a text that is no HTTP), ``close`` (no reply),
``reset`` (the connection is reset while the body is read), ``partial`` (so many spans are rejected, the others kept);
and perhaps ``accept`` (the spans are kept all the same). ``{}`` is no fault. An ``always`` rule holds for uploads that
the script has nothing for.

With ``--certificate`` (a file with key and chain) it speaks TLS. The project's keys are those of ``LANGFUSE_INIT_*``,
if the environment has them.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import os
import ssl
import sys
import time
import zlib
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.contract import scores
from tests.contract.faults import misbehave, reset, send
from tests.contract.models import price
from tests.contract.otlp import BadRequest, decode_json, decode_protobuf
from tests.contract.routes import answer
from tests.contract.state import MAX_BODY, State

TRACES = "/api/public/otel/v1/traces"
COLLECTOR = "/v1/traces"  # any other OTLP/HTTP receiver's, where no key is asked for
PUBLIC_KEY = "pk-lf-test"
SECRET_KEY = "sk-lf-secret-0123456789"


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    keys = (PUBLIC_KEY, SECRET_KEY)
    disable_nagle_algorithm = True  # else each reply's body waits 40 ms for the acknowledgement of its headers
    state: State

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: requests hold credentials."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tell the time, as the rule has it."""
        return super().date_time_string((timestamp or time.time()) + float(self.state.rules.get("clock", 0)))

    def do_GET(self) -> None:
        if self.path == "/_test/counts":
            with self.state.lock:
                counts = {"unique": len(self.state.rows), "repeated": self.state.repeated, "last": self.state.last}
            self._reply(200, counts)
        elif self.path == "/_test/ids":
            with self.state.lock:
                ids = [row["id"] for row in self.state.rows.values()]
            self._reply(200, ids)
        elif self.path == "/_test/received":
            with self.state.lock:
                rows = list(self.state.rows.values())
                answer = {
                    "observations": rows,
                    "requests": list(self.state.requests),
                    "unique": len(rows),
                    "repeated": self.state.repeated,
                }
            self._reply(200, answer)
        elif self.path == "/_test/scores":
            with self.state.lock:
                kept = {"scores": list(self.state.scores.values()), "requests": list(self.state.score_requests)}
            self._reply(200, kept)
        else:
            self._route()

    def do_POST(self) -> None:
        if self.path in (TRACES, COLLECTOR):
            self._receive_traces()
        elif self.path.startswith("/_test/"):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._control(self.path[len("/_test/") :], json.loads(body or b"null"))
        elif self.path == scores.PATH:
            self._receive_score()
        else:
            self._route()

    do_PATCH = do_DELETE = lambda self: self._route()

    def _route(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(*answer(self.state, self.command, self.path, raw, self._unauthorised()))

    def _receive_score(self) -> None:
        fault = self.state.next_score_fault()
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault and not fault.get("accept") and not fault.get("hang"):
            status, reply = 0, None
        else:
            status, reply = answer(self.state, "POST", self.path, raw, self._unauthorised())
        note = {"status": status, "time": time.time(), "connection": self.client_address[1]}
        with self.state.lock:
            self.state.score_requests.append(note)
        if fault.get("hang"):
            time.sleep(float(fault["hang"]))
        answered = misbehave(self, fault)
        if answered is None:
            self._reply(status, reply)
        else:
            note["status"] = answered

    def _control(self, command: str, argument: Any) -> None:
        with self.state.lock:
            if command == "script":
                self.state.script = deque(argument)
            elif command == "score_script":
                self.state.score_script = deque(argument)
            elif command == "rules":
                self.state.rules = argument
            elif command == "reset":
                self.state.reset()
        self._reply(200, {})

    def _receive_traces(self) -> None:
        fault = self.state.next_fault()
        length = int(self.headers.get("Content-Length", 0))
        if fault.get("reset"):
            self.rfile.read(min(length, 10))
            reset(self)
            self._note(None, b"", 0)
            return
        limit = self.state.rules.get("max_length")
        if limit and length > limit:
            self._note(413, b"", 0)
            self.close_connection = True  # with the body unread, as nginx does it
            self._reply(413, {"message": "too large"})
            return
        raw = self.rfile.read(length)
        status, answer, observations = self._judge(raw)
        if status == 200 and (not fault or fault.get("hang") or fault.get("accept") or fault.get("partial")):
            rejected = int(fault.get("partial", 0))
            for row in observations[rejected:]:
                price(row, self.state.models)
            self.state.keep(observations[rejected:])
            if rejected:
                answer = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": "injected"}}
        # Noted before it is answered: whoever has the answer finds the note.
        note = self._note(status, raw, len(observations))
        if fault.get("hang"):
            time.sleep(float(fault["hang"]))
        if fault.get("stall"):
            time.sleep(float(fault["stall"]))
            fault = {"close": True}
        answered = misbehave(self, fault)
        if answered is None:
            self._reply(status, answer)
        else:
            note["status"] = answered or None

    def _judge(self, raw: bytes) -> tuple[int, Any, list[dict[str, Any]]]:
        problem = self._unauthorised() if self.path == TRACES else None
        if problem:
            return 401, {"message": problem}, []
        if self.state.rules.get("forbidden"):
            return 403, {"message": self.state.rules["forbidden"]}, []
        if self.headers.get("x-langfuse-ingestion-version", "4") not in ("3", "4"):
            return 400, {"message": "unsupported ingestion version"}, []
        encoding = self.headers.get("Content-Encoding", "identity")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        try:
            body = gzip.decompress(raw) if encoding == "gzip" else raw
        except (OSError, EOFError, zlib.error):
            return 400, {"message": "undecodable gzip"}, []
        if len(body) > MAX_BODY:
            return 413, {"message": "too large"}, []
        try:
            if kind == "application/x-protobuf":
                observations = decode_protobuf(body)
            elif kind == "application/json":
                observations = decode_json(body)
            else:
                return 400, {"message": "unsupported content type"}, []
        except BadRequest as exc:
            return 400, {"message": str(exc)}, []
        status = self.state.refuses(observations, len(body))
        if status:
            return status, {"message": "refused by rule"}, observations
        return 200, ({"id": "job", "name": "otel-ingestion-job"} if observations else {}), observations

    def _unauthorised(self) -> str:
        public, secret = self.keys
        expected = base64.b64encode(f"{public}:{secret}".encode()).decode()
        return "" if self.headers.get("Authorization") == f"Basic {expected}" else "Invalid credentials"

    def _note(self, status: int | None, raw: bytes, spans: int) -> dict[str, Any]:
        note = {
            "status": status,
            "spans": spans,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "time": time.time(),
            "connection": self.client_address[1],
            "headers": {
                key.lower(): value for key, value in self.headers.items() if "authorization" not in key.lower()
            },
        }
        with self.state.lock:
            self.state.requests.append(note)
        return note

    def _reply(self, status: int, answer: Any) -> None:
        send(self, status, json.dumps(answer).encode(), {"Content-Type": "application/json"})


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread; a connection that ends badly is no news here."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report only what is not a broken connection."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate")
    arguments = parser.parse_args()
    Handler.state = State()
    if "LANGFUSE_INIT_PROJECT_PUBLIC_KEY" in os.environ:
        Handler.keys = tuple(os.environ[f"LANGFUSE_INIT_PROJECT_{kind}_KEY"] for kind in ("PUBLIC", "SECRET"))
    server = Server(("127.0.0.1", arguments.port), Handler)
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate)
        # The handshake is each connection's own thread's, at its first read: one that hangs holds up no other.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
