"""Real processes under control: exits, and switching off and on while calls go on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.control.conftest import READY, App, wait_until
from tracing_proxies.control.client import ask, traced_processes
from tracing_proxies.control.server import ControlServer
from tracing_proxies.errors import ControlError

LOAD = """
import threading

counts = [0] * 4
stop = threading.Event()

def call(index):
    agent = shop.Agent()
    while not stop.is_set():
        assert agent.run(counts[index]) == {"done": counts[index]}
        counts[index] += 1
        time.sleep(0.002)

threads = [threading.Thread(target=call, args=(index,)) for index in range(4)]
for thread in threads:
    thread.start()
print('ready', flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
tracing_proxies.flush(20)
import json
print(json.dumps({"calls": counts, "status": tracing_proxies.status(), "made": shop.made}))
"""
COUNTING = """
import itertools
_made = itertools.count()
made = 0

class Agent:
    def run(self, task):
        global made
        made = next(_made) + 1
        return {"done": task}
"""


def stored(app: App) -> list[str]:
    connection = sqlite3.connect(app.folder / "traces.db")
    try:
        return [row[0] for row in connection.execute("SELECT input FROM observations ORDER BY start_time")]
    finally:
        connection.close()


def test_a_process_says_what_its_rules_match_and_what_they_wait_for(app: App) -> None:
    with (app.folder / "registry.yaml").open("a") as registry:
        registry.write("  - match: [later:work, 'depot.**:*']\n")
    with app.start(f"shop.Agent().run(1); tracing_proxies.flush(10); {READY}; time.sleep(60)") as process:
        found = ask(process.pid, "status")
        assert found["tracing"] == "on"
        assert found["program"] == "main.py"
        assert [(rule["place"], rule["targets"], rule["pending"]) for rule in found["rules"]] == [
            ("registry.yaml:4:5", ["shop:Agent.run"], []),
            ("registry.yaml:5:5", [], ["later:work", "depot.**:*"]),
        ]
        assert found["delivery"]["delivered"] == 1
        assert process.pid in {running.pid for running in traced_processes()}


def test_what_is_traced_in_the_main_module_waits_for_no_import(app: App) -> None:
    with (app.folder / "registry.yaml").open("a") as registry:
        registry.write("  - match: main:Work.go\n")
    source = "class Work:\n    def go(self): return 1\n"
    with app.start(f"{source}shop.Agent().run(1); Work().go(); {READY}; time.sleep(60)") as process:
        (rule,) = ask(process.pid, "status")["rules"][1:]
        assert (rule["targets"], rule["pending"]) == (["main:Work.go"], [])


def test_off_and_on_under_load_lose_no_call_and_record_nothing_meanwhile(app: App) -> None:
    (app.folder / "shop.py").write_text(COUNTING)

    def produced(pid: int) -> int:
        return int(ask(pid, "status")["delivery"]["produced"])

    with app.start(LOAD) as process:
        wait_until(lambda: produced(process.pid) > 50)
        for _ in range(20):
            assert ask(process.pid, "off")["tracing"] == "off"
            assert ask(process.pid, "on")["tracing"] == "on"
        ask(process.pid, "off")
        wait_until(lambda: ask(process.pid, "status")["open"] == 0)
        while_off = produced(process.pid)
        assert ask(process.pid, "reload")["reloaded"]
        calls_now = ask(process.pid, "status")
        assert calls_now["tracing"] == "off"
        for _ in range(20):
            assert ask(process.pid, "status")["delivery"]["produced"] in (while_off, 0)  # a reload begins to count anew
        ask(process.pid, "on")
        wait_until(lambda: produced(process.pid) > 50)
        told, errors = process.communicate("stop\n", timeout=60)
    found = json.loads(told)
    assert errors == ""
    assert sum(found["calls"]) == found["made"] > 0
    assert found["status"]["failures"] == {}
    assert len(stored(app)) < found["made"]
    times = Counter(stored(app))
    assert max(times.values()) <= 4  # each thread makes each call once, and no call has two spans


def test_a_reload_goes_over_to_the_new_file_and_tells_mistakes(app: App) -> None:
    with app.start(f"{READY}\nfor line in sys.stdin: shop.Agent().run(line)") as process:
        with (app.folder / "registry.yaml").open("a") as registry:
            registry.write("    metdata: {}\n")
        with pytest.raises(ControlError, match="TP201 unknown key 'metdata'") as caught:
            ask(process.pid, "reload")
        assert caught.value.exit_status == 1
        assert "TP201" in ask(process.pid, "status")["stale"]
        text = (app.folder / "registry.yaml").read_text()
        (app.folder / "registry.yaml").write_text(text.replace("metdata", "metadata"))
        assert ask(process.pid, "reload")["reloaded"]
        assert ask(process.pid, "status")["stale"] is None


STREAMS = """
import asyncio, json

async def main():
    agent = shop.Agent()
    seen = []

    async def read():
        async for number in agent.stream(40):
            seen.append(number)

    started = asyncio.create_task(read())
    waiting = asyncio.create_task(agent.wait(started))
    while not seen:
        await asyncio.sleep(0.001)
    print('ready', flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    assert tracing_proxies.status()["tracing"] == "off"
    agent.gate.set()
    assert await waiting == "waited"
    unseen = [number async for number in agent.stream(3)]
    print(json.dumps([seen, unseen]), flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    [number async for number in agent.stream(2)]
    assert tracing_proxies.status()["open"] == 0
    tracing_proxies.flush(20)
    print(json.dumps(tracing_proxies.status()["failures"]))

asyncio.run(main())
"""
STREAMING = """
import asyncio

class Agent:
    def __init__(self):
        self.gate = asyncio.Event()

    async def stream(self, count):
        for number in range(count):
            if number == 1 and count == 40:
                await self.gate.wait()
            yield number

    async def wait(self, task):
        await task
        return "waited"
"""


def test_streams_in_flight_end_properly_when_tracing_is_switched_off_and_on(app: App) -> None:
    (app.folder / "shop.py").write_text(STREAMING)
    (app.folder / "registry.yaml").write_text(
        "version: 1\nexport: { local: { path: traces.db } }\ntrace:\n  - match: 'shop:Agent.*'\n"
    )
    with app.start(STREAMS) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert ask(process.pid, "status")["open"] == 2
        ask(process.pid, "off")
        process.stdin.write("off\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == [list(range(40)), [0, 1, 2]]
        ask(process.pid, "on")
        told, errors = process.communicate("on\n", timeout=60)
    assert (json.loads(told), errors) == ({}, "")
    connection = sqlite3.connect(app.folder / "traces.db")
    rows = connection.execute("SELECT name, input, output FROM observations ORDER BY start_time").fetchall()
    connection.close()
    assert [(name, json.loads(given).get("count")) for name, given, _ in rows] == [
        ("Agent.stream", 40),
        ("Agent.wait", None),
        ("Agent.stream", 2),
    ]
    assert rows[1][2] == '"waited"'
    assert "39" in rows[0][2]  # the stream that was in flight is recorded to its end


def test_what_is_woven_while_tracing_is_off_waits_for_it_to_be_on(app: App) -> None:
    (app.folder / "late.py").write_text("def work():\n    return 1\nagain = work\n")
    with (app.folder / "registry.yaml").open("a") as registry:
        registry.write("  - match: late:work\n")
    body = f"""
    {READY}
    sys.stdin.readline()
    import late
    late.work(); shop.Agent().run(1)
    print(late.again is late.work, flush=True)
    sys.stdin.readline()
    late.work()
    tracing_proxies.flush(10)
    """
    with app.start(body) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask(process.pid, "off")
        process.stdin.write("import\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n"
        found = ask(process.pid, "status")
        assert (found["targets"], found["unmatched"]) == (["late:work", "shop:Agent.run"], [])
        assert found["delivery"]["produced"] == 0
        ask(process.pid, "on")
        _, errors = process.communicate("call\n", timeout=60)
    assert errors == ""
    assert len(stored(app)) == 1


def test_a_request_makes_no_span_of_its_own_while_tracing_is_off(app: App) -> None:
    text = (app.folder / "registry.yaml").read_text()
    (app.folder / "registry.yaml").write_text(text.replace("version: 1\n", "version: 1\nuse: [http]\n"))
    body = f"""
    from tracing_proxies.adapters.wsgi import TracingMiddleware

    def answer(environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    application = TracingMiddleware(answer)
    {READY}
    for line in sys.stdin:
        environ = {{"REQUEST_METHOD": "GET", "PATH_INFO": "/" + line.strip(), "wsgi.input": None}}
        assert b"".join(application(environ, lambda *a: None)) == b"ok"
        tracing_proxies.flush(10)
        print(line, end="", flush=True)
    """
    with app.start(body) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for command in ("on", "off"):
            ask(process.pid, command)
            process.stdin.write(command + "\n")
            process.stdin.flush()
            assert process.stdout.readline() == command + "\n"
        assert ask(process.pid, "status")["delivery"]["produced"] == 1


def test_the_socket_goes_with_the_process_however_it_ends(app: App) -> None:
    for ending in ("pass", "raise SystemExit(3)", "raise KeyboardInterrupt"):
        with app.start(f"{READY}; sys.stdin.readline()\n{ending}") as process:
            assert len(app.sockets()) == 1
            process.communicate("end\n", timeout=60)
            assert app.sockets() == []


def test_what_a_killed_process_leaves_is_swept_by_the_next_and_hides_nothing(app: App) -> None:
    with app.start(f"{READY}; time.sleep(60)") as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert len(app.sockets()) == 1
    assert killed.pid not in {running.pid for running in traced_processes()}
    assert app.sockets() == []
    with app.start(f"{READY}; time.sleep(60)") as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert len(app.sockets()) == 1
    with app.start(f"{READY}; time.sleep(60)") as process:
        assert [int(path.name.partition("-")[0]) for path in app.sockets()] == [process.pid]
        # As if the id had been given out again after the earlier process was killed.
        app.sockets()[0].with_name(f"{process.pid}-00000000.sock").symlink_to(app.folder / "missing")
        assert ask(process.pid, "status")["active"]


def test_a_client_that_hangs_up_does_not_kill_an_application_that_lets_sigpipe_do_so(app: App) -> None:
    import socket

    body = (
        f"import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL); {READY}; sys.stdin.readline(); print('alive')"
    )
    with app.start(body) as process:
        for _ in range(50):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(app.sockets()[0]))
                client.sendall(b'{"command": "status"}\n')
        assert ask(process.pid, "status")["active"]
        assert process.communicate("end\n", timeout=60)[0] == "alive\n"


def test_without_activation_there_is_no_thread_and_no_socket(app: App) -> None:
    source = "import threading, tracing_proxies; print(tracing_proxies.status()['active'], threading.active_count())"
    done = subprocess.run(
        [sys.executable, "-c", source], env=app.environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "False 1\n"
    assert app.sockets() == []


def test_errors_tell_a_missing_process_from_one_that_is_not_traced(app: App) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(ControlError, match=f"no process {ended.pid}") as caught:
        ask(ended.pid, "status")
    assert caught.value.exit_status == 3
    with pytest.raises(ControlError, match=r"is not traced\. Start it with") as caught:
        ask(os.getpid(), "status")
    assert caught.value.exit_status == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_root_asks_another_users_process_and_is_not_led_elsewhere(place: Path) -> None:
    place.chmod(0o755)
    (place / "app").mkdir()
    app = App(place / "app", place)
    app.folder.chmod(0o777)
    body = f"""
    tracing_proxies.deactivate()
    os.environ.update(TMPDIR={str(place / "theirs")!r})
    os.setgid(65534); os.setuid(65534)
    tracing_proxies.activate()
    {READY}
    time.sleep(60)
    """
    (place / "theirs").mkdir()
    os.chown(place / "theirs", 65_534, 65_534)
    with app.start(body) as process:
        os.environ["TMPDIR"] = str(place / "theirs")
        try:
            assert ask(process.pid, "off")["tracing"] == "off"
            socket_of_it = next((place / "theirs" / "tracing_proxies-65534").iterdir())
            own = ControlServer({"off": lambda: "root's own process"})
            own.open()
            socket_of_it.unlink()
            socket_of_it.symlink_to(str(own.path))
            with pytest.raises(ControlError, match="is not its owner"):
                ask(process.pid, "off")
            own.close()
        finally:
            del os.environ["TMPDIR"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_another_users_process_is_told_from_one_that_is_not_traced(app: App, place: Path) -> None:
    with app.start(f"{READY}; time.sleep(60)") as process:
        child = os.fork()
        if child == 0:
            status: Any = 99
            try:
                os.setgid(65_534)
                os.setuid(65_534)
                ask(process.pid, "off")
            except ControlError as error:
                status = error.exit_status
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        assert ask(process.pid, "status")["tracing"] == "on"
