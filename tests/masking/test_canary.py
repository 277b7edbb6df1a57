"""Nothing of forty canaries, put into every place of a span, is in any byte that leaves the process by any exit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.masking.canaries import CANARIES, SENTINEL, occurrences, texts
from tracing_proxies.masking import Masker

ROOT = Path(__file__).parent.parent.parent
_COMMAND = "from tracing_proxies.cli.main import main; main()"
REGISTRY = """
version: 1
service: {{ name: canary }}
spool: {{ path: spool }}
export:
{export}
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
"""


class Receiver(ThreadingHTTPServer):
    """Takes whatever is posted, and keeps it by path."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def received(self, path: str) -> bytes:
        return b"\n".join(self.bodies.get(path, []))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        whole = bytes(self.headers) + inflate(body)
        self.server.bodies.setdefault(self.path, []).append(whole)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


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


def everything_below(folder: Path) -> bytes:
    return b"\n".join(inflate(file.read_bytes()) for file in sorted(folder.rglob("*")) if file.is_file())


@attrs.frozen
class Run:
    """One run of the application: what has left it, by exit.

    Args:
        data: the exits that spans leave by.
        words: those that only tell of them.
    """

    data: dict[str, bytes]
    words: dict[str, bytes]


def run_application(folder: Path, export: str, *how: str) -> tuple[dict[str, bytes], subprocess.Popen[bytes]]:
    """Start the application and wait until it has flushed; it goes on running."""
    registry = folder / "registry.yaml"
    registry.write_text(REGISTRY.format(export=export))
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
        "LANGFUSE_SECRET_KEY": "sk-lf-own",
        "XDG_RUNTIME_DIR": str(folder),
        "TRACING_PROXIES_STRICT": "",
    }
    with (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.masking.canary_app", str(registry), *how],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"ready\n"):
        line = process.stdout.readline()
        assert line, (folder / "errors").read_text()[-3000:]
        said += line
    words = {"status()": said}
    for command in (["status", str(process.pid)], ["status", str(process.pid), "--json"]):
        words[" ".join(command[:1] + command[2:])] = tell(command, folder, environ)
    if "local:" in export:
        words["push"] = tell(["push", "--to", "otlp", "--patience", "5s"], folder, environ)
    for command in (["config", "show"], ["check"], ["doctor"], ["explain", "canary_app:Agent.act"]):
        words[" ".join(command)] = tell(command, folder, environ)
    return words, process


def tell(command: list[str], folder: Path, environ: dict[str, str]) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *command], cwd=folder, env=environ, capture_output=True, timeout=60
    )
    return done.stdout + done.stderr


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(timeout=30)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What leaves an application whose servers answer."""
    folder = tmp_path_factory.mktemp("delivered")
    receiver = Receiver()
    export = (
        f"  langfuse: {{ host: '{receiver.url}' }}\n  otlp: {{ endpoint: '{receiver.url}' }}\n"
        "  local: { path: store/traces.db }"
    )
    words, process = run_application(folder, export)
    live = everything_below(folder / "store")
    end(process)
    receiver.shutdown()
    data = {
        "Langfuse body": receiver.received("/api/public/otel/v1/traces"),
        "OTLP body": receiver.received("/v1/traces"),
        "local store": live + everything_below(folder / "store"),
    }
    return Run(data, {**words, "logs": (folder / "errors").read_bytes()})


@pytest.fixture(scope="module")
def spooled(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What an application leaves on disk whose server is away, and whose worker fails again and again."""
    folder = tmp_path_factory.mktemp("spooled")
    words, process = run_application(folder, "  langfuse: { host: 'http://127.0.0.1:9', durability: wal }", "crash")
    live = everything_below(folder / "spool")
    process.kill()
    process.communicate(timeout=30)
    return Run(
        {"spool": live + everything_below(folder / "spool")}, {**words, "logs": (folder / "errors").read_bytes()}
    )


def test_there_are_forty_and_the_search_finds_each_in_any_encoding() -> None:
    import base64
    import urllib.parse

    assert len(CANARIES) == 40
    for text in texts():
        raw = text.encode()
        for content in (
            raw,
            json.dumps({"a": text}).encode(),
            base64.b64encode(raw),
            base64.urlsafe_b64encode(b"ab" + raw + b"cd"),
            urllib.parse.quote(text, safe="").encode(),
            urllib.parse.quote_plus(text, safe="").encode(),
        ):
            assert list(occurrences(content)), text


@pytest.mark.parametrize("kind", CANARIES)
def test_a_canary_is_masked_in_its_text(kind: str) -> None:
    value, form = CANARIES[kind]
    assert value not in Masker().text(f"{SENTINEL}: {form.format(value)}")


@pytest.mark.parametrize("exit_by", ["Langfuse body", "OTLP body", "local store"])
def test_no_canary_is_in_what_is_delivered(delivered: Run, exit_by: str) -> None:
    content = delivered.data[exit_by]
    assert content.count(SENTINEL.encode()) > 10 * len(CANARIES)
    assert list(occurrences(content)) == []


def test_no_canary_is_in_the_spool_though_the_worker_fails_again_and_again(spooled: Run) -> None:
    assert spooled.data["spool"].count(SENTINEL.encode()) > len(CANARIES)
    assert list(occurrences(spooled.data["spool"])) == []
    assert re.search(rb"tracing failed in (masking|prepare)", spooled.words["logs"])


@pytest.mark.parametrize("run", ["delivered", "spooled"])
def test_no_canary_is_in_logs_status_or_what_a_command_prints(run: str, request: pytest.FixtureRequest) -> None:
    words: dict[str, bytes] = request.getfixturevalue(run).words
    assert {name: list(occurrences(content)) for name, content in words.items()} == {name: [] for name in words}
    assert all(len(content) > 20 for content in words.values())
