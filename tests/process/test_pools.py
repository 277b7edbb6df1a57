"""Pools of `concurrent.futures` work as untraced, and what they do is below the span that gave them the work."""

from __future__ import annotations

from typing import Any

import pytest

WAYS = ["run", "top", "guarded"]
KINDS = ["thread", "fork", "spawn", "forkserver"]

EVERYTHING = """
import concurrent.futures, json, multiprocessing, os

def make(kind, workers=2):
    if kind == "thread":
        return concurrent.futures.ThreadPoolExecutor(workers)
    return concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context(kind))

def shop(kind):
    done = []
    with make(kind) as pool:
        future = pool.submit(goods.count, 1)
        future.add_done_callback(lambda future: done.append(future.result()))
        told = [future.result(), list(pool.map(goods.count, range(2, 6), chunksize=2))]
        told.append(pool.submit(goods.Shelf("B").label, prefix="on").result())
        told.append(pool.submit(goods.outer, goods.count, 6).result())
        failing = pool.submit(goods.fail, "broken")
        error = failing.exception()
        told.append([type(error).__name__, error.args])
        slow = [pool.submit(goods.sleep, 0.01) for _ in range(3)]
        told.append(len(concurrent.futures.wait(slow).done))
        told.append(sorted(future.result() for future in concurrent.futures.as_completed(slow)))
    return told + done

def main(kind):
    found = goods.outer(shop, kind)
    with make(kind, 1) as pool:
        found.append(pool.submit(goods.count, 100).result())
        found.append(goods.outer(lambda: pool.submit(goods.count, 101).result()))
    print(json.dumps(found))
"""


@pytest.mark.parametrize("kind", KINDS)
def test_pools_are_traced_below_the_span_that_gave_them_the_work(make_app: Any, kind: str) -> None:
    untraced = make_app("untraced").run("untraced", EVERYTHING, kind)
    for way in WAYS:
        app = make_app(way)
        assert app.run(way, EVERYTHING, kind) == untraced, way
        top, again = (span for span in app.spans("outer") if span["parent_observation_id"] is None)
        [within] = (span for span in app.spans("outer") if span["parent_observation_id"] is not None)
        assert within["parent_observation_id"] == top["id"]
        counts = {span["input"]["number"]: span for span in app.spans("count")}
        assert sorted(counts) == [1, 2, 3, 4, 5, 6, 100, 101], way
        below = [counts[number] for number in range(1, 6)]
        below += [*app.spans("Shelf.label"), *app.spans("fail"), *app.spans("sleep")]
        assert len(below) == 10
        assert {span["parent_observation_id"] for span in below} == {top["id"]}, way
        assert {span["trace_id"] for span in [*below, within, counts[6]]} == {top["trace_id"]}
        assert counts[6]["parent_observation_id"] == within["id"]
        assert counts[100]["parent_observation_id"] is None
        assert counts[101]["parent_observation_id"] == again["id"]
        assert [span["level"] for span in app.spans("fail")] == ["ERROR"]


@pytest.mark.parametrize("kind", ["spawn", "forkserver"])
def test_workers_that_are_replaced_after_each_task_are_traced(app: Any, kind: str) -> None:
    body = """
    import concurrent.futures, multiprocessing, sys
    def main(kind):
        given = {"max_tasks_per_child": 1} if sys.version_info >= (3, 11) else {}
        context = multiprocessing.get_context(kind)
        with concurrent.futures.ProcessPoolExecutor(1, context, **given) as pool:
            print(len({pid for pid, _ in goods.outer(list, pool.map(goods.whoami, range(3)))}))
    """
    workers = int(app.run("guarded", body, kind))
    answers = app.spans("whoami")
    assert sorted(span["output"][1] for span in answers) == [0, 1, 2]
    assert len({span["output"][0] for span in answers}) == workers


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver"])
def test_an_initializer_runs_as_untraced(make_app: Any, kind: str) -> None:
    body = """
    import concurrent.futures, multiprocessing
    made = []
    def initialize(number):
        made.append(goods.count(number))
    def told(number):
        return made, number
    def main(kind):
        context = multiprocessing.get_context(kind)
        with concurrent.futures.ProcessPoolExecutor(1, context, initialize, (41,)) as pool:
            print(goods.outer(lambda: pool.submit(told, 1).result()))
    """
    untraced = make_app("untraced").run("untraced", body, kind)
    app = make_app("traced")
    assert app.run("guarded", body, kind) == untraced == "([42], 1)\n"
    assert [span["input"] for span in app.spans("count")] == [{"number": 41}]


def test_a_pool_whose_worker_dies_breaks_as_untraced(make_app: Any) -> None:
    body = """
    import concurrent.futures, multiprocessing, os
    def main():
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
            future = goods.outer(pool.submit, os._exit, 3)
            print(type(future.exception()).__name__)
    """
    untraced = make_app("untraced").run("untraced", body)
    assert make_app("traced").run("guarded", body) == untraced == "BrokenProcessPool\n"
