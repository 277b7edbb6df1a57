"""Log records carry the ids of trace and span where that is asked for, and `logging` is left as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracing_proxies
from tracing_proxies.monitoring.logging_ids import LogIds
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.testing import capture_spans

REGISTRY = """
version: 1
export: {{ discard: {{}} }}
logging: {{ trace_ids: {} }}
trace:
  - match: {}:Agent.run
"""
log = logging.getLogger("shop")


class Agent:
    def run(self, text: str) -> None:
        log.warning("%s", text)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    log.addHandler(handler)
    yield found
    log.removeHandler(handler)
    tracing_proxies.deactivate()


def activate(asked: str, folder: Path) -> None:
    tracing_proxies.activate(parse_registry(REGISTRY.format(asked, __name__), base=folder))


def test_a_record_within_a_span_has_its_ids_and_one_outside_has_empty_ones(
    records: list[logging.LogRecord], tmp_path: Path
) -> None:
    activate("true", tmp_path)
    with capture_spans() as spans:
        Agent().run("within")
    log.warning("outside")
    within, outside = (record.__dict__ for record in records)
    assert (within["trace_id"], within["span_id"]) == (spans[0].trace_id, spans[0].span_id)
    assert (outside["trace_id"], outside["span_id"]) == ("", "")
    assert logging.Formatter("%(trace_id)s %(message)s").format(records[0]) == f"{spans[0].trace_id} within"


def test_without_being_asked_records_are_as_they_were(records: list[logging.LogRecord], tmp_path: Path) -> None:
    activate("false", tmp_path)
    Agent().run("within")
    assert "trace_id" not in records[0].__dict__


def test_deactivation_and_a_reload_leave_logging_as_it_was_by_identity(
    records: list[logging.LogRecord], tmp_path: Path
) -> None:
    before = logging.Logger.__dict__["makeRecord"]
    activate("true", tmp_path)
    assert logging.Logger.__dict__["makeRecord"] is not before
    activate("false", tmp_path)
    assert logging.Logger.__dict__["makeRecord"] is before
    activate("true", tmp_path)
    tracing_proxies.deactivate()
    assert logging.Logger.__dict__["makeRecord"] is before


def test_what_the_application_gives_a_record_itself_stays(records: list[logging.LogRecord], tmp_path: Path) -> None:
    activate("true", tmp_path)
    log.warning("own", extra={"trace_id": "mine"})
    assert records[0].__dict__["trace_id"] == "mine"
    assert records[0].__dict__["span_id"] == ""


def test_where_somebody_has_wrapped_ours_since_it_passes_through_and_speaks_again_when_it_is_asked_to(
    records: list[logging.LogRecord],
) -> None:
    before = logging.Logger.__dict__["makeRecord"]
    ids = LogIds()
    ids.follow(True)
    ours = logging.Logger.makeRecord

    def theirs(self: logging.Logger, *args: object, **kwargs: object) -> logging.LogRecord:
        return ours(self, *args, **kwargs)  # type: ignore[arg-type]

    logging.Logger.makeRecord = theirs  # type: ignore[method-assign, assignment]
    try:
        for asked in (True, False, True):
            ids.follow(asked)
            log.warning("x")
        assert ["trace_id" in record.__dict__ for record in records] == [True, False, True]
        assert logging.Logger.__dict__["makeRecord"] is theirs
    finally:
        ids.follow(False)
        logging.Logger.makeRecord = before  # type: ignore[method-assign]


def test_what_tracing_itself_logs_as_it_begins_has_the_attributes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACING_PROXIES_DEBUG", "nonsense")
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    ours = logging.getLogger("tracing_proxies")
    ours.addHandler(handler)
    try:
        activate("true", tmp_path)
    finally:
        ours.removeHandler(handler)
        tracing_proxies.deactivate()
    assert ["nonsense" in record.getMessage() for record in found] == [True]
    assert found[0].trace_id == ""  # type: ignore[attr-defined]
