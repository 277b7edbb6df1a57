"""Drives the real controller and the real tail with a virtual clock, through loads that no machine has to bear.

What is virtual is the application (traces that begin, end and fail), the delivery (a queue and a thread that takes CPU
for each span) and the time; every decision is made by the code that makes it in a process.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import attrs
from opentelemetry.context import Context

from tracing_proxies.errors import Place
from tracing_proxies.recording.fields import new_span
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.tail import Tail
from tracing_proxies.recording.unrecorded import make_unrecorded
from tracing_proxies.registry.model import Rule, Settings
from tracing_proxies.registry.policy import Policy
from tracing_proxies.sampling.controller import Controller
from tracing_proxies.sampling.host import HostLoad
from tracing_proxies.sampling.learning import Work
from tracing_proxies.sampling.plan import Costs, Plan

BUDGET = 0.01
TICK = 0.1
"""Seconds that pass at a time."""
RATE = 100.0
"""Traces a second, of 10 to 35 spans each."""
TRUE = Costs(count=0.35e-6, skeleton=3.5e-6, payload=5e-6, export=60e-6, stub=20e-6)
"""What things cost in the simulated process, which the controller has to find out."""
_IDLE = 3e-4  # seconds of CPU that our threads take each second for themselves
_MEDIAN, _SPREAD = 0.25, 0.7  # of durations, log-normal
_COMMON = {"answer": 0.5, "search": 0.3, "triage": 0.13, "refund": 0.06, "escalate": 0.01}
_UNIT = 1 / (1 << 56)


def steady(at: float) -> float:
    """Return 1 at any time."""
    return 1.0


def between(begin: float, end: float, inside: float, outside: float = 1.0) -> Callable[[float], float]:
    """Return a step: one value between two times, another outside of them."""
    return lambda at: inside if begin <= at < end else outside


def usual_name(random: Random) -> str:
    """Choose one of a few names, of which one is rare."""
    return random.choices(list(_COMMON), list(_COMMON.values()))[0]


def made_up_name(random: Random) -> str:
    """Choose one of the few, or, for nine traces of ten, a name that was never seen before."""
    return usual_name(random) if random.random() < 0.1 else f"document {random.getrandbits(64):x}"


@attrs.frozen
class Scenario:
    """A load, as factors over time.

    Args:
        rate: how many times the usual traces come.
        errors: which share of traces fails.
        host: which share of all CPUs is in use.
        lasting: how many times as long as usual a trace takes.
    """

    name: str
    seconds: float = 60.0
    rate: Callable[[float], float] = steady
    errors: Callable[[float], float] = between(0, 0, 0, 0.02)
    host: Callable[[float], float] = between(0, 0, 0, 0.4)
    choose: Callable[[Random], str] = usual_name
    lasting: float = 1.0


SCENARIOS = (
    Scenario("steady"),
    Scenario("tenfold burst", rate=between(20, 30, 10)),
    Scenario("error storm", errors=between(20, 30, 0.5, 0.02)),
    Scenario("many keys", choose=made_up_name),
    Scenario("idle then burst", rate=lambda at: 0.0 if 5 <= at < 30 else 5.0 if at < 40 else 1.0),
    Scenario("host overload", host=between(20, 35, 0.97, 0.4)),
    Scenario("flood of long traces", rate=between(15, 30, 8.0, 0.1), lasting=6.0),
)


@attrs.define
class Second:
    """What happened within one second; CPU in seconds."""

    traces: int = 0
    kept: int = 0
    errors: int = 0
    errors_kept: int = 0
    cpu: float = 0.0
    heaviest: float = 0.0
    step: int = 0
    plan: Plan = attrs.Factory(Plan)


@attrs.define
class Sum:
    """A true sum, what the kept traces say of it, and the variance that the latter must have."""

    true: float = 0.0
    estimate: float = 0.0
    variance: float = 0.0

    @property
    def z(self) -> float:
        """How many standard deviations the estimate is off."""
        return (self.estimate - self.true) / math.sqrt(self.variance) if self.variance else 0.0


@attrs.define
class Outcome:
    """What a run came to."""

    budget: float
    seconds: list[Second]
    ticks: list[float] = attrs.Factory(list)
    sums: dict[str, Sum] = attrs.Factory(lambda: {name: Sum() for name in ("count", "errors", "duration")})

    def most(self, length: float, since: float = 0.0) -> float:
        """Return the greatest share of a core that was spent in any time of this length."""
        width, first = round(length / TICK), round(since / TICK)
        parts = [sum(self.ticks[start : start + width]) for start in range(first, len(self.ticks) - width + 1)]
        return max(parts) / length

    def share(self, part: str, whole: str, begin: float = 0.0, end: float = math.inf) -> float:
        """Return which share of what came was kept, over some seconds."""
        chosen = [second for at, second in enumerate(self.seconds) if begin <= at < end]
        total = sum(getattr(second, whole) for second in chosen)
        return sum(getattr(second, part) for second in chosen) / total if total else 1.0


@attrs.define
class Call:
    """One simulated trace.

    Attributes:
        state: what decides on it has made of it.
        recorded: the probability at which it was recorded.
    """

    trace_id: int
    name: str
    begun: float
    ends: float
    spans: int
    fails: bool
    state: Any = None
    recorded: float = 1.0

    @property
    def random(self) -> float:
        """R, between 0 and 1."""
        return (self.trace_id & ((1 << 56) - 1)) * _UNIT


def arrivals(scenario: Scenario, random: Random, scale: float, spans: tuple[int, int]) -> Iterator[list[Call]]:
    """Yield the traces that begin within each tick."""
    for tick in range(round(scenario.seconds / TICK)):
        at = tick * TICK
        expected = RATE * scale * scenario.rate(at) * TICK
        calls = []
        moment = random.expovariate(expected) if expected else math.inf
        while moment < 1.0:
            begun = at + moment * TICK
            taken = random.lognormvariate(math.log(_MEDIAN * scenario.lasting), _SPREAD)
            calls.append(
                Call(random.getrandbits(128), scenario.choose(random), begun, begun + taken, random.randint(*spans),
                     random.random() < scenario.errors(at))
            )  # fmt: skip
            moment += random.expovariate(expected)
        yield calls


class World:
    """A process with a load and a delivery; what decides on traces is given by those who inherit from it.

    Args:
        scale: makes the load and the budget smaller together, which changes nothing but the grain.
        spans: of one trace, at least and at most.
        jumps: by how many seconds the clock jumps at some times.
        budget: what tracing may cost, a share of a core.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        scale: float = 1.0,
        spans: tuple[int, int] = (10, 35),
        jumps: dict[float, float] | None = None,
        budget: float = BUDGET,
    ) -> None:
        self.scenario, self.scale, self.spans = scenario, scale, spans
        self.now = 0.0
        self.jump = 0.0
        self.jumps = dict(jumps or {})
        self.calls = 0
        self.cpu = self.worker_cpu = 0.0
        self.queued = self.finished = 0
        self.budget = budget * scale
        # What a span costs is shared out over spans: fewer spans a trace cost the more each.
        self.dear = 22.5 / (sum(spans) / 2)
        self.random = Random(seed)
        self.outcome = Outcome(self.budget, [])
        self.set_up()

    def set_up(self) -> None:
        """Make what decides."""

    def begin(self, call: Call) -> None:
        """Decide whether a trace is recorded."""

    def end(self, call: Call) -> None:
        """Decide whether it is kept."""

    def beat(self) -> None:
        """Do what is done every tenth of a second."""

    def take(self, cost: float, times: float = 1.0) -> None:
        """Take CPU."""
        self.cpu += cost * times * self.dear

    def keep(self, call: Call, weight: float) -> None:
        """Note that a trace is kept, in part or whole."""
        second, sums = self.outcome.seconds[-1], self.outcome.sums
        second.kept += 1
        second.errors_kept += call.fails
        second.heaviest = max(second.heaviest, weight)
        sums["count"].estimate += weight
        sums["errors"].estimate += weight * call.fails
        sums["duration"].estimate += weight * (call.ends - call.begun)

    def expect(self, call: Call, probability: float) -> None:
        """Note that a trace has ended, which was to be kept at this probability."""
        second, sums, taken = self.outcome.seconds[-1], self.outcome.sums, call.ends - call.begun
        second.traces += 1
        second.errors += call.fails
        spread = (1 - probability) / probability if probability > 0 else 0.0
        for name, value in (("count", 1.0), ("errors", float(call.fails)), ("duration", taken)):
            sums[name].true += value
            sums[name].variance += spread * value * value

    def run(self) -> Outcome:
        """Let the time pass."""
        ending: list[tuple[float, int, Call]] = []
        for number, calls in enumerate(arrivals(self.scenario, self.random, self.scale, self.spans)):
            if number % round(1 / TICK) == 0:
                self.outcome.seconds.append(Second())
            before, until = self.cpu, (number + 1) * TICK
            for call in calls:
                while ending and ending[0][0] <= call.begun:
                    self._end(heapq.heappop(ending)[2])
                self.now = call.begun + self.jump
                self.begin(call)
                heapq.heappush(ending, (call.ends, call.trace_id, call))
            while ending and ending[0][0] <= until:
                self._end(heapq.heappop(ending)[2])
            self.jump += self.jumps.pop(round(until, 1), 0.0)
            self.now = until + self.jump
            if number % 2:
                self._deliver()
            self.beat()
            self.outcome.ticks.append(self.cpu - before)
            self.outcome.seconds[-1].cpu += self.cpu - before
        return self.outcome

    def _end(self, call: Call) -> None:
        self.now = call.ends + self.jump
        self.calls += call.spans
        self.take(TRUE.count, call.spans)
        self.end(call)

    def _deliver(self) -> None:
        """Let the delivery's thread work: it has at most one core."""
        cost = TRUE.export * self.dear * self.random.uniform(0.8, 1.2)
        done = min(self.queued, int(2 * TICK / cost))
        self.queued, self.finished = self.queued - done, self.finished + done
        taken = done * cost + _IDLE * self.scale * 2 * TICK
        self.worker_cpu += taken
        self.cpu += taken


class Ours(World):
    """The budget that holds."""

    def set_up(self) -> None:
        """Make the controller and the tail as a process has them."""
        self.controller = Controller(
            self.budget,
            floor=self.scale / 60,
            clock=lambda: self.now,
            worker=lambda: Work(self.worker_cpu, self.finished, self.queued),
            calls=lambda: self.calls,
            host=HostLoad(lambda: self.scenario.host(self.now - self.jump)),
        )
        self.controller.costs.count = TRUE.count * self.dear
        stub = itertools.count(0, round(TRUE.stub * self.dear * 1e9))
        self.tail = Tail(
            self.controller, ("error", "slow", "rare"), self._emit, self._rouse,
            clock=lambda: round(self.now * 1e9), cpu_clock=lambda: next(stub),
        )  # fmt: skip
        self.tail.recorder = Recorder(self._emit)
        self.steps: list[tuple[float, str]] = []
        self._recipes: dict[str, Recipe] = {}
        self._call: Call | None = None
        self._ids = 0

    def recipe(self, name: str) -> Recipe:
        """Return the recipe of a name; names that are made up come from one function."""
        function = name if name in _COMMON else "read"
        found = self._recipes.get(function)
        if found is None:
            rule = Rule((), (), (), Place("", 1, 1), -1, Settings())
            found = self._recipes[function] = Recipe(Policy(rule, (rule,)), steady, function, bound=False)
        return found

    def begin(self, call: Call) -> None:
        recipe, thinned = self.recipe(call.name), self.controller.commitment.thinned(len(self.tail.undecided))
        call.recorded = self.controller.plan.record * thinned
        trace = self.tail.begin(recipe, call.trace_id)
        if trace is None:
            made = make_unrecorded(recipe, Context(), None, steady, None, (), {})
            made.tail, made.trace_id, made.random = self.tail, call.trace_id, call.trace_id & ((1 << 56) - 1)
            made.start = round(self.now * 1e9)
            call.state = made
            return
        trace.name = call.name
        assert trace.held is not None
        trace.held.root_id = 1
        call.state = trace

    def end(self, call: Call) -> None:
        self._call = call
        if hasattr(call.state, "held"):
            self._end_recorded(call)
        else:
            self._end_counted(call)
        self._call = None

    def _end_recorded(self, call: Call) -> None:
        trace, held = call.state, call.state.held
        cost = TRUE.skeleton + (TRUE.payload if trace.payload else 0.0)
        self.take(cost, call.spans)
        if trace.timed:
            trace.spent = round(cost * self.dear * call.spans * self.random.lognormvariate(0, 0.3) * 1e9)
        for number in range(call.spans, 0, -1):
            span: Any = new_span(Span)
            span.trace, span.span_id, span.recipe, span.app_root = trace, number, self.recipe(call.name), number == 1
            span.start, span.stop = round(call.begun * 1e9), round(call.ends * 1e9)
            if call.fails and number <= 2:
                span.level = "ERROR"
            held.add(span)
        self.tail.end(span)
        self.expect(call, 1 / held.verdict.weight if held.verdict.weight else 0.0)

    def _end_counted(self, call: Call) -> None:
        root, plan = call.state, self.controller.plan
        key = self.controller.keys.find(call.name)
        probability = min(call.recorded, max(key.share, plan.whole) if call.fails else key.share)
        self.expect(call, max(probability, plan.error) if call.fails else probability)
        stop = round(self.now * 1e9)
        before = self.controller.stubs
        if call.fails:
            error = ValueError("simulated")
            inner = make_unrecorded(root.recipe, Context(), root, steady, None, (), {})
            inner.start, inner.stop, root.stop = root.start, stop, stop
            inner.fail(error)
            root.fail(error)
        else:
            root.stop = stop
            root.finish(None)
        self.take(TRUE.stub, self.controller.stubs - before)

    def _rouse(self) -> None:
        self.controller.roots = self.tail.arrived
        if self.controller.due:
            self.controller.commitment.under_way = len(self.tail.undecided)
            self.controller.step()

    def _emit(self, span: Any) -> None:
        self.queued += 1
        assert self._call is not None
        if span.app_root:
            self.keep(self._call, span.weight)

    def beat(self) -> None:
        self._rouse()
        self.tail.sweep()
        second = self.outcome.seconds[-1]
        second.step = max(second.step, self.controller.ladder.step)
        second.plan = self.controller.plan
