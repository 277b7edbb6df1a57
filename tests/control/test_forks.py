"""Processes under control that fork: each has a socket of its own, and none is disturbed by another's."""

from __future__ import annotations

import pytest

from tests.control.conftest import READY, App, wait_until
from tracing_proxies.control.client import ask
from tracing_proxies.errors import ControlError


def test_a_forked_child_has_its_own_socket_from_its_first_span_on(app: App) -> None:
    body = """
    shop.Agent().run("parent")
    child = os.fork()
    if child == 0:
        print('ready', flush=True)
        sys.stdin.readline()
        shop.Agent().run("child")
        print(os.getpid(), flush=True)
        sys.stdin.readline()
        tracing_proxies.deactivate()
        print(len(os.listdir(os.environ["XDG_RUNTIME_DIR"] + "/tracing_proxies")), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(60)
    """
    with app.start(body) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert len(app.sockets()) == 1
        assert ask(process.pid, "status")["pid"] == process.pid
        process.stdin.write("call\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        assert child != process.pid
        assert len(app.sockets()) == 2
        assert ask(child, "status")["pid"] == child
        assert ask(child, "off")["tracing"] == "off"
        assert ask(process.pid, "status")["tracing"] == "on"
        process.stdin.write("end\n")
        process.stdin.flush()
        assert process.stdout.readline() == "1\n"
        assert ask(process.pid, "status")["pid"] == process.pid
        wait_until(lambda: _is_gone(child))


FORKING = """
import threading
seen = []
os.register_at_fork(before=lambda: seen.append(len(native.ours())))  # runs after ours: before tracing came in
import tracing_proxies
tracing_proxies.activate()
from tracing_proxies.delivery import native
import shop
print('ready', flush=True)
for line in sys.stdin:
    seen.clear()
    for _ in range(int(line)):
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    print(seen.count(0), list(native.ours().values()), flush=True)
"""


def test_a_process_that_forks_has_no_thread_of_ours_beside_and_answers_all_the_while(app: App) -> None:
    with app.start(FORKING, prelude="import os, sys\n") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("100\n")
        process.stdin.flush()
        count, _, names = process.stdout.readline().partition(" ")
        assert int(count) > 90  # it is not waited for longer than a moment
        assert "tracing-proxies-control" in names
        process.stdin.write("100\n")
        process.stdin.flush()
        for _ in range(20):
            assert ask(process.pid, "status")["pid"] == process.pid
        assert "tracing-proxies-control" in process.stdout.readline()
        assert ask(process.pid, "off")["tracing"] == "off"
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    assert app.sockets() == []


PATCHED_LATE = """
import faulthandler
faulthandler.dump_traceback_later(30, exit=True)
import tracing_proxies
tracing_proxies.activate()
import shop
from gevent import monkey, sleep
monkey.patch_all()
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
sleep(0.1)
print('ready', flush=True)
for line in sys.stdin:
    break
"""


def test_a_process_that_gevent_patches_after_tracing_has_begun_forks_and_goes_on(app: App) -> None:
    pytest.importorskip("gevent")
    with app.start(PATCHED_LATE, prelude="import os, sys\n") as process:
        assert ask(process.pid, "status")["pid"] == process.pid
        _, errors = process.communicate("\n", timeout=60)
    assert "Traceback" not in errors


def test_a_child_forked_while_tracing_is_off_can_be_switched_on(app: App) -> None:
    body = f"""
    {READY}
    sys.stdin.readline()
    child = os.fork()
    if child == 0:
        print(os.getpid(), flush=True)
        sys.stdin.readline()
        shop.Agent().run(1)
        print(tracing_proxies.status()["delivery"]["produced"], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    """
    with app.start(body) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask(process.pid, "off")
        process.stdin.write("fork\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        assert ask(child, "status")["tracing"] == "off"
        assert ask(child, "on")["tracing"] == "on"
        assert ask(process.pid, "status")["tracing"] == "off"
        process.stdin.write("call\n")
        process.stdin.flush()
        assert process.stdout.readline() == "1\n"


def _is_gone(pid: int) -> bool:
    try:
        ask(pid, "status")
    except ControlError as error:
        return error.exit_status == 3
    return False


def test_a_child_forked_while_others_switch_can_import_and_be_switched_itself(app: App) -> None:
    (app.folder / "late.py").write_text("def work():\n    return 1\n")
    with (app.folder / "registry.yaml").open("a") as registry:
        registry.write("  - match: late:work\n")
    body = f"""
    import threading
    from tracing_proxies import runtime
    def switch():
        while True:
            runtime._COMMANDS["off"](); runtime._COMMANDS["on"](); runtime._COMMANDS["status"]()
    threading.Thread(target=switch, daemon=True).start()
    {READY}
    for _ in range(40):
        child = os.fork()
        if child == 0:
            import late
            late.work()
            runtime._COMMANDS["on"]()
            os._exit(0 if runtime._COMMANDS["status"]()["tracing"] == "on" else 1)
        assert os.waitpid(child, 0)[1] == 0
    print("done", flush=True)
    time.sleep(60)
    """
    with app.start(body) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
