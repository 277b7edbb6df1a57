"""Shares what tracing may cost among errors, recording, payloads and whole traces: the probabilities of one moment."""

from __future__ import annotations

import attrs

_FOR_ERRORS = 0.8
_FOR_NOTABLE = 0.3
_FOR_RARE = 0.2
_FOR_RECORDING = 0.3
_FOR_PAYLOAD = 0.4


@attrs.define(eq=False, repr=False)
class Costs:
    """What each thing costs, in seconds of CPU; the first guesses are replaced by what is measured.

    Args:
        count: one call of a woven target that is only counted.
        skeleton: what recording a span without payload takes besides.
        payload: what its arguments and result take besides.
        export: masking, encoding and sending one span.
        stub: making the stub of what was not recorded.
    """

    count: float = 1.2e-6
    skeleton: float = 4e-6
    payload: float = 10e-6
    export: float = 600e-6
    stub: float = 15e-6


@attrs.frozen(eq=False, repr=False)
class Demand:
    """What comes in, per second.

    Args:
        calls: calls of woven targets.
        roots: traces that begin.
        errors: errors that would each leave a stub.
        notable: traces that are an error, slow, or asked for.
        rare: traces of a name that had not been seen for a while.
        spans: spans per trace.
        stubs: stubs per error: of the failed call and those above it.
    """

    calls: float = 0.0
    roots: float = 0.0
    errors: float = 0.0
    notable: float = 0.0
    rare: float = 0.0
    spans: float = 1.0
    stubs: float = 2.0


@attrs.frozen
class Plan:
    """The probabilities that hold until the next plan.

    Args:
        record: that a trace is recorded at all; below it calls are only counted.
        capture: that it is recorded with arguments and results.
        error: that an error leaves at least a stub.
        whole: that a notable trace is kept whole, if it was recorded.
        rare: that a rare one is.
        room: what is left for keeping other traces, in seconds of CPU per second.
    """

    record: float = 1.0
    capture: float = 1.0
    error: float = 1.0
    whole: float = 1.0
    rare: float = 1.0
    room: float = 1.0


def share(room: float, demand: Demand, costs: Costs) -> Plan:
    """Make the plan that costs no more than there is room for.

    What is more important is served first and gets at most its part, so that it never takes all: errors by their
    stubs, notable traces, rare ones, recording, payloads; the rest is for keeping traces as they come. Names that are
    made up by the thousand are all rare, so rare traces have a part of their own and take nothing from errors.

    Args:
        room: seconds of CPU per second, counting left aside.
    """

    def afford(part: float, cost: float) -> float:
        nonlocal room
        probability = 1.0 if cost <= 0 else min(1.0, part * room / cost)
        room -= probability * cost
        return probability

    stubs = demand.errors * demand.stubs * (costs.stub + costs.export)
    spans = demand.roots * demand.spans
    error = afford(_FOR_ERRORS, stubs)
    whole = min(error, afford(_FOR_NOTABLE, demand.notable * demand.spans * costs.export))
    rare = afford(_FOR_RARE, demand.rare * demand.spans * costs.export)
    record = afford(_FOR_RECORDING, spans * costs.skeleton)
    capture = min(record, afford(_FOR_PAYLOAD, spans * costs.payload))
    return Plan(record, capture, error, whole, rare, max(0.0, room))


def calmed(wanted: Plan, before: Plan, most: float) -> Plan:
    """Take every step down at once, and every step up only so far.

    Args:
        most: by what factor a probability may rise.
    """

    def rise(new: float, old: float) -> float:
        return min(new, max(old, 1e-4) * most)

    return Plan(
        rise(wanted.record, before.record),
        rise(wanted.capture, before.capture),
        rise(wanted.error, before.error),
        rise(wanted.whole, before.whole),
        rise(wanted.rare, before.rare),
        wanted.room,
    )
