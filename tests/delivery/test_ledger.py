"""Every span is in exactly one place, and the ledger knows which."""

from __future__ import annotations

import pytest

from tracing_proxies.delivery.ledger import Ledger


def test_the_accounts_balance_at_every_step() -> None:
    ledger = Ledger()
    waiting, under_way = [10], [0]
    ledger.watch(lambda: waiting[0])
    ledger.open("a", lambda: under_way[0])
    assert ledger.check().queued == 10
    waiting[0] = 0
    ledger.take(10)
    assert ledger.check().queued == 10
    ledger.sample_out(3)
    ledger.drop("prepare", 1)
    ledger.hand_over(6)
    under_way[0] = 6
    ledger.check()
    ledger.deliver("a", 4)
    ledger.drop_at("a", "rejected", 2)
    under_way[0] = 0
    snapshot = ledger.check()
    assert (snapshot.produced, snapshot.delivered, snapshot.sampled_out, snapshot.queued) == (10, 4, 3, 0)
    assert snapshot.dropped == {"prepare": 1, "rejected": 2}


def test_a_span_that_is_missing_is_found_out() -> None:
    ledger = Ledger()
    ledger.open("a", lambda: 0)
    ledger.take(2)
    ledger.hand_over(2)
    ledger.deliver("a", 1)
    with pytest.raises(AssertionError, match="'total' does not balance"):
        ledger.check()


def test_the_total_is_the_account_of_the_sink_that_is_farthest_behind() -> None:
    ledger = Ledger()
    ledger.open("fast", lambda: 0)
    ledger.open("slow", lambda: 5)
    ledger.take(5)
    ledger.hand_over(5)
    ledger.deliver("fast", 5)
    snapshot = ledger.check()
    assert (snapshot.delivered, snapshot.queued) == (0, 5)
    assert snapshot.sinks["fast"].delivered == 5


def test_without_sinks_what_was_handed_over_has_arrived() -> None:
    ledger = Ledger()
    ledger.take(5)
    ledger.hand_over(5)
    assert ledger.check().delivered == 5


def test_spans_that_went_back_into_the_queue_are_not_counted_twice() -> None:
    ledger = Ledger()
    ledger.watch(lambda: 2)
    ledger.take(2)
    ledger.put_back(2)
    assert ledger.check().produced == 2
