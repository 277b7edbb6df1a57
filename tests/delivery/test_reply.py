"""Replies are read as the contract says, Retry-After in every form."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracing_proxies.delivery.reply import Verdict, judge, parse_retry_after

JSON = {"Content-Type": "application/json"}
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0", 1.0),
        ("-10", 1.0),
        ("100000", 300.0),
        ("1e400", 300.0),
        ("inf", 300.0),
        ("nan", 5.0),
        ("soon", 5.0),
        ("", 5.0),
        (None, 5.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 1.0),
        ("Tue, 14 Nov 2024 22:00:00 GMT", 300.0),
        ("Tue, 99 Nov 2023 22:13:50 GMT", 5.0),
        ("9" * 5000, 300.0),
    ],
)
def test_retry_after_is_understood_and_clamped(text: str | None, seconds: float) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (301, Verdict.RETRY),
        (400, Verdict.REJECTED),
        (401, Verdict.UNAUTHORISED),
        (403, Verdict.UNAUTHORISED),
        (404, Verdict.UNAUTHORISED),
        (408, Verdict.RETRY),
        (413, Verdict.TOO_LARGE),
        (407, Verdict.UNAUTHORISED),
        (410, Verdict.UNAUTHORISED),
        (422, Verdict.REJECTED),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (504, Verdict.RETRY),
    ],
)
def test_a_status_means_what_the_contract_says(status: int, verdict: Verdict) -> None:
    assert judge(status, JSON, b"{}").verdict is verdict


def test_a_web_page_is_no_success() -> None:
    assert judge(200, {"Content-Type": "text/html"}, b"<html>").verdict is Verdict.RETRY
    assert judge(200, JSON, b"<html>").verdict is Verdict.RETRY


def test_a_partial_success_tells_how_many_were_rejected() -> None:
    reply = judge(200, JSON, b'{"partialSuccess": {"rejectedSpans": "3"}}')
    assert (reply.verdict, reply.rejected) == (Verdict.DELIVERED, 3)
    body = ExportTraceServiceResponse()
    body.partial_success.rejected_spans = 2
    reply = judge(200, {"Content-Type": "application/x-protobuf"}, body.SerializeToString())
    assert (reply.verdict, reply.rejected) == (Verdict.DELIVERED, 2)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"partialSuccess": {"rejectedSpans": "x"}}', b"[" * 60_000])
def test_an_odd_body_of_a_success_is_still_a_success(body: bytes) -> None:
    assert judge(200, JSON, body).verdict is Verdict.DELIVERED
