"""A fork waits for who is inside, and nobody in the child waits for ever."""

from __future__ import annotations

import os
import threading

from tracing_proxies.exclusion import Exclusion


def test_a_thread_that_came_before_the_child_began_anew_gets_in() -> None:
    exclusion = Exclusion()
    exclusion.before_fork()
    child = os.fork()
    if child == 0:
        entered = threading.Event()

        def enter() -> None:
            with exclusion:
                entered.set()

        threading.Thread(target=enter, daemon=True).start()
        entered.wait(0.1)  # it stands at the former lock by now
        exclusion.after_fork_in_child()
        os._exit(0 if entered.wait(10) else 1)
    exclusion.after_fork_in_parent()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_the_parent_goes_on() -> None:
    exclusion = Exclusion()
    exclusion.before_fork()
    exclusion.after_fork_in_parent()
    done = []
    thread = threading.Thread(target=lambda: exclusion.unless_busy(lambda: done.append(1)))
    thread.start()
    thread.join()
    assert done == [1]
