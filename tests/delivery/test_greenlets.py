"""Under gevent and eventlet nothing of ours is a turn of the hub, whenever the application was patched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.contract.server import ContractServer
from tests.delivery.programs import ACTIVATE, numbers, run

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all()\n",
    "eventlet": "import eventlet; eventlet.monkey_patch()\n",
}
BODY = """
ticks = []
def tick():
    while len(ticks) < 10_000:
        ticks.append(time.monotonic())
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
sell(range(100, 120))
for _ in range(8):
    time.sleep(0.05)
before = len(ticks)
assert before > 5, "others had no turn while the server was silent"
assert tracing_proxies.flush(20)
assert len(ticks) > before, "nor while we waited"
found = accounts()
assert found["threads"] == sys.argv[1], found
assert found["delivered"] == found["produced"], found
"""
MOMENTS = {
    "before our import": ("{patch}", "{activate}"),
    "before activation": ("", "{patch}{activate}"),
    "after activation": ("", "{activate}{patch}"),
    "with our threads at work": ("", "{activate}sell(range(3)); assert tracing_proxies.flush(20)\n{patch}"),
}


@pytest.mark.parametrize("moment", list(MOMENTS))
@pytest.mark.parametrize("who", list(PATCH))
def test_the_hub_goes_on_while_the_server_is_silent(
    server: ContractServer, tmp_path: Path, who: str, moment: str
) -> None:
    if who == "eventlet" and sys.version_info >= (3, 13):
        pytest.skip("eventlet does not patch threads there")
    pytest.importorskip(who)
    server.script([{}] * (moment == "with our threads at work") + [{"hang": 1}])
    before, script = (text.format(patch=PATCH[who], activate=ACTIVATE) for text in MOMENTS[moment])
    run(server.url, tmp_path / "spool", script + BODY, who, active=False, before=before)
    assert [number for number in numbers(server.observations()) if number >= 100] == list(range(100, 120))
    assert server.received()["repeated"] == 0


def test_a_thread_of_gevents_pool_may_be_the_first_to_be_traced(server: ContractServer, tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    output = run(
        server.url,
        tmp_path / "spool",
        """
        from gevent import monkey; monkey.patch_all()
        import gevent
        tracing_proxies.activate(registry())
        gevent.get_hub().threadpool.apply(sell, (range(5),))
        assert tracing_proxies.flush(20)
        tell(accounts()["delivered"])
        """,
        active=False,
    )
    assert output == "5\n"


def test_a_child_that_gevent_forks_delivers_its_own(server: ContractServer, tmp_path: Path) -> None:
    pytest.importorskip("gevent")
    output = run(
        server.url,
        tmp_path / "spool",
        """
        from gevent import monkey; monkey.patch_all()
        tracing_proxies.activate(registry())
        sell(range(3))
        child = os.fork()
        if not child:
            sell(range(3, 6))
            assert tracing_proxies.flush(20)
            assert accounts()["delivered"] == 3
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert tracing_proxies.flush(20)
        tell(accounts()["delivered"])
        """,
        active=False,
    )
    assert output == "3\n"
    assert numbers(server.observations()) == list(range(6))
    assert server.received()["repeated"] == 0
