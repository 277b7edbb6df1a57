"""A signal has the registry read at once, beside the application's own handler, and is given back exactly."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import tracing_proxies
from tests.reload.conftest import APPLICATION, Edited, eventually, text

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import signal, sys, time, threading, types
import tracing_proxies

class Agent:
    def run(self):
        return 1

Agent.__module__ = "{application}"
module = sys.modules["{application}"] = types.ModuleType("{application}")
module.Agent = Agent
heard = []
{before}
tracing_proxies.activate({file!r})
{after}
print("ready", tracing_proxies.status()["reload"], flush=True)

def name():
    return vars(Agent)["run"]._self_tp.recipe.constant_name

until = time.monotonic() + 30
while name() != "second" and time.monotonic() < until:
    time.sleep(0.01)
print(name(), heard, flush=True)
{end}
"""
OWN = "signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "registry.yaml"
    found.write_text(registry("first"))
    return found


def registry(name: str, name_of_signal: str = "SIGHUP") -> str:
    return text(name, watch="off").replace("signal: none", f"signal: {name_of_signal}")


def start(
    file: Path, *, before: str = "", after: str = "", end: str = "", prefix: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    code = PROGRAM.format(application=APPLICATION, file=str(file), before=before, after=after, end=textwrap.dedent(end))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TRACING_PROXIES_STRICT": "1"}
    return subprocess.Popen([*prefix, sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True)


def send(program: subprocess.Popen[str], file: Path, number: int = signal.SIGHUP) -> str:
    """Change the file once the program is ready, and send it a signal; returns what it said it has installed."""
    assert program.stdout is not None
    ready = program.stdout.readline()
    assert ready.startswith("ready"), ready
    file.write_text(file.read_text().replace("first", "second"))
    program.send_signal(number)
    return ready


def test_the_files_are_read_at_a_hangup_signal(file: Path) -> None:
    with start(file) as program:
        assert "'signal': 'SIGHUP'" in send(program, file)
        assert program.communicate(timeout=60)[0] == "second []\n"
    assert program.returncode == 0


def test_another_signal_may_be_named(file: Path) -> None:
    file.write_text(registry("first", "SIGUSR2"))
    with start(file) as program:
        assert "'signal': 'SIGUSR2'" in send(program, file, signal.SIGUSR2)
        assert program.communicate(timeout=60)[0] == "second []\n"


def test_the_application_s_own_handler_is_called_as_well_and_is_what_remains(file: Path) -> None:
    end = """
        tracing_proxies.deactivate()
        print(signal.getsignal(signal.SIGHUP) is own, threading.active_count())
    """
    with start(file, before=f"{OWN}\nown = signal.getsignal(signal.SIGHUP)", end=end) as program:
        send(program, file)
        assert program.communicate(timeout=60)[0] == "second [1]\nTrue 1\n"


def test_a_handler_that_is_set_later_stays(file: Path) -> None:
    after = f"{OWN}\nown = signal.getsignal(signal.SIGHUP)"
    end = """
        tracing_proxies.reload()
        print(signal.getsignal(signal.SIGHUP) is own)
        tracing_proxies.deactivate()
        print(signal.getsignal(signal.SIGHUP) is own)
    """
    timer = "threading.Timer(0.5, tracing_proxies.reload).start()"
    with start(file, after=f"{after}\n{timer}", end=end) as program:
        send(program, file)
        lines = program.communicate(timeout=60)[0].splitlines()
    assert lines[-2:] == ["True", "True"]


def test_a_handler_that_calls_ours_goes_on_when_ours_is_gone(file: Path) -> None:
    after = """
old = signal.getsignal(signal.SIGHUP)
def own(number, frame):
    heard.append(number)
    old(number, frame)
signal.signal(signal.SIGHUP, own)
"""
    end = """
        import os
        tracing_proxies.deactivate()
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.1)
        print(heard)
    """
    with start(file, after=after, end=end) as program:
        send(program, file)
        assert program.communicate(timeout=60)[0] == "second [1]\n[1, 1]\n"
    assert program.returncode == 0


def test_a_signal_that_is_ignored_stays_ignored(file: Path) -> None:
    # As under nohup. The program reads the files when it is asked to, since no signal reaches it.
    after = "threading.Timer(1.0, tracing_proxies.reload).start()"
    with start(file, after=after, prefix=("sh", "-c", 'trap "" HUP; exec "$@"', "sh")) as program:
        said = send(program, file)
        assert "'signal': None" in said
        assert "the process ignores SIGHUP" in said
        assert program.communicate(timeout=60)[0] == "second []\n"
    assert program.returncode == 0


def test_untraced_the_signal_ends_the_program_and_after_deactivation_it_does_so_again(file: Path) -> None:
    end = """
        import os
        tracing_proxies.deactivate()
        print("bye", flush=True)
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(30)
    """
    with start(file, end=end) as program:
        send(program, file)
        assert program.communicate(timeout=60)[0] == "second []\nbye\n"
    assert program.returncode == -signal.SIGHUP


def test_a_terminal_that_is_closed_ends_the_program_as_it_would_untraced(file: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        code = PROGRAM.format(application=APPLICATION, file=str(file), before="", after="", end="")
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        os.execve(sys.executable, [sys.executable, "-c", code], environ)
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1024)
    os.close(terminal)
    _, code = os.waitpid(child, 0)
    assert os.WIFSIGNALED(code)
    assert os.WTERMSIG(code) == signal.SIGHUP


@pytest.fixture
def usual() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    assert signal.getsignal(signal.SIGUSR1) is before


def test_outside_of_the_main_thread_no_handler_is_set_and_status_says_why(edited: Edited, usual: None) -> None:
    edited.file.write_text(registry("first", "SIGUSR1"))
    thread = threading.Thread(target=tracing_proxies.activate, args=(edited.file,))
    thread.start()
    thread.join()
    found = tracing_proxies.status()["reload"]
    assert found["signal"] is None
    assert "main thread only" in found["refused"]


def test_a_registry_that_names_another_signal_is_followed_when_the_main_thread_reads_it(
    edited: Edited, usual: None
) -> None:
    edited.file.write_text(registry("first", "SIGUSR1"))
    tracing_proxies.activate(edited.file)
    assert tracing_proxies.status()["reload"]["signal"] == "SIGUSR1"
    edited.file.write_text(registry("second", "none"))
    os.kill(os.getpid(), signal.SIGUSR1)
    eventually(lambda: edited.traced_as() == "second")
    eventually(lambda: tracing_proxies.status()["reload"]["signal"] is None)
    tracing_proxies.deactivate()


def test_a_signal_without_effect_is_passed_on_to_what_was_there(edited: Edited) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    own = signal.getsignal(signal.SIGUSR1)
    try:
        edited.file.write_text(registry("first", "SIGUSR1"))
        tracing_proxies.activate(edited.file)
        thread = threading.Thread(target=tracing_proxies.deactivate)
        thread.start()
        thread.join()
        os.kill(os.getpid(), signal.SIGUSR1)
        eventually(lambda: heard)
        assert heard == [signal.SIGUSR1]
        tracing_proxies.activate(edited.file)
        tracing_proxies.deactivate()
        os.kill(os.getpid(), signal.SIGUSR1)
        eventually(lambda: len(heard) == 2)
        assert own is not None
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_the_application_s_handler_raises_arrives_without_a_trace_of_ours(edited: Edited) -> None:
    class Stop(Exception):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        edited.file.write_text(registry("first", "SIGUSR1"))
        tracing_proxies.activate(edited.file)
        with pytest.raises(Stop) as caught:
            signal.raise_signal(signal.SIGUSR1)
        if sys.version_info >= (3, 11):
            assert caught.traceback[-1].name == "stop"
            assert "handler" not in [entry.name for entry in caught.traceback]
        tracing_proxies.deactivate()
        assert signal.getsignal(signal.SIGUSR1) is stop
    finally:
        signal.signal(signal.SIGUSR1, before)
