"""The ways out of a traced application: each process is run once, and all that leaves it is gathered for the search."""

from __future__ import annotations

import base64
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
from click.testing import CliRunner
from starlette.testclient import TestClient

from tests.masking.canaries import SENTINEL, texts
from tests.ports import free_port
from tracing_proxies.cli.main import commands
from tracing_proxies.viewer.documents import Surroundings
from tracing_proxies.viewer.server import make_app
from tracing_proxies.viewer.store import open_for_reading, traces_after

ROOT = Path(__file__).parent.parent.parent
REGISTRY = """
version: 1
service: {{ name: canary }}
spool: {{ path: spool }}
sampling: {{ budget: unlimited }}
use: [langfuse]
export:
{export}
logging: {{ trace_ids: true }}
trace:
  - match: canary_app:Agent.*
  - match: canary_app:Agent.act
    root: true
    name: "act {{args.text}}"
    tags: ["{{args.text}}", plain]
    session: args.text
    user: args.text
    metadata: {{ said: args.text, all: args.rest }}
    outcome: {{ result: result }}
    model: args.text
    status_message: args.text
  - match: canary_app:Agent.refuse
    error_when: result.status == "error"
    error_message: "refused: {{result.reason}}"
  - match: canary_app:Agent.decide
    root: true
    observation: agent
    name: "{{args.text}}"
    tags: ["source:{{args.text}}"]
    metadata: {{ sender: args.text, recipient: args.text }}
    outcome: {{ choice: result.choice, participants: result.agents }}
    scores: {{ grade: args.text }}
  - match: canary_app:Agent.ask
    observation: tool
    name: "{{args.text}}"
  - match: canary_app:Agent.fail
    observation: agent
"""
WATCHED = """
monitoring: {{ port: {port}, otlp: 1s, interval: 1s }}
alerts:
  every: 1s
  shipped: false
  tell: [log, hook, slack, duty, mail, run]
  channels:
    hook: {{ webhook: HOOK_URL }}
    slack: {{ slack: SLACK_URL }}
    duty: {{ pagerduty: DUTY_KEY }}
    mail: {{ email: [ops@shop.example], from: t@shop.example, server: "127.0.0.1:{mail}", security: none }}
    run: {{ command: [/bin/sh, -c, "cat >> {folder}/command"] }}
  rules:
    agents_fail: {{ metric: agent_error_rate, above: 1%, window: 10s, for: 0s }}
    calls_fail: {{ metric: error_rate, above: 1%, window: 10s, for: 0s }}
"""
_UNFIT = b"Agent.unfit"
_PATIENCE = 20.0
SHOWN = 3


class Receiver(ThreadingHTTPServer):
    """Takes whatever is sent and keeps it by path; to one path it says that what `Agent.unfit` made is unfit."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def received(self, *paths: str) -> bytes:
        """Return what was sent to these paths; without one, to all of them."""
        return b"\n".join(body for path in paths or self.bodies for body in self.bodies.get(path, []))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = inflate(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.setdefault(self.path, []).append(self.path.encode() + bytes(self.headers) + body)
        self.send_response(400 if self.path == "/picky/v1/traces" and _UNFIT in body else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.server.bodies.setdefault(self.path, []).append(self.path.encode() + bytes(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


class PostOffice(socketserver.ThreadingTCPServer):
    """Takes mail, and keeps all that was said."""

    daemon_threads = True

    def __init__(self) -> None:
        self.said: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Clerk)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Clerk(socketserver.StreamRequestHandler):
    server: PostOffice

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        writing = False
        while line := self.rfile.readline():
            self.server.said.append(line)
            if writing and line != b".\r\n":
                continue
            writing = line.upper().startswith(b"DATA")
            self.wfile.write(b"354 go on\r\n" if writing else b"250 fine\r\n")


def inflate(body: bytes) -> bytes:
    """Return what is in bytes, with every gzip member in them unpacked."""
    found, at = [body], 0
    while (at := body.find(b"\x1f\x8b\x08", at)) >= 0:
        unpacker = zlib.decompressobj(31)
        try:
            found.append(unpacker.decompress(body[at:]))
        except zlib.error:
            pass
        at += 3
    return b"\n".join(found)


def unpack_report(page: bytes) -> bytes:
    """Return a report with what it holds packed beside it."""
    packed = re.findall(rb">([A-Za-z0-9+/=]{1000,})<", page)
    assert packed
    return b"\n".join([page, *(inflate(base64.b64decode(one)) for one in packed)])


def everything_below(folder: Path) -> bytes:
    return b"\n".join(inflate(file.read_bytes()) for file in sorted(folder.rglob("*")) if file.is_file())


@attrs.frozen
class Run:
    """One run of the application: what has left it, by exit.

    Args:
        data: the exits that the contents of spans leave by.
        words: those that only tell of them.
    """

    data: dict[str, bytes]
    words: dict[str, bytes]


class Application:
    """The application in a process of its own, in a folder of its own.

    Args:
        folder: empty.
        registry: its text.
        environ: variables besides the usual ones.
        how: what the application is told.
    """

    def __init__(self, folder: Path, registry: str, environ: dict[str, str], *how: str) -> None:
        (folder / "registry.yaml").write_text(registry)
        (folder / "run").mkdir(mode=0o700)
        self.folder = folder
        self.environ = {
            "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
            "LANGFUSE_SECRET_KEY": "sk-lf-own",
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_STATE_HOME": str(folder / "state"),
            "TRACING_PROXIES_STRICT": "",
            **environ,
        }
        with (folder / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.masking.canary_app", str(folder / "registry.yaml"), *how],
                cwd=folder,
                env={**os.environ, **self.environ, "PYTHONPATH": str(ROOT), "TRACING_PROXIES_DEBUG": "all"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    @property
    def log(self) -> bytes:
        return (self.folder / "errors").read_bytes()

    def status(self) -> bytes:
        """Wait until everything is flushed, and return what `status()` says by then."""
        assert self.process.stdout is not None
        said = b""
        while not said.endswith(b"ready\n"):
            line = self.process.stdout.readline()
            assert line, self.log.decode()[-3000:]
            said += line
        return said

    def tell(self, *command: str, text: str = "") -> bytes:
        """Return what a command of ours prints; it runs in this process, as a visitor of the application's."""
        with inside(self.folder):
            done = CliRunner().invoke(commands, list(command), env=self.environ, input=text)
        assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
        return done.output.encode()

    def commands(self, *given: str) -> dict[str, bytes]:
        pid = str(self.process.pid)
        return {command: self.tell(*command.replace("PID", pid).split()) for command in given}


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def wait_for(holds: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)


def deliver(folder: Path) -> Run:
    """Run the application with servers that answer, with the SDK beside it, watched by all that watches."""
    receiver, office, port = Receiver(), PostOffice(), free_port()
    export = (
        f"  langfuse: {{ host: '{receiver.url}' }}\n  otlp: {{ endpoint: '{receiver.url}/picky' }}\n"
        "  local: { path: store/traces.db }"
    )
    watched = WATCHED.format(port=port, mail=office.server_address[1], folder=folder)
    environ = {
        "LANGFUSE_BASE_URL": receiver.url,
        "HOOK_URL": f"{receiver.url}/hook",
        "SLACK_URL": f"{receiver.url}/slack",
        "DUTY_KEY": "a-routing-key",
        "TRACING_PROXIES_PAGERDUTY_URL": f"{receiver.url}/duty",
    }
    application = Application(folder, REGISTRY.format(export=export) + watched, environ, "sdk")
    words = {"status()": application.status()}
    told = ("/hook", "/slack", "/duty")
    wait_for(lambda: all(map(receiver.received, told)) and (folder / "command").exists() and office.said)
    words |= {path: receiver.received(path) for path in told}
    words |= {"mail": b"".join(office.said), "command": (folder / "command").read_bytes()}
    words |= application.commands(
        "status", "status PID", "status PID --json", "status PID --prometheus", "top PID --once", "health PID",
        "alerts list PID", "alerts list PID --json", "config show", "check", "doctor", "explain canary_app:Agent.act",
        "push --patience 5s",
    )  # fmt: skip
    words["mask"] = application.tell("mask", "-", text="\n".join(texts()))
    data = application.commands(
        "tail -n 1000 --no-follow", "report -o - --limit 1000", "report -o - --limit 1000 --format markdown",
        "report -o - --limit 1000 --format perfetto", "push --to otlp --dead --show",
    )  # fmt: skip
    data["report -o - --limit 1000"] = unpack_report(data["report -o - --limit 1000"])
    data["pages"], named = read_pages(folder / "store" / "traces.db")
    data["show"] = b"".join(application.tell("show", trace) for trace in named)
    data["local store"] = everything_below(folder / "store")
    data["refused spans"] = everything_below(folder / "spool")
    words["published counts"] = everything_below(folder / "run")
    words["metrics"] = scrape(port)
    application.process.communicate(timeout=30)
    receiver.shutdown()
    office.shutdown()
    data |= {
        "Langfuse body": receiver.received("/api/public/otel/v1/traces"),
        "OTLP body": receiver.received("/picky/v1/traces"),
        "everything sent": receiver.received(),
        "local store, at last": everything_below(folder / "store"),
    }
    words |= {
        "scores": receiver.received("/api/public/scores"),
        "OTLP metrics": receiver.received("/picky/v1/metrics"),
        "everything on disk": everything_below(folder),
        "logs": application.log,
    }
    return Run(data, words)


def spool(folder: Path) -> Run:
    """Run the application with a server that is away and a worker that fails again and again, then kill it."""
    export = "  langfuse: { host: 'http://127.0.0.1:9', durability: wal }"
    application = Application(folder, REGISTRY.format(export=export), {}, "crash")
    words = {"status()": application.status()}
    words |= application.commands("status", "status PID", "status PID --json", "health PID", "check", "doctor")
    live = everything_below(folder / "spool")
    application.process.kill()
    application.process.communicate(timeout=30)
    data = {"spool": live + everything_below(folder / "spool")}
    return Run(data, {**words, "everything on disk": everything_below(folder), "logs": application.log})


def read_pages(store: Path) -> tuple[bytes, list[str]]:
    """Return all that the page over a store answers, and the ids of some traces that have data in their names."""
    page = TestClient(make_app(Surroundings(store), port=80, token=None, hosts=None), base_url="http://localhost")
    answers = [page.get(path) for path in ("/", "/api/choices", "/api/flow", "/api/agents", "/api/tracing")]
    rows: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answers.append(page.get("/api/traces", params={"cursor": cursor} if cursor else {}))
        found = answers[-1].json()
        rows += found["traces"]
        cursor = found.get("cursor")
    for trace in dict.fromkeys(row["id"] for row in rows):
        answers.append(page.get(f"/api/trace/{trace}"))
        answers += [page.get(f"/api/trace/{trace}/{span['id']}") for span in answers[-1].json()["spans"]]
    assert {answer.status_code for answer in answers} == {200}
    with open_for_reading(store) as connection:
        live = json.dumps(traces_after(connection, 0)).encode()
    named = [row["id"] for row in rows if SENTINEL in row["name"]]
    return b"\n".join([*(answer.content for answer in answers), live]), named[:SHOWN]


def scrape(port: int) -> bytes:
    import urllib.request

    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20) as answer:
        return bytes(answer.read())
