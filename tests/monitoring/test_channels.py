"""Each channel tells a real receiver, keeps its secret to itself, and says why where it cannot tell."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import attrs
import pytest

from tests.monitoring.receivers import Receiver, http_receiver, mail_receiver
from tests.monitoring.virtual import Clock
from tracing_proxies.delivery.backoff import Backoff
from tracing_proxies.monitoring.channel_messages import Notification, as_slack
from tracing_proxies.monitoring.channels import Channel, ChannelError, LogChannel, open_channel
from tracing_proxies.monitoring.outbox import MOST_ATTEMPTS, MOST_WAITING, Outbox
from tracing_proxies.registry.alert_rules import ChannelSettings

SECRET = "T0K3N-very-secret"
FIRED = Notification(
    key="tracing_proxies/shop/prod/agent_errors/shop:Agent.run",
    name="agent_errors",
    what="firing",
    severity="critical",
    subject="shop:Agent.run",
    text="an agent fails too often: agent_error_rate is 50% (above 10% is wrong)",
    service="shop",
    environment="prod",
    process="host:1",
    at=1_700_000_000.0,
)
OVER = attrs.evolve(FIRED, what="resolved")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as found:
        yield found


def channel(kind: str, environ: dict[str, str], **settings: object) -> Channel:
    return open_channel(ChannelSettings(name="ops", kind=kind, **{"secret": "OPS", **settings}), environ)


def failure_of(found: Channel) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        found.send(FIRED)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_webhook_is_given_everything_as_json(receiver: Receiver) -> None:
    channel("webhook", {"OPS": receiver.url(f"/hook/{SECRET}?a=b")}).send(FIRED)
    [(path, headers, body)] = receiver.requests
    assert path == f"/hook/{SECRET}?a=b"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {**attrs.asdict(FIRED), "title": FIRED.title}


def test_slack_is_given_a_text_in_which_nothing_is_a_command_to_it(receiver: Receiver) -> None:
    hostile = attrs.evolve(FIRED, text="<!channel> & <https://evil.example|click>")
    channel("slack", {"OPS": receiver.url("/services/x")}).send(hostile)
    text = json.loads(receiver.bodies[0])["text"]
    assert text.startswith(":red_circle: *[firing] shop/prod: agent_errors (shop:Agent.run)*")
    assert "&lt;!channel&gt; &amp; &lt;https" in text
    assert json.loads(as_slack(OVER))["text"].startswith(":white_check_mark:")


def test_pagerduty_is_given_an_event_that_its_end_resolves(receiver: Receiver) -> None:
    environ = {"OPS": SECRET, "TRACING_PROXIES_PAGERDUTY_URL": receiver.url("/v2/enqueue")}
    for notification in (FIRED, OVER):
        channel("pagerduty", environ).send(notification)
    fired, over = map(json.loads, receiver.bodies)
    assert fired == {
        "routing_key": SECRET,
        "event_action": "trigger",
        "dedup_key": FIRED.key,
        "payload": {
            "summary": f"{FIRED.title}: {FIRED.text}",
            "source": "host:1",
            "severity": "critical",
            "component": "shop",
            "group": "prod",
            "class": "agent_errors",
        },
    }
    assert over == {"routing_key": SECRET, "event_action": "resolve", "dedup_key": FIRED.key}


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_an_e_mail_goes_to_its_recipients_and_a_password_only_over_tls(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_receiver(tmp_path, security) as (post, authority):
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        settings = {
            "to": ("ann@shop.example", "ben@shop.example"),
            "sender": "Tracing <tracing@shop.example>",
            "server": f"localhost:{post.port}",
            "security": security,
            "user": "shop",
            "secret": None if security == "none" else "MAIL_PASSWORD",
        }
        channel("email", {"MAIL_PASSWORD": SECRET}, **settings).send(FIRED)
    [(sender, to, text)] = post.mails
    assert (sender, to) == ("<tracing@shop.example>", ["<ann@shop.example>", "<ben@shop.example>"])
    assert message_from_string(text)["Subject"] == FIRED.title
    assert "agent_error_rate is 50%" in text
    assert post.logins == ([] if security == "none" else [(f"shop:{SECRET}", True)])


def test_an_e_mail_with_a_password_is_not_sent_without_tls_and_a_refusal_is_told(tmp_path: Path) -> None:
    with mail_receiver(tmp_path) as (post, _):
        settings = {"to": ("a@b.example",), "sender": "c@d.example", "server": f"localhost:{post.port}"}
        open_to_all = channel("email", {"OPS": SECRET}, **settings, security="none")
        assert failure_of(open_to_all).for_good
        assert post.logins == post.mails == []
        post.refuse = 550
        refused = failure_of(channel("email", {}, **settings, security="none", secret=None))
        assert str(refused) == "the mail server answers 550"
        assert refused.for_good
        post.refuse = 451
        assert not failure_of(channel("email", {}, **settings, security="none", secret=None)).for_good


def test_a_command_is_given_json_and_neither_a_shell_nor_langfuse_keys(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = "import sys, os; open(sys.argv[1], 'w').write(sys.stdin.read() + '|' + ','.join(sorted(os.environ)))"
    argv = (sys.executable, "-c", script, str(out), "; touch hacked $(id)")
    environ = {"PATH": os.environ["PATH"], "LANGFUSE_SECRET_KEY": SECRET}
    channel("command", environ, argv=argv).send(FIRED)
    told, _, names = out.read_text().partition("|")
    assert json.loads(told)["name"] == "agent_errors"
    assert "LANGFUSE_SECRET_KEY" not in names
    assert "TRACING_PROXIES" in names.split(",")
    assert list(tmp_path.iterdir()) == [out]


def test_a_command_that_does_not_end_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    argv = ("/bin/sh", "-c", f"sleep 60 & echo $! $$ > {pids}; wait")
    error = failure_of(channel("command", dict(os.environ), argv=argv, timeout=0.5))
    assert str(error) == "the command did not end within 0.5 s"
    for pid in map(int, pids.read_text().split()):
        deadline = time.monotonic() + 10
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_command_that_fails_or_is_not_there_says_so() -> None:
    assert str(failure_of(channel("command", {}, argv=("/bin/false",)))) == "the command ended with status 1"
    assert failure_of(channel("command", {}, argv=("/no/such/program",))).for_good


def test_the_log_has_the_level_of_the_severity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tracing_proxies.alerts")
    for notification in (FIRED, attrs.evolve(FIRED, severity="warning"), OVER):
        LogChannel().send(notification)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "INFO"]
    assert caplog.messages[0] == f"{FIRED.title}: {FIRED.text}"


def test_a_secret_comes_from_a_file_and_is_read_anew_each_time(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "hook"
    found = channel("webhook", {"OPS_FILE": str(file)})
    for path in ("/one", "/two"):
        file.write_text(receiver.url(path))
        file.chmod(stat.S_IRUSR | stat.S_IWUSR)
        found.send(FIRED)
    assert [path for path, _, _ in receiver.requests] == ["/one", "/two"]


def test_what_cannot_be_told_names_host_and_variable_and_no_secret(receiver: Receiver) -> None:
    assert str(failure_of(channel("webhook", {}))) == "neither OPS nor OPS_FILE is set"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        where = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = failure_of(channel("webhook", {"OPS": f"{where}/{SECRET}"}))
    assert str(error) == f"{where} cannot be reached (Connection refused)"
    assert not error.for_good
    for wrong in (SECRET, f"ftp://x/{SECRET}", f"http://x/{SECRET} y", f"http://[{SECRET}"):
        assert "address" in str(failure_of(channel("webhook", {"OPS": wrong})))
    receiver.script = [500, 404, 302]
    outcomes = [failure_of(channel("webhook", {"OPS": receiver.url(f"/{SECRET}")})) for _ in range(3)]
    assert [(str(error), error.for_good) for error in outcomes] == [
        ("HTTP 500", False),
        ("HTTP 404", True),
        ("HTTP 302", False),
    ]


def test_a_server_that_never_answers_costs_no_more_than_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = failure_of(channel("webhook", {"OPS": where}, timeout=0.3))
    assert str(error) == f"{where} did not answer in time"


class Fickle:
    """A channel that fails as often as it is told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.failures: list[ChannelError] = []

    def send(self, notification: Notification) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(notification.name)


def outbox(fickle: Fickle, clock: Clock, rate: float | None = None) -> Outbox:
    return Outbox("ops", fickle, rate, clock, Backoff(clock, lambda low, high: high))


def drain(found: Outbox, clock: Clock, most: float = 1e6) -> float:
    """Let the outbox work until nothing is due, and return the seconds that have passed."""
    begun = clock.now
    while (pause := found.step()) is not None and clock.now - begun < most:
        clock.now += pause
    return clock.now - begun


def test_a_failure_is_tried_again_with_pauses_that_grow_and_the_order_stays() -> None:
    fickle, clock = Fickle(), Clock()
    found = outbox(fickle, clock)
    fickle.failures = [ChannelError("HTTP 500") for _ in range(3)]
    for name in ("one", "two"):
        found.put(attrs.evolve(FIRED, name=name))
    taken = drain(found, clock)
    assert fickle.sent == ["one", "two"]
    assert 3.0 <= taken <= 10.0
    assert found.status() == {"waiting": 0, "sent": 2, "failed": 3, "dropped": 0, "reason": ""}


def test_what_fails_for_good_or_too_often_is_dropped_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    fickle, clock = Fickle(), Clock()
    found = outbox(fickle, clock)
    fickle.failures = [ChannelError("HTTP 404", for_good=True)] + [ChannelError("HTTP 503")] * MOST_ATTEMPTS
    for name in ("one", "two", "three"):
        found.put(attrs.evolve(FIRED, name=name))
    drain(found, clock)
    assert fickle.sent == ["three"]
    assert found.status()["dropped"] == 2
    assert caplog.messages == ["the channel ops could not tell of an alert: HTTP 404"]


def test_no_more_is_sent_than_the_rate_allows_after_a_burst() -> None:
    fickle, clock = Fickle(), Clock()
    found = outbox(fickle, clock, rate=10 / 60)
    for _ in range(25):
        found.put(FIRED)
    assert [found.step() for _ in range(6)] == [0.0, 0.0, 0.0, 0.0, 6.0, 6.0], "five at once, the next in six seconds"
    drain(found, clock)
    assert len(fickle.sent) == 25
    assert clock.now - 1_000.0 == pytest.approx(20 * 6.0)


def test_of_very_many_the_oldest_are_dropped() -> None:
    fickle, clock = Fickle(), Clock()
    found = outbox(fickle, clock)
    for number in range(MOST_WAITING + 5):
        found.put(attrs.evolve(FIRED, name=str(number)))
    drain(found, clock)
    assert fickle.sent == [str(number) for number in range(5, MOST_WAITING + 5)]
    assert found.status()["dropped"] == 5
