"""`status`, `off`, `on` and `reload` against running processes, as their owner uses them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.control.conftest import READY, App, wait_until
from tracing_proxies.cli.running import draw_list
from tracing_proxies.control.client import Running

WAITING = f"shop.Agent().run(1); tracing_proxies.flush(10); {READY}; sys.stdin.readline()"


def test_status_of_a_process_shows_rules_targets_and_what_became_of_the_spans(app: App) -> None:
    with (app.folder / "registry.yaml").open("a") as registry:
        registry.write("  - match: later:work\n")
    with app.start(WAITING) as process:
        done = app.run("status", str(process.pid))
        assert (done.returncode, done.stderr) == (0, "")
        lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
        for line in (
            f"process {process.pid} main.py",
            "tracing on",
            f"registry {app.folder / 'registry.yaml'}",
            "woven 1 callables, 0 other names of theirs, 0 out of reach",
            "spans 1 produced, 1 delivered, 0 sampled out, 0 queued, 0 open",
            "sink local 1 delivered, 0 queued, healthy",
            "registry.yaml:4:5 shop:Agent.run",
            "registry.yaml:5:5 later:work",
            "waits for an import: later:work",
        ):
            assert line in lines
        document = json.loads(app.run("status", str(process.pid), "--json").stdout)
        assert document["rules"][0]["targets"] == ["shop:Agent.run"]
        assert document["pid"] == process.pid


def test_off_and_on_say_what_they_did_and_status_shows_it(app: App) -> None:
    with app.start(WAITING) as process:
        pid = str(process.pid)
        done = app.run("off", pid)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"tracing is off in process {pid}; 1 callables pass through\n"
        assert "tracing         off\n" in app.run("status", pid).stdout
        assert json.loads(app.run("on", pid, "--json").stdout) == {"pid": process.pid, "tracing": "on", "woven": 1}
        assert "tracing         on\n" in app.run("status", pid).stdout


def test_reload_goes_over_or_tells_the_mistakes_and_status_calls_it_stale(app: App) -> None:
    with app.start(WAITING) as process:
        pid = str(process.pid)
        done = app.run("reload", pid)
        assert (done.returncode, done.stdout) == (0, f"process {pid} has loaded {app.folder / 'registry.yaml'}\n")
        with (app.folder / "registry.yaml").open("a") as registry:
            registry.write("    metdata: {}\n")
        done = app.run("reload", pid)
        assert (done.returncode, done.stdout) == (1, "")
        assert "registry.yaml:5:5 TP201 unknown key 'metdata'" in done.stderr
        assert "stale           registry.yaml:5:5 TP201" in app.run("status", pid).stdout


# Other processes of this user may be traced while the tests run, so a list may hold more than the test's own.


def test_without_a_pid_traced_processes_are_listed_beside_what_holds_here(app: App) -> None:
    with app.start(WAITING) as process:
        done = app.run("status")
        assert f"{process.pid}  main.py, tracing on, 1 callables, {app.folder / 'registry.yaml'}" in done.stdout
        assert "registry        " in done.stdout
        assert "tells more of" in done.stdout
        document = json.loads(app.run("status", "--json").stdout)
        listed = {running["pid"]: running["status"] for running in document["running"]}
        assert listed[process.pid]["tracing"] == "on"
        assert document["traces"] == 1
    assert f"{process.pid}  main.py" not in app.run("status").stdout


def test_one_process_is_offered_by_its_id_and_several_are_left_to_choose_from() -> None:
    status = {"program": "main.py", "tracing": "on", "woven": 3, "registry": None}
    lines = list(draw_list([Running(7, status)]))
    assert lines == [
        "       7  main.py, tracing on, 3 callables, no registry file",
        "`tracing-proxies status 7` tells more of it",
    ]
    assert list(draw_list([Running(7, status), Running(8, None)]))[1:] == [
        "       8  gives no answer",
        "`tracing-proxies status PID` tells more of one of them",
    ]
    assert list(draw_list([])) == []


def test_a_process_that_hangs_does_not_hide_the_others(app: App) -> None:
    with app.start(WAITING) as first, app.start(WAITING) as second:
        app.run("off", str(second.pid))
        os.kill(first.pid, signal.SIGSTOP)
        done = app.run("status")
        assert f"{first.pid}  gives no answer" in done.stdout
        assert f"{second.pid}  main.py, tracing off" in done.stdout
        os.kill(first.pid, signal.SIGCONT)


def test_the_list_needs_no_registry(app: App) -> None:
    with app.start(WAITING) as process:
        (app.folder / "registry.yaml").unlink()
        done = app.run("status")
        assert done.returncode == 0
        assert f"{process.pid}  main.py" in done.stdout
        assert "TP114" in done.stdout
        named = app.run("status", "--registry", "registry.yaml")
        assert named.returncode == 1
        assert "TP100" in named.stderr


def test_each_failure_has_plain_words_and_an_exit_status_of_its_own(app: App) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for command in ("status", "off", "on", "reload"):
        done = app.run(command, str(ended.pid))
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == f"there is no process {ended.pid}\n"
        done = app.run(command, str(os.getpid()), "--json")
        assert (done.returncode, done.stdout) == (4, "")
        assert "is not traced. Start it with `tracing-proxies run -- …`" in done.stderr
        assert app.run(command, "zero").returncode == 2
        assert app.run(command, "99999999999999999999").returncode in (2, 3)
    assert app.run("off").returncode == 2


def test_a_process_that_answers_nonsense_is_told(app: App, place: Path) -> None:
    folder = place / "tracing_proxies"
    folder.mkdir(mode=0o700)
    source = (
        "import os, socket, sys\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(f'{sys.argv[1]}/{os.getpid()}-00000000.sock')\n"
        "listener.listen()\n"
        "while True:\n"
        "    client, _ = listener.accept()\n"
        "    if client.recv(100):\n"
        "        client.sendall(sys.argv[2].encode() + b'\\n')\n"
        "    client.close()\n"
    )
    for words, status, told in (
        ("nonsense", 6, "gives no answer: the answer is not one line of JSON"),
        ("[]", 6, "gives no answer: the answer says neither yes nor no"),
        ('{"ok": true, "result": {"active": true}}', 6, "runs another version of tracing-proxies"),
        ('{"ok": false, "error": "not \\u001b[31mtoday"}', 1, "not ?[31mtoday"),
    ):
        process = subprocess.Popen([sys.executable, "-c", source, str(folder), words])
        try:
            path = folder / f"{process.pid}-00000000.sock"
            wait_until(lambda path=path: _listens(path))  # type: ignore[misc]
            done = app.run("status", str(process.pid))
            assert (done.returncode, done.stdout) == (status, "")
            assert told in done.stderr
            assert "Traceback" not in done.stderr
        finally:
            process.kill()
            process.wait()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def test_a_deactivated_process_is_no_longer_traced(app: App) -> None:
    body = f"{READY}; sys.stdin.readline(); tracing_proxies.deactivate(); print('off', flush=True); time.sleep(60)"
    with app.start(body) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("deactivate\n")
        process.stdin.flush()
        assert process.stdout.readline() == "off\n"
        assert app.run("status", str(process.pid)).returncode == 4
        assert app.sockets() == []
