"""Says what a server's reply means for the batch that was sent."""

from __future__ import annotations

import email.utils
import enum
import json
import math
import time
from collections.abc import Mapping

import attrs

from tracing_proxies.exclusion import importing

RETRY_AFTER_DEFAULT = 5.0
RETRY_AFTER_MIN = 1.0
RETRY_AFTER_MAX = 300.0
REFUSED_PAUSE = 300.0
_TRANSIENT = frozenset((408, 425, 429))
_UNFIT = frozenset((400, 422))


class Verdict(enum.Enum):
    """What is to be done with the batch."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REJECTED = "rejected"
    UNAUTHORISED = "unauthorised"
    TOO_LARGE = "too large"


@attrs.frozen(eq=False)
class Reply:
    """The server's answer, or the network's.

    Args:
        retry_after: seconds that the server asked to wait, None where it did not.
        rejected: spans that an otherwise accepted batch left out (OTLP's partial success).
        reachable: False when no server answered.
        reason: for people; holds no secrets and nothing of the request.
    """

    verdict: Verdict
    reason: str = ""
    retry_after: float | None = None
    rejected: int = 0
    reachable: bool = True


def judge(status: int, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> Reply:
    """Read a complete reply to a trace upload.

    The meanings are those of OTLP/HTTP (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response") and of Langfuse's
    ingestion API.

    Args:
        status: HTTP status.
        headers: any mapping with a case-insensitive ``get``.
        body: the reply's first bytes.
        now: seconds since the epoch, for Retry-After dates.
    """
    if 200 <= status < 300:
        return _judge_success(status, headers, body)
    reason = f"HTTP {status}" + (" (a proxy asks for a password)" if status == 407 else "")
    if status == 413:
        return Reply(Verdict.TOO_LARGE, reason)
    if status in _UNFIT:
        return Reply(Verdict.REJECTED, reason)
    if status in _TRANSIENT or status >= 500:
        asked = headers.get("Retry-After")
        if asked is not None or status == 429:
            return Reply(Verdict.RETRY, reason, retry_after=parse_retry_after(asked, now=now))
        return Reply(Verdict.RETRY, reason)
    if 400 <= status < 500:  # about the address, the keys or a proxy: nothing that says a span is at fault
        return Reply(Verdict.UNAUTHORISED, reason, retry_after=REFUSED_PAUSE)
    if 300 <= status < 400:
        return Reply(Verdict.RETRY, f"{reason}: redirects are not followed, check the host's address")
    return Reply(Verdict.RETRY, f"{reason} is no answer to an upload")


def parse_retry_after(text: str | None, *, now: float | None = None) -> float:
    """Return how many seconds a Retry-After header asks for, whatever it holds.

    Seconds and HTTP dates are understood (RFC 9110, 10.2.3) and clamped to 1..300; anything else means 5.
    """
    if text is None:
        return RETRY_AFTER_DEFAULT
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(text)
            seconds = date.timestamp() - (time.time() if now is None else now)
        except (TypeError, ValueError, IndexError, OverflowError, OSError):
            return RETRY_AFTER_DEFAULT
    if math.isnan(seconds):
        return RETRY_AFTER_DEFAULT
    return min(max(seconds, RETRY_AFTER_MIN), RETRY_AFTER_MAX)


def skew_of(date: str | None, now: float) -> float | None:
    """Return by how many seconds our clock is ahead of a server's; None where it does not tell.

    Args:
        date: its ``Date`` header.
        now: our own time, in seconds since 1970.
    """
    if date is None:
        return None
    try:
        return now - email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError, OSError):
        return None


def _judge_success(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    kind = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if not body.strip():
        return Reply(Verdict.DELIVERED)
    if kind in ("application/x-protobuf", "application/protobuf"):
        return _judge_protobuf(body)
    if kind == "text/html" or body.lstrip()[:1] not in (b"{", b"["):
        return Reply(Verdict.RETRY, f"HTTP {status}, but not from the ingestion API: is a login page in between?")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(Verdict.DELIVERED)  # JSON that was cut at our limit
    partial = answer.get("partialSuccess") if isinstance(answer, dict) else None
    if isinstance(partial, dict):
        try:
            return Reply(Verdict.DELIVERED, rejected=max(0, int(partial.get("rejectedSpans") or 0)))
        except (TypeError, ValueError, OverflowError):
            return Reply(Verdict.DELIVERED)
    return Reply(Verdict.DELIVERED)


def _judge_protobuf(body: bytes) -> Reply:
    with importing:
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    answer = ExportTraceServiceResponse()
    try:
        answer.ParseFromString(body)
    except DecodeError:
        return Reply(Verdict.RETRY, "the reply is no OTLP message")
    return Reply(Verdict.DELIVERED, rejected=max(0, answer.partial_success.rejected_spans))
