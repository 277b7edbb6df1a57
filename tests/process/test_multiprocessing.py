"""Processes and pools of `multiprocessing` work as untraced, and their spans go on below what made them work."""

from __future__ import annotations

import json
import pickletools
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pytest

from tracing_proxies.adapters.processes import _Begin

WAYS = ["run", "top", "guarded"]
METHODS = ["fork", "spawn", "forkserver"]

EVERYTHING = """
import json, multiprocessing, os, sys

def shop(context):
    child = context.Process(target=goods.whoami, args=(1,), name="clerk")
    before = dict(vars(child))
    child.start()
    after = sorted(vars(child))
    child.join()
    with context.Pool(2) as pool:
        mapped = pool.map(goods.count, range(4))
        applied = pool.apply(goods.count, (10,))
        lazily = list(pool.imap(goods.Shelf("B").label, ["x", "y"]))
        pool.close()
        pool.join()
    return [sorted(before), after, child.exitcode, child.name, mapped, applied, lazily]

def main(method):
    context = multiprocessing.get_context(method)
    found = goods.outer(shop, context)
    later = context.Process(target=goods.count, args=(100,))
    later.start()
    later.join()
    print(json.dumps([*found, later.exitcode]))
"""


def by_input(spans: list[dict[str, Any]], key: str) -> dict[Any, dict[str, Any]]:
    return {span["input"][key]: span for span in spans}


@pytest.mark.parametrize("method", METHODS)
def test_children_and_pools_are_traced_below_the_span_that_made_them_work(make_app: Any, method: str) -> None:
    untraced = make_app("untraced").run("untraced", EVERYTHING, method)
    for way in WAYS:
        app = make_app(way)
        assert app.run(way, EVERYTHING, method) == untraced, way
        [outer] = app.spans("outer")
        counts = by_input(app.spans("count"), "number")
        assert sorted(counts) == [0, 1, 2, 3, 10, 100], way
        below = [*app.spans("whoami"), *app.spans("Shelf.label"), *(counts[n] for n in (0, 1, 2, 3, 10))]
        assert len(below) == 8
        # Without a word to the parent's process there is no parent only where no preset carries it.
        assert {span["parent_observation_id"] for span in below} == {outer["id"]}, way
        assert {span["trace_id"] for span in below} == {outer["trace_id"]}
        assert {span["trace_name"] for span in below} == {"outer"}
        assert counts[100]["parent_observation_id"] is None


def test_a_pool_that_lives_longer_than_a_span_carries_each_submitters_own(app: Any) -> None:
    app.run(
        "guarded",
        """
        import multiprocessing
        def main():
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                assert goods.outer(pool.apply, goods.count, (1,)) == 2
                assert pool.apply(goods.count, (2,)) == 3
                assert goods.outer(pool.map, goods.count, [3]) == [4]
                pool.close()
                pool.join()
        """,
    )
    first, second = app.spans("outer")
    counts = by_input(app.spans("count"), "number")
    parents = [counts[number]["parent_observation_id"] for number in (1, 2, 3)]
    assert parents == [first["id"], None, second["id"]]


def test_process_subclasses_with_a_say_in_their_pickling_are_left_alone(app: Any) -> None:
    app.run(
        "guarded",
        """
        import multiprocessing, pickle
        from multiprocessing.context import SpawnProcess

        class Odd(SpawnProcess):
            __slots__ = ("number",)
            def __getstate__(self):
                kept = {k: v for k, v in vars(self).items() if k != "_popen"}
                assert not any("tracing" in name for name in kept), kept
                return kept, self.number
            def __setstate__(self, state):
                vars(self).update(state[0], _popen=None)
                self.number = state[1]
            def run(self):
                assert not any("tracing" in name for name in vars(self))
                assert goods.count(self.number) == 6

        class Reduced(SpawnProcess):
            def __reduce__(self):
                return rebuilt, (vars(self) | {"_popen": None},)
            def run(self):
                assert goods.count(50) == 51

        def rebuilt(state):
            made = Reduced.__new__(Reduced)
            vars(made).update(state)
            return made

        def main():
            odd, reduced = Odd(), Reduced()
            odd.number = 5
            for child in (odd, reduced):
                child.start()
            for child in (odd, reduced):
                child.join()
                assert child.exitcode == 0
        """,
    )
    assert sorted(by_input(app.spans("count"), "number")) == [5, 50]


def test_a_child_needs_no_import_of_ours_to_read_what_it_is_told() -> None:
    pickled = bytes(ForkingPickler.dumps(_Begin([], "registry.yaml", b"")))
    names = {argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)}
    assert "exec" in names
    # The one mention is in the text of the program, which says so and goes on where the import fails.
    assert not any(name.startswith("tracing_proxies") for name in names)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_child_raises_and_prints_is_what_it_would_untraced(make_app: Any, method: str) -> None:
    body = """
    import io, multiprocessing, os, sys, tempfile
    def work(path):
        sys.stderr = open(path, "w")
        goods.outer(goods.fail, "broken")
    def main(method):
        with tempfile.NamedTemporaryFile("r") as file:
            child = multiprocessing.get_context(method).Process(target=work, args=(file.name,), name="clerk")
            child.start()
            child.join()
            text = file.read().splitlines()
            print(child.exitcode, text[0], text[-1])
    """
    untraced = make_app("untraced").run("untraced", body, method)
    assert untraced == "1 Process clerk: ValueError: broken\n"
    app = make_app("traced")
    assert app.run("guarded", body, method) == untraced
    assert [span["level"] for span in app.spans("fail")] == ["ERROR"]


@pytest.mark.parametrize("method", METHODS)
def test_spans_of_threads_that_outlive_the_childs_function_arrive(app: Any, method: str) -> None:
    app.run(
        "guarded",
        """
        import multiprocessing
        def main(method):
            child = multiprocessing.get_context(method).Process(target=goods.late, args=(0.3,))
            child.start()
            child.join()
        """,
        method,
    )
    assert [span["input"] for span in app.spans("count")] == [{"number": 77}]


def test_a_session_of_the_parents_trace_is_the_childs(app: Any) -> None:
    registry = app.folder / "registry.yaml"
    registry.write_text(registry.read_text() + "  - match: goods:outer\n    session: args.args[0]\n    tags: [shop]\n")
    app.run(
        "guarded",
        """
        import multiprocessing
        def shop(number):
            child = multiprocessing.get_context("spawn").Process(target=goods.count, args=(1,))
            child.start()
            child.join()
        def main():
            goods.outer(shop, 41)
        """,
    )
    [span] = app.spans("count")
    assert json.dumps([span["session_id"], span["tags"]]) == '["41", ["shop"]]'
