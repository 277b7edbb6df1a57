"""The ways to tell somebody of an alert. A secret is read when it is needed, and kept nowhere."""

from __future__ import annotations

import logging
import os
import signal
import smtplib
import ssl
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from tracing_proxies.credentials import read_secret
from tracing_proxies.delivery.native import replaced_by
from tracing_proxies.errors import ActivationError
from tracing_proxies.monitoring.channel_messages import Notification, as_email, as_json, as_pagerduty, as_slack
from tracing_proxies.monitoring.exchange import ExchangeError, exchange
from tracing_proxies.registry.alert_rules import ChannelSettings

PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"
PAGERDUTY_URL: Final = "TRACING_PROXIES_PAGERDUTY_URL"
"""Names another place that takes PagerDuty's events, such as that of its service region in Europe."""
_GLANCE: Final = 0.02
_JSON: Final = {"Content-Type": "application/json"}
_FOR_GOOD: Final = frozenset((400, 401, 403, 404, 405, 410, 413, 422))
_LEVELS: Final = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}
_log = logging.getLogger("tracing_proxies.alerts")


class ChannelError(Exception):
    """Says why somebody could not be told; it holds no secret.

    Args:
        for_good: whether trying again is in vain.
    """

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Channel(Protocol):
    """What brings a notification to somebody."""

    def send(self, notification: Notification) -> None:
        """Tell it, or raise a ChannelError."""


def open_channel(settings: ChannelSettings, environ: Mapping[str, str]) -> Channel:
    """Make the channel that a registry asks for; nothing is read or connected yet."""
    if settings.kind == "email":
        return EmailChannel(settings, environ)
    if settings.kind == "command":
        return CommandChannel(settings, environ)
    return HttpChannel(settings, environ)


class LogChannel:
    """Writes to the logger ``tracing_proxies.alerts``."""

    def send(self, notification: Notification) -> None:
        """Write one record; info where it is over."""
        level = logging.INFO if notification.what == "resolved" else _LEVELS[notification.severity]
        _log.log(level, "%s: %s", notification.title, notification.text)


class HttpChannel:
    """Posts JSON to Slack, to PagerDuty, or to any address."""

    def __init__(self, settings: ChannelSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    def send(self, notification: Notification) -> None:
        """Post it; what is not answered by success is an error, for good where the request itself is refused."""
        secret = _secret(self._settings, self._environ)
        url = secret
        if self._settings.kind == "pagerduty":
            url, body = self._environ.get(PAGERDUTY_URL) or PAGERDUTY, as_pagerduty(notification, secret)
        elif self._settings.kind == "slack":
            body = as_slack(notification)
        else:
            body = as_json(notification)
        try:
            answer = exchange("POST", url, _JSON, body, timeout=self._settings.timeout)
        except ExchangeError as error:
            raise ChannelError(str(error)) from None
        if not 200 <= answer.status < 300:
            raise ChannelError(f"HTTP {answer.status}", for_good=answer.status in _FOR_GOOD)


class EmailChannel:
    """Sends an e-mail by way of one mail server."""

    def __init__(self, settings: ChannelSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    def send(self, notification: Notification) -> None:
        """Send it; a server that refuses recipients or password does so for good."""
        settings = self._settings
        password = _secret(settings, self._environ) if settings.secret else None
        if password is not None and settings.security == "none":
            raise ChannelError("a password is not sent without TLS: write security: starttls", for_good=True)
        try:
            with self._connect() as server:
                if settings.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if password is not None:
                    server.login(settings.user, password)
                server.send_message(as_email(notification, settings.sender, settings.to))
        except smtplib.SMTPResponseException as error:
            message = f"the mail server answers {error.smtp_code}"
            raise ChannelError(message, for_good=500 <= error.smtp_code < 600) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise ChannelError(f"the mail server cannot be used ({type(error).__name__})") from None

    def _connect(self) -> smtplib.SMTP:
        host, _, port = self._settings.server.rpartition(":") if ":" in self._settings.server else (
            self._settings.server, "", "465" if self._settings.security == "tls" else "587",
        )  # fmt: skip
        if self._settings.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, int(port), timeout=self._settings.timeout, context=context)
        return smtplib.SMTP(host, int(port), timeout=self._settings.timeout)


class CommandChannel:
    """Starts a program, without a shell, and gives it the notification as JSON on its standard input."""

    def __init__(self, settings: ChannelSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    def send(self, notification: Notification) -> None:
        """Run it; it is killed, with what it has started, where it takes longer than its time."""
        # It is not to be traced itself, and needs none of our secrets.
        environ = {name: value for name, value in self._environ.items() if not name.startswith("LANGFUSE_")}
        environ["TRACING_PROXIES"] = "off"
        with tempfile.TemporaryFile() as told, open(os.devnull, "wb") as nowhere:
            told.write(as_json(notification))
            told.seek(0)
            try:
                pid = _spawn(self._settings.argv, environ, told.fileno(), nowhere.fileno())
            except (OSError, ValueError) as error:
                raise ChannelError(f"the command cannot be started ({type(error).__name__})", for_good=True) from None
        status = self._wait(pid)
        if status is None:
            raise ChannelError(f"the command did not end within {self._settings.timeout:g} s", for_good=True)
        if status:
            raise ChannelError(f"the command ended with status {status}")

    def _wait(self, pid: int) -> int | None:
        """Return the status of a process, None if it had to be killed."""
        ends = time.monotonic() + self._settings.timeout
        while time.monotonic() < ends:
            status = _status_of(pid, os.WNOHANG)
            if status is not None:
                return status
            time.sleep(_GLANCE)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended by itself at this moment
        _status_of(pid, 0)
        return None


def _spawn(argv: tuple[str, ...], environ: Mapping[str, str], stdin: int, nowhere: int) -> int:
    """Start a process in a group of its own."""
    actions = [(os.POSIX_SPAWN_DUP2, end, to) for end, to in ((stdin, 0), (nowhere, 1), (nowhere, 2))]
    return int(_original("posix_spawnp")(argv[0], argv, environ, file_actions=actions, setpgroup=0))


def _status_of(pid: int, options: int) -> int | None:
    try:
        ended, status = _original("waitpid")(pid, options)
    except ChildProcessError:  # somebody else has waited for it, as those do who wait for any child
        return 0
    return os.waitstatus_to_exitcode(status) if ended else None


def _original(name: str) -> Any:
    """Return a function of `os`; gevent's own, and its `subprocess`, work on the thread of its hub only."""
    if replaced_by() == "gevent":
        return sys.modules["gevent.monkey"].get_original("os", name)
    return getattr(os, name)


def _secret(settings: ChannelSettings, environ: Mapping[str, str]) -> str:
    assert settings.secret is not None, "a channel of this kind has a secret"
    try:
        secret = read_secret(settings.secret, environ)
    except ActivationError as error:
        raise ChannelError(str(error)) from None
    if not secret:
        raise ChannelError(f"neither {settings.secret} nor {settings.secret}_FILE is set")
    return secret
