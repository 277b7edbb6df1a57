"""Calls of random kinds under random rules, in traces that are left out, told as lines of JSON: one for each case.

    python -m tests.recording.left_out FIRST COUNT [recorded]

With the last word the sampler records all traces, and keeps them.

It runs once with what is compiled, once with the originals (``TRACING_PROXIES_COMPILED=0``), and has to tell the same.
"""

from __future__ import annotations

import asyncio
import enum
import gc
import json
import os
import subprocess
import sys
import time
import types
import weakref
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from tests.recording.left_out_shop import SOURCE
from tracing_proxies.compiled import SWITCH
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.registry.model import Registry
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.plan import Plan
from tracing_proxies.testing import registry_from
from tracing_proxies.weaving.weaver import Weaver

M = "left_out_twin"
ROOT = Path(__file__).parents[2]
CONDITIONS = [
    *('result.status == "failed"', 'result.status in ["failed", 7, null]', 'result.item not in ["ok", true]'),
    *("not result.status", "not not result.item", 'result.item and result.status == "failed"', "result.loud!"),
    *('result.status | startswith("fail")', 'args.order.status | endswith("ed") or result.item == 7', "result"),
    *('self.till == "ok"', "first(result.error, result.item) == 7", "result.item | len", "args.order == result"),
    *('(result.status == "ok") == false', "result.status == true or result.item == 1.5", "result.nowhere == null"),
    *('result.item[0] == "failed" or result.status[*] | len', 'result.item | type == "str"', "result.item > 3"),
]
NAMES = ["fixed", '"of.{args.order.status}"', '"{function}:{self.till}"']


class Colour(enum.Enum):
    """An enumeration, which compares as its value."""

    FAILED = "failed"


class Text(str):
    """A text of the application's own, whose comparison must not run."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("foreign code has run")

    __hash__ = str.__hash__


class Order:
    """What is passed, and returned."""

    def __init__(self, status: Any, item: Any) -> None:
        self.status, self.item = status, item

    @property
    def loud(self) -> Any:
        """Raise, or answer, when a path forces it."""
        if self.item == 7:
            raise LookupError("no item")
        return self.item

    def __bool__(self) -> bool:
        raise AssertionError("foreign code has run")


class Kept(list[Any]):
    """A list that can be referred to weakly."""


def make_value(random: Random, depth: int = 2) -> Any:
    """Make something for a path to find."""
    atoms: list[Callable[[], Any]] = [
        *(lambda value=value: value for value in (None, True, False, 0, 7, 2**70, 1.5, "", "ok", "failed", b"failed")),
        *(lambda: Decimal(7), lambda: Colour.FAILED, lambda: Text("failed"), object, lambda: float("nan")),
    ]
    if depth and random.random() < 0.4:
        within = [make_value(random, depth - 1) for _ in range(random.randrange(3))]
        return random.choice(
            [
                lambda: within,
                lambda: Kept(within),
                lambda: tuple(within),
                lambda: dict(zip(("status", "item"), within, strict=False)),
                lambda: Order(make_value(random, depth - 1), make_value(random, depth - 1)),
            ]
        )()
    return random.choice(atoms)()


def make_rule(random: Random, pattern: str, *, first: bool) -> str:
    """Write a rule for some of the targets."""
    lines = [f"  - match: {M}:{pattern}"]
    if random.random() < 0.7:
        lines.append(f"    error_when: {json.dumps(random.choice(CONDITIONS))}")
    options = {
        "error_message": lambda: random.choice(["result.item", "first(result.status, args.order.item)"]),
        "name": lambda: random.choice(NAMES),
        "metadata": lambda: "{ a: args.order.item, b: result.status }",
        "outcome": lambda: "{ item: result.item }",
        "nested": lambda: random.choice(["child", "skip", "skip"]),  # without: merge
        "if": lambda: random.choice(["args.order.status", "not args.order.item", 'self.till == "ok" or args.order']),
        "level": lambda: "WARNING",
        "root": lambda: "true",
        "sample": lambda: random.choice(["50%", "0%", "100%"]),
        "capture": lambda: "none",
    }
    for key, write in options.items():
        if random.random() < (0.3 if first or key not in ("root", "sample") else 0.05):
            lines.append(f"    {key}: {write()}")
    return "\n".join(lines) + "\n"


def registry_of(rules: str) -> Registry:
    """Make a registry of written rules."""
    return registry_from(f"version: 1\nexport: {{ discard: {{}} }}\ntrace:\n{rules}")


class Case:
    """One module, woven by random rules or given ones, and a sampler that records nothing but stubs, or everything."""

    def __init__(self, seed: int, rules: str = "", *, recorded: bool = False) -> None:
        self.random = random = Random(seed)
        self.module: Any = types.ModuleType(M)
        sys.modules[M] = self.module
        exec(SOURCE, vars(self.module))
        rules = rules or "".join(
            [
                *(make_rule(random, pattern, first=True) for pattern in ("visit", "visit_later")),
                *(make_rule(random, pattern, first=False) for pattern in ("Shop.*", "Large.sell", "Shop.fetch")),
            ]
        )
        if recorded:
            rules = rules.replace("50%", "100%")  # what random ids leave out is not the same twice
        self.spans: list[Span] = []
        self.recorder = Recorder(self.spans.append)
        controller = Controller(1.0)
        controller.plan = Plan(0.0, 0.0, random.choice([0.0, 1.0, 1.0]), 0.0, 0.0)
        keep = ["error", "slow"] if random.random() < 0.8 else ["slow"]
        if recorded:
            keep.remove("slow")  # after thirty calls of a name that depends on how long each took
            controller.plan = Plan(1.0, random.choice([0.0, 1.0]), 1.0, 1.0, 1.0)
            # What recording costs is known, so that few traces are measured.
            controller._learning._known.update(skeleton=1_000, payload=1_000)
            controller._learning.unsure = False
        self.roused: list[int] = []
        self.tail = Tail(controller, keep, self.spans.append, lambda: self.roused.append(self.tail.arrived))
        self.recorded = recorded
        self.recorder.sample(self.tail)
        self.weaver = Weaver(self.recorder)
        self.weaver.weave(registry_of(rules))
        for tally in self.recorder.tallies.values():
            if recorded:
                tally.seen = time.perf_counter_ns()  # so that none of it is rare, which is not judged in C
            tally.slow = random.choice([1 << 62, 1 << 62, -1])
        self.held: list[weakref.ref[Any]] = []

    def hold(self, thing: Any) -> Any:
        """Watch whether something outlives the calls."""
        if isinstance(thing, Order | Kept | self.module.Shop):
            self.held.append(weakref.ref(thing))
        return thing

    def call(self) -> list[Any]:
        """Make a few calls below one that is the first of its trace, and tell what came of each."""
        random, told = self.random, []
        shop = self.hold(random.choice([self.module.Shop, self.module.Large])())
        shop.till = self.hold(make_value(random))

        def within() -> None:
            for _ in range(random.randrange(1, 5)):
                order = self.hold(Order(make_value(random), make_value(random)))
                given = random.choice([order, self.hold(make_value(random))])
                kind = random.choice(self.module.KINDS)
                told.append((kind.__name__, self.attempt(lambda given=given, kind=kind: kind(shop, given))))

        given = self.hold(make_value(random))
        if random.random() < 0.5:
            told.append(self.attempt(lambda: self.module.visit(within, given) is given))
        else:
            told.append(self.attempt(lambda: asyncio.run(self.module.visit_later(within, given)) is given))
        return told

    @staticmethod
    def attempt(call: Callable[[], Any]) -> Any:
        """Tell what a call comes to."""
        try:
            return call()
        except Exception as exc:
            return repr(exc)

    def tell(self) -> dict[str, Any]:
        """Make calls, and tell all that came of them, but times and ids."""
        told = [self.call() for _ in range(8 if self.recorded else 3)]
        alive = sum(held() is not None for held in self.held)
        spans, controller = self.spans, self.tail.controller
        roots = {span.span_id: span.name for span in spans if span.parent_id is None}
        return {
            "told": told,
            "alive": alive,
            "counts": {target: tally.count_all() for target, tally in sorted(self.recorder.tallies.items())},
            "arrived": self.tail.arrived,
            "left out": self.recorder.left_out,
            "errors": (controller.errors, controller.stubs, controller.granted),
            "learned": {name: key.seen_calls for name, key in sorted(controller.keys.named().items())},
            "notable": (controller.notable, controller.rare, controller.commitment.under_way),
            "open": (len(self.recorder.open), len(self.tail.roots), len(self.tail.undecided)),
            "spans": [describe(span, roots) for span in spans],
        }

    def undo(self) -> int:
        """Take everything back; returns how much of the application's is alive even then."""
        self.weaver.undo()
        del sys.modules[M]
        gc.collect()
        return sum(held() is not None for held in self.held)


def describe(span: Span, roots: dict[int, str]) -> dict[str, Any]:
    """Tell of a stub what does not depend on time."""
    shown = ("name", "type", "level", "status_message", "input", "output", "metadata", "app_root", "weight")
    facts = {name: repr(getattr(span, name)) for name in shown}
    return {
        **facts,
        "below": "nothing" if span.parent_id is None else roots.get(span.parent_id, "?"),
        "trace": span.trace.name,
    }


def run_both(count: int, *words: str) -> list[list[dict[str, Any]]]:
    """Run so many cases with what is compiled and with the originals, each in a process of its own.

    What fails of ours is raised there. Returns what each of the two has told.
    """
    command = [sys.executable, "-W", "ignore", "-m", __name__, "1", str(count), *words]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, SWITCH: switch, "TRACING_PROXIES_STRICT": "1", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        for switch in ("1", "0")
    ]
    found = [[json.loads(line) for line in process.communicate()[0].splitlines()] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(found[0]) == count
    return found


def main(first: int, count: int, *, recorded: bool) -> None:
    """Tell of so many cases."""
    gc.disable()  # when it collects depends on how much was made before, which differs between the two
    for seed in range(first, first + count):
        case = Case(seed, recorded=recorded)
        told = case.tell()
        print(json.dumps({"seed": seed, **told, "left": case.undo()}, default=repr), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), recorded=sys.argv[3:] == ["recorded"])
