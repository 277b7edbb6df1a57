"""TLS: certificates are always verified, whatever is wrong with them, and by the authorities that one is told of."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.certificates import Authority
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer, start_server
from tests.delivery.network import Application, langfuse
from tests.delivery.support import wait_until

Start = Callable[..., Application]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def serve() -> Iterator[Callable[[Path], ContractServer]]:
    started: list[ContractServer] = []

    def make(certificate: Path) -> ContractServer:
        started.append(start_server(certificate))
        return started[-1]

    yield make
    for server in started:
        server.stop()


def test_a_server_with_a_good_certificate_gets_its_spans(
    start: Start, serve: Callable[[Path], ContractServer], authority: Authority, folder: Path
) -> None:
    server = serve(authority.issue("localhost"))
    application = start(langfuse(server.url, folder, tls=authority.trust()))
    application.make(20)
    assert application.ends_with(delivered=20)
    assert server.counts()["repeated"] == 0


@pytest.mark.parametrize(
    ("host", "expired", "reason"),
    [("localhost", True, "certificate has expired"), ("elsewhere.example", False, "Hostname mismatch")],
    ids=["expired", "wrong host"],
)
def test_a_bad_certificate_is_told_the_spans_stay_and_five_minutes_later_it_is_looked_at_again(
    start: Start,
    serve: Callable[[Path], ContractServer],
    authority: Authority,
    folder: Path,
    host: str,
    expired: bool,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(authority.issue(host, expired=expired))
    application = start(langfuse(server.url, folder, tls=authority.trust()))
    application.make(20)
    assert application.is_left_alone()
    assert f"{server.url}: its TLS certificate is not valid ({reason}" in application.breaker["reason"]
    assert 290 < application.breaker["next_probe_in"] <= 300
    assert wait_until(lambda: "its TLS certificate is not valid" in caplog.text), "somebody has to mend it"
    assert application.ends_with(spooled=20)
    assert server.requests() == []
    server.restart(authority.issue("localhost"))
    application.clock.advance(200)
    assert application.breaker["state"] == "open"
    application.clock.advance(100)
    assert application.ends_with(delivered=20)
    assert server.counts()["repeated"] == 0
    assert application.status["healthy"]


def test_an_authority_that_nobody_has_named_is_not_trusted(
    start: Start, serve: Callable[[Path], ContractServer], authority: Authority, folder: Path
) -> None:
    server = serve(authority.issue("localhost"))
    application = start(langfuse(server.url, folder))
    application.make(3)
    assert application.is_left_alone()
    assert "its TLS certificate is not valid" in application.breaker["reason"]
    assert application.ends_with(spooled=3)
    assert server.requests() == []


def test_an_authority_that_ssl_cert_file_names_is(
    start: Start,
    serve: Callable[[Path], ContractServer],
    authority: Authority,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(authority.issue("localhost"))
    application = start(langfuse(server.url, folder))
    application.make(3)
    assert application.is_left_alone()
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    application.retry_now()
    assert application.ends_with(delivered=3), "also where it is named while the process runs"


SCRIPT = """
import sys
from pathlib import Path
from tests.delivery.support import observations
from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Storage
sink = LangfuseSink(*sys.argv[1:4], storage=Storage(Path(sys.argv[4])), linger=0.05)
pipeline = Pipeline([sink], lambda span: span, ledger=Ledger())
for span in observations(5):
    pipeline.put(span)
assert pipeline.flush(10)
print(pipeline.ledger.check().delivered, pipeline.ledger.check().spooled)
"""


@pytest.mark.parametrize("trusted", [True, False])
def test_a_process_reads_ssl_cert_file_at_its_start(
    serve: Callable[[Path], ContractServer], authority: Authority, folder: Path, trusted: bool
) -> None:
    server = serve(authority.issue("localhost"))
    environ = {"SSL_CERT_FILE": str(authority.file)} if trusted else {}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, server.url, PUBLIC_KEY, SECRET_KEY, str(folder)],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ("5 0\n" if trusted else "0 5\n"), done.stderr
    assert server.counts()["unique"] == (5 if trusted else 0)


def test_a_server_that_speaks_no_tls_is_told_and_tried_again(
    start: Start, server: ContractServer, folder: Path, authority: Authority
) -> None:
    application = start(langfuse(server.url.replace("http:", "https:"), folder, tls=authority.trust()))
    application.make(3)
    assert application.is_left_alone()
    assert "no TLS handshake" in application.breaker["reason"]
    assert application.ends_with(spooled=3)


def test_a_handshake_that_never_ends_is_given_up_at_the_deadline(start: Start, folder: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    guests: list[socket.socket] = []
    thread = threading.Thread(target=lambda: guests.append(listener.accept()[0]), daemon=True)
    thread.start()
    address = f"https://localhost:{listener.getsockname()[1]}"
    application = start(langfuse(address, folder, connect_timeout=0.2))
    application.make(3)
    assert application.is_left_alone()
    assert "did not answer in time" in application.breaker["reason"]
    assert application.ends_with(spooled=3)
    thread.join()
    for one in (listener, *guests):
        one.close()


def test_the_settings_that_are_made_verify_names_and_certificates(folder: Path) -> None:
    transport = langfuse("https://localhost:1", folder)._transport
    made = transport._verification()
    assert made is not None
    assert made.check_hostname
    assert made.verify_mode is ssl.CERT_REQUIRED
