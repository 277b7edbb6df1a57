"""Scores go over a few connections at once, and are what they would be if they went one after the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tracing_proxies.delivery.sinks.protocol import Parcel, Storage
from tracing_proxies.langfuse.scores import make_score, to_record
from tracing_proxies.langfuse.scores_sink import CONNECTIONS, ScoreSink
from tracing_proxies.recording.observation import Observation

TRACE = "0af7651916cd43dd8448eb211c80319c"
AWKWARD = 'a}{"b\n,"'


def record(number: int, **changes: Any) -> Observation:
    return to_record(make_score(**{"trace_id": TRACE, "name": f"n{number}", "value": number, **changes}), "test")


def together(sink: ScoreSink, records: list[Observation]) -> Parcel:
    """Return what the spool makes of neighbours: one parcel."""
    parcels, dropped = sink.pack(records)
    assert not dropped
    return Parcel(b"".join(parcel.payload for parcel in parcels), len(parcels))


@pytest.fixture
def sink(server: ContractServer, tmp_path: Path) -> Iterator[ScoreSink]:
    made = ScoreSink(server.url, PUBLIC_KEY, SECRET_KEY, storage=Storage(tmp_path / "spool"))
    yield made
    made.close()


@contextmanager
def patient_server(parties: int) -> Iterator[str]:
    """Answer nobody until so many ask at once; who waits for the others in vain is refused."""
    barrier, met = threading.Barrier(parties), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                if not met.is_set():
                    barrier.wait(30)
                    met.set()
                self.send_response(200)
            except threading.BrokenBarrierError:
                self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_as_many_scores_are_under_way_at_once_as_there_are_connections() -> None:
    with patient_server(CONNECTIONS) as url:
        sink = ScoreSink(url, PUBLIC_KEY, SECRET_KEY)
        shipped = sink.ship(together(sink, [record(number) for number in range(CONNECTIONS * 4)]), whole=True)
        sink.close()
    assert shipped.delivered == CONNECTIONS * 4


def test_all_scores_arrive_once_whole_and_by_a_few_connections(sink: ScoreSink, server: ContractServer) -> None:
    records = [record(number, comment=AWKWARD) for number in range(64)]
    shipped = sink.ship(together(sink, records), whole=True)
    assert (shipped.delivered, shipped.rest, shipped.dropped) == (64, (), {})
    assert {score["id"]: score["value"] for score in server.scores()} == {r.id: n for n, r in enumerate(records)}
    assert {score["comment"] for score in server.scores()} == {AWKWARD}
    asked = server.score_requests()
    assert len(asked) == 64
    assert 1 < len({note["connection"] for note in asked}) <= CONNECTIONS


def test_one_score_now_and_then_takes_one_connection(sink: ScoreSink, server: ContractServer) -> None:
    for number in range(6):
        assert sink.ship(together(sink, [record(number), record(-number)]), whole=True).delivered == 2
    assert len({note["connection"] for note in server.score_requests()}) == 1


def test_scores_of_one_id_arrive_in_their_order_also_where_one_has_to_be_repeated(
    sink: ScoreSink, server: ContractServer
) -> None:
    server.script_scores([{}, {"status": 503}, {"close": True}])
    parcel = together(sink, [record(number, id=f"id{number % 3}") for number in range(48)])
    sent = parcel.spans
    while parcel.spans:
        shipped = sink.ship(parcel, whole=True)
        sent += sum(rest.spans for rest in shipped.rest)
        if not shipped.rest:
            break
        (parcel,) = shipped.rest
    assert {score["id"]: score["value"] for score in server.scores()} == {"id0": 45, "id1": 46, "id2": 47}
    assert len(server.score_requests()) < sent, "what was taken is not sent again"


def test_what_is_refused_for_good_is_dropped_and_kept_alone(sink: ScoreSink, server: ContractServer) -> None:
    server.script_scores([{}, {"status": 400}, {}, {"status": 400}])
    shipped = sink.ship(together(sink, [record(number) for number in range(32)]), whole=True)
    assert (shipped.delivered, shipped.rest, shipped.dropped) == (30, (), {"rejected": 2})
    assert len(server.scores()) == 30
    assert sink.details()["dead"]["spans"] == 2


def test_a_server_that_may_be_down_is_tried_with_one_score(sink: ScoreSink, server: ContractServer) -> None:
    server.rules(scores_always={"status": 503})
    parcel = together(sink, [record(number) for number in range(32)])
    assert sink.ship(parcel, whole=True).rest == (parcel,), "untouched"
    before = len(server.score_requests())
    assert sink.ship(parcel, whole=True).rest == (parcel,)
    assert len(server.score_requests()) == before + 1


def test_keys_that_are_exchanged_meanwhile_hold_for_all_connections(server: ContractServer) -> None:
    keys = [(PUBLIC_KEY, "sk-lf-other")]
    sink = ScoreSink(server.url, PUBLIC_KEY, SECRET_KEY, renew=lambda: keys[0])
    records = [record(number) for number in range(64)]
    assert sink.ship(together(sink, records[:32]), whole=True).delivered == 32
    sink._transport.authenticate({"Authorization": "Basic none"})
    for transport in sink._others:
        transport.authenticate({"Authorization": "Basic none"})
    refused = sink.ship(together(sink, records[32:]), whole=True)
    assert (refused.delivered, len(refused.rest), refused.reachable) == (0, 1, False)
    keys[0] = (PUBLIC_KEY, SECRET_KEY)
    assert sink.ship(refused.rest[0], whole=True).delivered == 32
    assert len(server.scores()) == 64
    sink.close()


def test_a_repetition_has_the_same_bytes_and_the_time_of_the_first(sink: ScoreSink, server: ContractServer) -> None:
    server.script_scores([{"accept": True, "close": True}])
    [parcel], _ = sink.pack([record(1)])
    made = json.loads(parcel.payload)["timestamp"]
    shipped = sink.ship(parcel, whole=True)
    for rest in shipped.rest:
        assert rest is parcel
        sink.ship(rest, whole=True)
    assert len(server.score_requests()) == 2
    assert [score["timestamp"] for score in server.scores()] == [made]
