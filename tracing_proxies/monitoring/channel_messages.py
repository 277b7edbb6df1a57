"""What an alert says, in the form of each channel."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Final

import attrs

from tracing_proxies.registry.alerting import DURATION, RATE, SHARE

_LONGEST: Final = 1_000
_PAGERDUTY: Final = {"critical": "critical", "warning": "warning", "info": "info"}
_MARKS: Final = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}


@attrs.frozen
class Notification:
    """One thing that is told. All of its texts are masked.

    Args:
        key: the same for an alert that fires and its end, and for all processes of one service.
        what: firing or resolved; ``test`` where somebody tries a channel.
        subject: the agent that it is about, or "".
        text: what there is to say, in one sentence.
        process: host and process id.
        at: when, in seconds since the epoch.
    """

    key: str
    name: str
    what: str
    severity: str
    subject: str
    text: str
    service: str
    environment: str
    process: str
    at: float

    @property
    def title(self) -> str:
        """Name it in one line."""
        about = f" ({self.subject})" if self.subject else ""
        return f"[{self.what}] {self.service}/{self.environment}: {self.name}{about}"


def as_json(notification: Notification) -> bytes:
    """Write what webhooks and commands are given."""
    return json.dumps({**attrs.asdict(notification), "title": notification.title}).encode()


def as_slack(notification: Notification) -> bytes:
    """Write what an incoming webhook of Slack takes (api.slack.com/messaging/webhooks)."""
    mark = ":white_check_mark:" if notification.what == "resolved" else _MARKS[notification.severity]
    lines = (
        f"{mark} *{_escape(notification.title)}*",
        _escape(notification.text),
        f"_{notification.severity}, {_escape(notification.process)}_",
    )
    return json.dumps({"text": "\n".join(lines)}).encode()


def as_pagerduty(notification: Notification, routing_key: str) -> bytes:
    """Write an event of PagerDuty's Events API v2; a test is an event that is resolved at once by nobody."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if notification.what == "resolved" else "trigger",
        "dedup_key": notification.key,
    }
    if event["event_action"] == "trigger":
        event["payload"] = {
            "summary": f"{notification.title}: {notification.text}"[:_LONGEST],
            "source": notification.process,
            "severity": _PAGERDUTY[notification.severity],
            "component": notification.service,
            "group": notification.environment,
            "class": notification.name,
        }
    return json.dumps(event).encode()


def as_email(notification: Notification, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """Write an e-mail."""
    message = EmailMessage()
    message["Subject"] = " ".join(notification.title.split())[:200]
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = formatdate(notification.at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip(">") or "localhost")
    lines = (notification.text, "", f"severity: {notification.severity}", f"process: {notification.process}")
    message.set_content("\n".join(lines))
    return message


def write_amount(value: float | None, unit: str) -> str:
    """Write a value in its unit, as a registry would."""
    if value is None:
        return "unknown"
    if unit == SHARE:
        return f"{value * 100:.4g}%"
    if unit == DURATION:
        return f"{value * 1000:.3g}ms" if value < 1 else f"{value:.4g}s"
    if unit == RATE:
        return f"{value * 60:.4g}/min"
    return f"{value:.6g}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
