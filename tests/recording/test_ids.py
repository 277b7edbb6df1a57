"""Ids are random, well-formed, and independent of the application's random state."""

import os
import random

from tracing_proxies.recording.ids import new_span_id, new_trace_id, span_hex, trace_hex


def test_ids_have_the_lengths_of_trace_context() -> None:
    assert len(trace_hex(new_trace_id())) == 32
    assert len(span_hex(new_span_id())) == 16
    assert span_hex(1) == "0000000000000001"


def test_the_global_generator_is_not_drawn_from() -> None:
    random.seed(1)
    before = random.getstate()
    new_trace_id()
    assert random.getstate() == before


def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, trace_hex(new_trace_id()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 64).decode() != trace_hex(new_trace_id())
    os.close(read)
    os.close(write)
