"""A deadline holds for all that is sent and received, however the other side spreads it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tracing_proxies.delivery.deadline import DeadlineSocket, TooMuch


@pytest.fixture
def pair() -> Iterator[tuple[DeadlineSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield DeadlineSocket(ours, 10_000), theirs
    ours.close()
    theirs.close()


def test_nobody_who_reads_is_no_reason_to_wait_longer(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, _ = pair
    ours.begin(time.monotonic() + 0.1)
    with pytest.raises(TimeoutError):
        ours.sendall(b"x" * 50_000_000)


def test_nor_is_somebody_who_reads_a_little_now_and_then(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, theirs = pair
    ended = threading.Event()

    def read() -> None:
        while not ended.wait(0.01):
            theirs.recv(1_000)

    thread = threading.Thread(target=read)
    thread.start()
    ours.begin(time.monotonic() + 0.3)
    try:
        with pytest.raises(TimeoutError):
            ours.sendall(b"x" * 50_000_000)
    finally:
        ended.set()
        thread.join()


def test_what_is_sent_arrives_whole(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 4_000
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(theirs.makefile("rb").read()))
    thread.start()
    ours.begin(time.monotonic() + 20)
    ours.sendall(data)
    ours.close()
    thread.join()
    assert received == [data]


def test_more_than_a_reply_can_have_is_not_read(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"x" * 30_000)
    ours.begin(time.monotonic() + 20)
    with ours.makefile("rb") as reader, pytest.raises(TooMuch):
        reader.read(30_000)
    ours.begin(time.monotonic() + 20)
    with ours.makefile("rb") as reader:
        assert reader.read(5_000) == b"x" * 5_000, "each exchange has its own allowance"


def test_a_reader_that_is_open_keeps_the_socket(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, theirs = pair
    ours.begin(time.monotonic() + 20)
    reader = ours.makefile("rb")
    ours.close()
    theirs.sendall(b"late")
    assert reader.read(4) == b"late"
    reader.close()
    assert theirs.recv(1) == b""
