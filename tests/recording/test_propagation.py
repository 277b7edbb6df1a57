"""Headers of W3C Trace Context are read strictly, and written as the current span is."""

from __future__ import annotations

import logging
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.recording import left_out
from tracing_proxies.recording.context import SPAN_KEY, SUPPRESSED, suppress, with_span
from tracing_proxies.recording.propagation import read_headers, read_state, write_headers
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.trace import Trace
from tracing_proxies.recording.unrecorded import UNSAMPLED

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_a_valid_parent_is_read_as_a_remote_span() -> None:
    told = read_headers([PARENT])
    assert told is not None
    assert (f"{told.trace_id:032x}", f"{told.span_id:016x}") == (TRACE, SPAN)
    assert told.is_remote
    assert told.trace_flags == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        PARENT[:-1],
        f"{PARENT}0",
        f"{PARENT}-",
        f"{PARENT}-more",
        PARENT.upper(),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"0g-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-.0",
        f"00_{TRACE}_{SPAN}_01",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"{PARENT}\n",
        f"\n{PARENT}",
        f"{PARENT},{PARENT}",
        f"00-{'٠' * 31}1-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 1000}",
    ],
)
def test_an_invalid_parent_is_ignored(text: str) -> None:
    assert read_headers([text]) is None


def test_several_parents_are_ignored() -> None:
    assert read_headers([PARENT, PARENT]) is None
    assert read_headers([]) is None


@pytest.mark.parametrize("text", [f"cc-{TRACE}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01-what-the-future-is-like"])
def test_of_a_later_version_the_known_fields_are_read(text: str) -> None:
    told = read_headers([text])
    assert told is not None
    assert f"{told.trace_id:032x}" == TRACE


def test_white_space_around_a_parent_is_no_part_of_it() -> None:
    assert read_headers([f" \t{PARENT} "]) is not None


@pytest.mark.parametrize(("flags", "read"), [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3)])
def test_only_the_flags_that_are_known_are_read(flags: str, read: int) -> None:
    told = read_headers([f"00-{TRACE}-{SPAN}-{flags}"])
    assert told is not None
    assert told.trace_flags == read


@given(st.text(alphabet=st.sampled_from(string.hexdigits + "-. \n" + "é"), max_size=70))
@example(PARENT)
def test_a_parent_is_read_as_opentelemetry_reads_it_or_not_at_all(text: str) -> None:
    told = read_headers([text])
    context = TraceContextTextMapPropagator().extract({"traceparent": text}, Context())
    theirs = otel.get_current_span(context).get_span_context()
    if told is not None:
        assert (told.trace_id, told.span_id) == (theirs.trace_id, theirs.span_id)


def test_a_state_is_passed_on_unchanged() -> None:
    told = read_headers([PARENT], ["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "1a-b@v=x y!"])
    assert told is not None
    assert told.trace_state.to_header() == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7,1a-b@v=x y!"


def test_empty_members_of_a_state_and_space_around_members_are_left_out() -> None:
    assert read_state(["a=1 , \t,b=2,", ""]).to_header() == "a=1,b=2"


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "=1",
        "a=",
        "A=1",
        "a=1,b",
        "a=1,a=2",
        "a =1",
        "a=1=2",
        "a=é",
        f"{'a' * 257}=1",
        f"a={'1' * 257}",
        "@v=1",
        "a@=1",
        f"a@{'v' * 15}=1",
        "a=1\n",
        ",".join(f"k{number}=1" for number in range(33)),
    ],
)
def test_an_invalid_state_is_left_out_and_the_parent_stays(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        told = read_headers([PARENT], [text])
    assert told is not None
    assert told.trace_state.to_header() == ""
    assert caplog.records == []  # what a stranger sends is no reason for a log line


def test_a_state_with_as_many_members_as_allowed_is_kept() -> None:
    text = ",".join(f"k{number}=1" for number in range(32))
    assert read_state([text]).to_header() == text


def test_a_long_state_loses_its_large_members_first_and_then_its_last() -> None:
    large, small = f"large={'x' * 200}", [f"s{number}={'y' * 60}" for number in range(7)]
    kept = read_state([",".join([small[0], large, *small[1:]])]).to_header()
    assert kept == ",".join(small)
    assert len(kept) <= 512
    kept = read_state([",".join([*small, "s7=" + "y" * 60, "s8=" + "y" * 60])]).to_header()
    assert kept == ",".join([*small, "s7=" + "y" * 60])[: len(kept)]
    assert 512 - 64 < len(kept) <= 512


KEYS = st.text(alphabet=string.ascii_lowercase + string.digits + "_-*/@", max_size=20)
VALUES = st.text(alphabet=st.characters(min_codepoint=31, max_codepoint=128), max_size=20)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=5))
def test_whatever_is_read_of_a_state_is_accepted_by_opentelemetry(members: list[tuple[str, str]]) -> None:
    logger = logging.getLogger("opentelemetry.trace.span")
    records: list[logging.LogRecord] = []
    logger.addFilter(watch := lambda record: bool(records.append(record)))
    try:
        state = read_state([",".join(f"{key}={value}" for key, value in members)])
    finally:
        logger.removeFilter(watch)
    assert records == []
    assert read_state([state.to_header()]) == state


def our_span() -> Span:
    return Span(Recorder(lambda span: None), Trace(int(TRACE, 16)), int(SPAN, 16), None, None)


def test_our_span_is_written_as_sampled() -> None:
    assert write_headers(with_span(Context(), our_span())) == {"traceparent": PARENT}


def test_the_state_of_a_trace_is_written_with_its_spans() -> None:
    span = our_span()
    span.trace.state = read_state(["a=1,b=2"])
    assert write_headers(with_span(Context(), span)) == {"traceparent": PARENT, "tracestate": "a=1,b=2"}


@pytest.mark.parametrize("flags", [0, 1])
def test_a_span_of_opentelemetry_is_written_with_its_own_flags(flags: int) -> None:
    told = otel.SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=False, trace_flags=otel.TraceFlags(flags))
    written = write_headers(with_span(Context(), otel.NonRecordingSpan(told)))
    assert written == {"traceparent": f"00-{TRACE}-{SPAN}-{flags:02x}"}


@pytest.mark.parametrize("span", [None, SUPPRESSED, UNSAMPLED, otel.INVALID_SPAN])
def test_nothing_is_written_without_a_span(span: otel.Span | None) -> None:
    assert write_headers(Context() if span is None else Context({SPAN_KEY: span})) == {}


def test_nothing_is_written_where_instrumentation_is_suppressed() -> None:
    token = otel_context.attach(Context())
    try:
        suppress()
        suppressed = with_span(otel_context.get_current(), our_span())
    finally:
        otel_context.detach(token)
    assert write_headers(suppressed) == {}


@pytest.mark.parametrize(("flags", "passed_on"), [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03")])
def test_that_an_id_is_random_is_passed_on_as_it_came(flags: str, passed_on: str) -> None:
    case = left_out.Case(0, f"  - match: {left_out.M}:visit\n    capture: none\n")
    written: list[str] = []
    told = read_headers([f"00-{TRACE}-{SPAN}-{flags}"])
    assert told is not None
    try:
        with otel.use_span(otel.NonRecordingSpan(told)):
            case.module.visit(lambda: written.append(write_headers(otel_context.get_current())["traceparent"]))
    finally:
        case.undo()
    assert [text.split("-")[1::2] for text in written] == [[TRACE, passed_on]]
