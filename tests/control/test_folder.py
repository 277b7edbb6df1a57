"""The folder of sockets: its owner's alone, and swept of what killed processes have left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tracing_proxies.control.folder import addresses, is_deaf, judge, own_folder, sweep

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
NOBODY = 65_534


def environ_of(place: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(place)}


def leave_socket(folder: Path, pid: int, suffix: str = "0a0b0c0d") -> Path:
    path = folder / f"{pid}-{suffix}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
    return path


def dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_the_folder_is_made_for_its_owner_alone_whatever_the_umask(place: Path) -> None:
    before = os.umask(0)
    try:
        folder = own_folder(environ_of(place))
    finally:
        os.umask(before)
    assert folder == place / "tracing_proxies"
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert own_folder(environ_of(place)) == folder


def test_without_a_runtime_folder_it_stands_in_the_temporary_one_under_the_users_id(place: Path) -> None:
    assert own_folder({"TMPDIR": str(place)}) == place / f"tracing_proxies-{os.geteuid()}"
    assert own_folder({"TMPDIR": str(place), "XDG_RUNTIME_DIR": str(place / "missing")}).parent == place
    assert own_folder({"TMPDIR": str(place), "XDG_RUNTIME_DIR": "relative"}).parent == place


def test_a_path_that_is_too_long_for_a_socket_is_passed_over(place: Path) -> None:
    deep = place / ("x" * 90)
    deep.mkdir(mode=0o700)
    found = own_folder({"XDG_RUNTIME_DIR": str(deep), "TMPDIR": str(place)})
    assert found == place / f"tracing_proxies-{os.geteuid()}"


def test_a_symbolic_link_is_refused(place: Path) -> None:
    (place / "elsewhere").mkdir(mode=0o700)
    (place / "link").symlink_to(place / "elsewhere")
    with pytest.raises(OSError, match="no folder of its own"):
        judge(place / "link", os.geteuid())


def test_a_folder_that_others_may_enter_is_refused(place: Path) -> None:
    (place / "open").mkdir()
    for mode in (0o755, 0o710, 0o702):
        (place / "open").chmod(mode)
        with pytest.raises(OSError, match="open to others"):
            judge(place / "open", os.geteuid())


def test_a_folder_that_others_may_replace_is_refused(place: Path) -> None:
    (place / "above").mkdir()
    (place / "above" / "own").mkdir(mode=0o700)
    (place / "above").chmod(0o777)
    with pytest.raises(OSError, match="may rename"):
        judge(place / "above" / "own", os.geteuid())
    (place / "above").chmod(0o1777)
    judge(place / "above" / "own", os.geteuid())


@needs_root
def test_somebody_elses_folder_is_refused_and_the_next_one_taken(place: Path) -> None:
    (place / "tracing_proxies").mkdir(mode=0o700)
    os.chown(place / "tracing_proxies", NOBODY, NOBODY)
    with pytest.raises(OSError, match=f"belongs to user {NOBODY}"):
        judge(place / "tracing_proxies", 0)
    (place / "other").mkdir()
    found = own_folder({"XDG_RUNTIME_DIR": str(place), "TMPDIR": str(place / "other")})
    assert found.parent == place / "other"


def test_what_a_dead_process_left_is_swept_and_nothing_else(place: Path) -> None:
    folder = own_folder(environ_of(place))
    dead = dead_pid()
    stale, foreign = leave_socket(folder, dead), folder / "notes.txt"
    foreign.write_text("not ours")
    (folder / f"{dead}-0000ffff.sock").write_text("no socket")
    half_made = folder / f".{dead}-0a0b0c0e"
    leave_socket(folder, dead, "0a0b0c0e").rename(half_made)
    of_a_living_one = leave_socket(folder, os.getpid())
    with socket.socket(socket.AF_UNIX) as listener:  # as in another container, whose ids mean nothing here
        listener.bind(str(folder / f"{dead}-0a0b0c0f.sock"))
        listener.listen()
        sweep(folder)
        left = {path.name for path in folder.iterdir()}
    assert not stale.exists()
    assert not half_made.exists()
    assert left == {foreign.name, f"{dead}-0000ffff.sock", of_a_living_one.name, f"{dead}-0a0b0c0f.sock"}


def test_sockets_are_found_in_every_folder_that_is_the_users(place: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(place), "TMPDIR": str(place)}
    first = leave_socket(own_folder(environ), 11)
    second = leave_socket(own_folder({"TMPDIR": str(place)}), 12)
    found = {address.pid: address.path for address in addresses(os.geteuid(), environ)}
    assert (found[11], found[12]) == (first, second)
    first.parent.chmod(0o755)  # not to be trusted any more
    assert 11 not in {address.pid for address in addresses(os.geteuid(), environ)}


def test_a_socket_is_deaf_only_if_nobody_listens(place: Path) -> None:
    assert is_deaf(leave_socket(place, 1))
    assert not is_deaf(place / "missing.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "busy.sock"))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            for client in (first, second):
                client.setblocking(False)
                client.connect_ex(str(place / "busy.sock"))
            assert not is_deaf(place / "busy.sock")
