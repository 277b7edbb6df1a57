"""How traced processes begin, fork, freeze and end: what they have recorded arrives once, their end is their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.server import ContractServer
from tests.delivery.programs import ROOT, environment, finish, numbers, run, start
from tests.delivery.support import wait_until
from tests.ports import free_port


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def inherit(own_server: ContractServer, folder: Path) -> Callable[[int], list[int]]:
    """Start a process that has nothing to say itself, and return what has arrived once so many calls have."""

    def begin(expected: int) -> list[int]:
        heir = start(own_server.url, folder, "tell('up'); sys.stdin.read(); tell(accounts()['produced'])", stdin=True)
        try:
            assert heir.stdout.readline() == "up\n"
            rows = own_server.wait_for(expected)
            assert heir.communicate(timeout=60) == ("0\n", "")
        finally:
            heir.kill()
        return numbers(rows)

    return begin


def test_children_of_a_process_that_has_loaded_all_deliver_their_own_and_the_parents_goes_once(
    server: ContractServer, folder: Path
) -> None:
    output = run(
        server.url,
        folder,
        """
        from tracing_proxies.delivery import native

        sell(range(200))  # the first of all: threads are being started, modules imported, files made
        children = []
        for worker in range(1, 4):
            child = os.fork()
            if not child:
                assert accounts()["produced"] == 0, "what the parent had is the parent's"
                assert not [name for name in native.ours().values() if name.startswith("tracing-w")]
                sell(range(1000 * worker, 1000 * worker + 50))
                assert tracing_proxies.flush(20)
                assert accounts()["delivered"] == 50
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        assert tracing_proxies.flush(20)
        tell(accounts()["delivered"])
        """,
    )
    assert output == "200\n"
    expected = [*range(200), *(1000 * worker + number for worker in (1, 2, 3) for number in range(50))]
    assert numbers(server.observations()) == expected
    assert server.received()["repeated"] == 0


LOCKS = {
    "the ledger's": "pipeline.ledger.lock",
    "the spool's": "pipeline._lanes[0]._disk_lock",
    "the failures'": "tracing_proxies.failures._lock",
    "that of the living": "process._lock",
    "the succession's": "tracing_proxies.runtime._runtime._pipelines._lock",
}


@pytest.mark.parametrize("which", list(LOCKS))
def test_a_child_that_is_forked_while_another_thread_holds_a_lock_has_its_own(
    server: ContractServer, folder: Path, which: str
) -> None:
    output = run(
        server.url,
        folder,
        f"""
        from tracing_proxies.delivery import process
        pipeline = tracing_proxies.runtime._runtime.pipeline
        sell(range(3))
        assert tracing_proxies.flush(20)
        held, free = threading.Event(), threading.Event()
        def hold():
            with {LOCKS[which]}:
                held.set()
                free.wait(60)
        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if not child:
            sell(range(10, 13))
            good = tracing_proxies.flush(20) and accounts()["delivered"] == 3
            tracing_proxies.failures.counts()
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        free.set()
        sell(range(3, 6))
        assert tracing_proxies.flush(20)
        tell(accounts()["delivered"])
        """,
    )
    assert output == "6\n"
    assert numbers(server.observations()) == [0, 1, 2, 3, 4, 5, 10, 11, 12]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_leave_to_the_next_process_what_nobody_took(
    own_server: ContractServer, folder: Path, inherit: Any, method: str
) -> None:
    own_server.stop()
    run(
        own_server.url,
        folder,
        """
        import multiprocessing
        from tests.delivery.programs import begin_and_sell
        context = multiprocessing.get_context(sys.argv[1])
        sell(range(5))
        children = [context.Process(target=begin_and_sell, args=(100 * n, 100 * n + 5)) for n in (1, 2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
        """,
        method,
    )
    own_server.restart()
    assert inherit(15) == [*range(5), *range(100, 105), *range(200, 205)]
    assert own_server.received()["repeated"] == 0


ENDS = {
    "os._exit": ("os._exit(3)", 3),
    "kill -9": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "an abort": ("os.kill(os.getpid(), signal.SIGABRT)", -signal.SIGABRT),
    "a signal that nobody handles": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize("end", list(ENDS))
@pytest.mark.parametrize("durability", ["spill", "wal"])
def test_what_a_process_had_kept_is_taken_over_and_delivered_within_seconds_of_the_next_ones_start(
    own_server: ContractServer, folder: Path, inherit: Any, end: str, durability: str
) -> None:
    own_server.stop()
    how, status = ENDS[end]
    run(
        own_server.url,
        folder,
        f"""
        sell(range(300))
        deadline = time.monotonic() + 20
        while accounts()["spooled"] < 300 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert accounts()["spooled"] == 300
        {how}
        """,
        status=status,
        TEST_DURABILITY=durability,
    )
    own_server.restart()
    assert inherit(300) == list(range(300))
    assert own_server.received()["repeated"] == 0


@pytest.mark.parametrize("fault", ["nobody listens", "the server is silent"])
def test_a_handler_of_sigterm_stays_the_applications_and_its_exit_keeps_what_is_queued(
    own_server: ContractServer, folder: Path, inherit: Any, fault: str
) -> None:
    if fault == "nobody listens":
        own_server.stop()
    else:
        own_server.rules(always={"stall": 30})
    process = start(
        own_server.url,
        folder,
        """
        def handle(number, frame):
            sell(range(100, 150))  # queued at this very moment
            sys.exit(7)
        signal.signal(signal.SIGTERM, handle)
        tracing_proxies.activate(registry())
        assert signal.getsignal(signal.SIGTERM) is handle
        sell(range(100))
        tell("ready")
        while True:
            time.sleep(0.05)  # `signal.pause` misses what comes while it hands the interpreter to a new thread
        """,
        active=False,
    )
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    finish(process, status=7)
    assert time.monotonic() - begun < 10  # two seconds by contract; the machine of the tests may be busy
    own_server.restart()
    assert inherit(150) == list(range(150))


def test_no_signal_has_another_handler_than_untraced_but_the_one_that_reloads(
    server: ContractServer, folder: Path
) -> None:
    run(
        server.url,
        folder,
        """
        known = [number for number in signal.valid_signals()]
        before = {number: signal.getsignal(number) for number in known}
        tracing_proxies.activate(registry())
        sell(range(3))
        assert tracing_proxies.flush(20)
        changed = [number for number in known if signal.getsignal(number) is not before[number]]
        assert changed in ([], [signal.SIGHUP]), changed
        """,
        active=False,
    )


NO_THREADS = """
    import http.client, isal.isal_zlib, resource, ssl
    # A thread's stack does not fit into what is left: it is the system that refuses.
    threading.stack_size(2**29)
    size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, resource.RLIM_INFINITY))
    try:
        threading.Thread(target=print).start()
    except RuntimeError:
        pass
    else:
        raise SystemExit("a thread could be started")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("up", [True, False], ids=["server up", "server down"])
def test_where_no_thread_can_be_started_all_is_delivered_or_kept_at_the_exit(
    own_server: ContractServer, folder: Path, inherit: Any, up: bool
) -> None:
    if not up:
        own_server.stop()
    run(own_server.url, folder, NO_THREADS + "    sell(range(700))\n")
    if up:
        assert numbers(own_server.observations()) == list(range(700))
        assert own_server.received()["repeated"] == 0
        return
    own_server.restart()
    assert inherit(700) == list(range(700))


def test_calls_during_the_shutdown_are_delivered_and_those_after_it_make_no_noise(
    server: ContractServer, folder: Path
) -> None:
    run(
        server.url,
        folder,
        """
        import atexit
        class Late:
            def __del__(self):
                shop.sell(3)
        atexit.register(sell, range(2, 3))  # runs after ours
        tracing_proxies.activate(registry())
        atexit.register(sell, range(1, 2))  # runs before ours, and is the first call of all
        late = Late()
        shop.late = Late()
        """,
        active=False,
    )
    assert 1 in numbers(server.observations())


def test_a_process_that_is_frozen_after_each_flush_loses_and_repeats_nothing(
    server: ContractServer, folder: Path
) -> None:
    process = start(
        server.url,
        folder,
        """
        for invocation in range(8):
            sell(range(20 * invocation, 20 * invocation + 20))
            done = tracing_proxies.flush(1.0)
            accounts()
            tell("done" if done else "open")
            sys.stdin.readline()
        """,
        stdin=True,
    )
    for _ in range(8):
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
    finish(process)
    assert numbers(server.observations()) == list(range(160))
    assert server.received()["repeated"] == 0


def test_a_process_that_is_frozen_at_any_moment_repeats_at_most_what_was_on_its_way(
    server: ContractServer, folder: Path
) -> None:
    process = start(
        server.url,
        folder,
        """
        tell("up")
        for number in range(600):
            shop.sell(number)
            time.sleep(0.003)
        assert tracing_proxies.flush(30)
        tell(accounts()["delivered"], accounts()["produced"])
        """,
    )
    assert process.stdout.readline() == "up\n"
    freezes = 0
    while process.poll() is None and freezes < 12:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        process.send_signal(signal.SIGCONT)
        freezes += 1
        time.sleep(0.07)
    assert finish(process) == "600 600\n"
    assert numbers(server.observations()) == list(range(600))
    largest = max(request["spans"] for request in server.requests())
    assert server.received()["repeated"] <= largest * freezes


def test_a_flush_has_a_hard_limit_also_where_the_server_is_silent(server: ContractServer, folder: Path) -> None:
    server.rules(always={"stall": 60})
    output = run(
        server.url,
        folder,
        """
        sell(range(10))
        begun = time.monotonic()
        kept = tracing_proxies.flush(0.7)
        tell(kept, time.monotonic() - begun, accounts()["spooled"])
        os._exit(0)
        """,
    )
    kept, took, spooled = output.split()
    assert (kept, spooled) == ("True", "10"), "safe on disk is as good as delivered"
    assert float(took) < 10  # 0.7 by contract; the machine of the tests may be busy


def test_a_flush_beside_a_request_that_is_never_answered_brings_what_came_since_to_the_medium(
    server: ContractServer, folder: Path
) -> None:
    server.rules(always={"stall": 60})
    output = run(
        server.url,
        folder,
        """
        sell(range(10))
        ends = time.monotonic() + 20
        while accounts()["spooled"] < 10 and time.monotonic() < ends:
            time.sleep(0.01)
        time.sleep(1.0)  # on its way by now
        sell(range(10, 20))
        kept = tracing_proxies.flush(3.0)
        tell(kept, tracing_proxies.status()["delivery"]["sinks"]["langfuse"]["spool"]["durable"])
        os._exit(0)
        """,
    )
    assert output == "True 20\n"


def test_loops_that_come_and_go_and_tasks_that_are_cancelled_leave_all_of_their_spans(
    server: ContractServer, folder: Path
) -> None:
    run(
        server.url,
        folder,
        """
        import asyncio
        async def one(number):
            return await shop.wait(number)
        async def cancelled(number):
            task = asyncio.ensure_future(shop.wait(number, 60))
            await asyncio.sleep(0.01)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return "cancelled"
        for number in range(3):
            assert asyncio.run(one(number)) == number
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(cancelled(3)) == "cancelled"
        loop.close()
        other = asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: other.run_until_complete(one(4)))
        thread.start()
        thread.join()
        other.close()
        assert tracing_proxies.flush(20)
        assert accounts()["delivered"] == 5
        """,
    )
    rows = {row["name"]: row for row in server.observations()}
    waits = [row for row in server.observations() if row["name"] == "Shop.wait"]
    assert len(waits) == 5, rows
    assert sorted(str(row["status_message"]) for row in waits).count("cancelled") == 1


UWSGI = Path(sys.executable).parent / "uwsgi"
WSGI = """
import tracing_proxies
from tests.delivery.programs import registry
from tests.delivery.shop import Shop

tracing_proxies.activate(registry())
shop = Shop()

def application(environ, start_response):
    shop.sell(int(environ["PATH_INFO"].strip("/")))
    start_response("200 OK", [])
    return [b"sold"]
"""


@pytest.mark.skipif(not UWSGI.exists(), reason="uwsgi is not installed for this platform")
def test_workers_that_uwsgi_forks_without_threads_deliver_what_they_serve(
    server: ContractServer, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "served.py").write_text(WSGI)
    address, stats = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [UWSGI, "--http-socket", address, "--master", "--processes", "2", "--module", "served", "--need-app"]
    environ = {**environment(server.url, folder), "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [*command, "--die-on-term", "--stats", stats], env=environ, cwd=tmp_path, stdout=log, stderr=log
    )

    def ask(place: str, question: bytes) -> bytes:
        with socket.create_connection(place.split(":"), 10) as client:  # type: ignore[arg-type]
            client.sendall(question)
            return b"".join(iter(lambda: client.recv(4_096), b""))

    def serves(number: int) -> bool:
        try:
            return b"sold" in ask(address, f"GET /{number} HTTP/1.0\r\n\r\n".encode())
        except OSError:
            return False

    def is_idle() -> bool:
        return all(worker["status"] == "idle" for worker in json.loads(ask(stats, b""))["workers"])

    try:
        assert wait_until(lambda: serves(0)), (tmp_path / "log").read_text()
        assert all(serves(number) for number in range(1, 20))
        assert len(server.wait_for(20)) == 20, "no request comes any more, and all arrive"
        assert serves(20)
        assert wait_until(is_idle), "a worker that has answered, and has yet to note it, leaves without Python's exit"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        log.close()
    assert numbers(server.observations()) == list(range(21))
    assert server.received()["repeated"] == 0
