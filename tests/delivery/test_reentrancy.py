"""What delivery itself uses may be traced, and a call may come at any moment: no span of ours, and no deadlock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.server import ContractServer
from tests.delivery.programs import numbers, run

INSIDE_OUT = """
    import http.client, json, logging, socket, tempfile
    from tracing_proxies.testing import registry_from
    from tests.delivery import programs
    programs.RULE = (
        "{ sample: always, match: ['tests.delivery.shop:Shop.*', 'http.client:HTTPConnection.*', "
        "'http.client:HTTPResponse.read', 'socket:create_connection', 'socket:getaddrinfo', 'logging:Handler.handle', "
        "'logging:Logger.isEnabledFor', 'json:dumps', 'json:loads', 'queue:Queue.*', "
        "'tracing_proxies.masking.engine:Masker.*', 'threading:Thread.start', 'zlib:compressobj'] }"
    )
    tracing_proxies.activate(registry())
"""


@pytest.mark.parametrize("threads", [True, False], ids=["threads", "no threads"])
def test_the_http_client_the_logging_and_the_masking_leave_no_span_of_our_own_use_of_them(
    server: ContractServer, tmp_path: Path, threads: bool
) -> None:
    refuse = """
    import _thread
    def refuse(*_):
        raise RuntimeError("can't start new thread")
    _thread.start_new_thread = refuse
    """
    run(
        server.url,
        tmp_path / "spool",
        INSIDE_OUT
        + ("" if threads else refuse)
        + """
    sell(range(20))
    shop.within(1, lambda: json.dumps({"a": 1}))
    assert tracing_proxies.flush(20)
    """,
        active=False,
    )
    rows = server.observations()
    assert numbers(rows) == list(range(20))
    assert sorted({row["name"] for row in rows}) == ["Shop.sell", "Shop.within", "dumps"]


def test_a_failure_of_ours_that_is_logged_by_a_traced_handler_makes_no_span(tmp_path: Path) -> None:
    output = run(
        "http://127.0.0.1:1",
        tmp_path / "spool",
        INSIDE_OUT
        + """
    class Loud(logging.Handler):
        def emit(self, record):
            shop.sell(99)
    logging.getLogger().addHandler(Loud())
    logging.getLogger("tracing_proxies").setLevel("DEBUG")
    tracing_proxies.runtime._runtime.pipeline.prepare_with(lambda span: [][0])  # fails, and says so on our thread
    sell(range(1))
    tracing_proxies.flush(20)
    tracing_proxies.runtime._runtime.pipeline.prepare_with(tracing_proxies.runtime._runtime.prepare)
    sell(range(1, 6))
    assert tracing_proxies.flush(20)
    found = accounts()
    tell(found["produced"], found["spooled"], found["dropped"])
    """,
        active=False,
    )
    assert output == "6 5 {'prepare': 1}\n"


def test_handlers_of_signals_and_finalisers_may_call_what_is_traced_at_any_moment(
    server: ContractServer, tmp_path: Path
) -> None:
    output = run(
        server.url,
        tmp_path / "spool",
        """
        import gc
        from tracing_proxies import failures
        made = [0]
        def one():
            made[0] += 1
            shop.sell(made[0])
        def handle(*_):
            one()
            tracing_proxies.status()
            failures.contain("handler", ValueError())
            if time.monotonic() < ends:
                signal.setitimer(signal.ITIMER_REAL, 0.0003)
        class Cycle:
            def __init__(self):
                self.me = self
            def __del__(self):
                one()
        import logging
        logging.disable()
        signal.signal(signal.SIGALRM, handle)
        ends = time.monotonic() + 1.5
        signal.setitimer(signal.ITIMER_REAL, 0.0003)
        gc.set_threshold(50)
        while time.monotonic() < ends:
            one()
            Cycle()
            failures.contain("loop", ValueError())
            tracing_proxies.status()
            tracing_proxies.flush(0.01)
        time.sleep(0.01)
        gc.collect()
        assert tracing_proxies.flush(30)
        found = accounts()
        assert found["delivered"] == found["produced"], found
        # What comes in the midst of our own work, on the same thread, passes untraced.
        assert 0.9 * made[0] <= found["produced"] <= made[0], (found, made)
        tell(found["produced"])
        """,
    )
    assert len(server.observations()) == int(output)
    assert server.received()["repeated"] == 0
