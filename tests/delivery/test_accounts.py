"""Every span is accounted for exactly once, for each destination."""

from __future__ import annotations

import pytest

from tracing_proxies.delivery.ledger import Ledger


def test_accounts_balance_at_every_step_of_a_batch() -> None:
    ledger = Ledger()
    waiting, backlog = 10, 0
    ledger.watch(lambda: waiting)
    ledger.open("local", lambda: backlog)
    assert ledger.check().queued == 10
    waiting = 0
    ledger.take(10)
    ledger.check()
    ledger.sample_out(2)
    ledger.drop("prepare", 1)
    ledger.hand_over(7)
    backlog = 7
    assert ledger.check().queued == 7
    ledger.deliver("local", 5)
    ledger.drop_at("local", "rejected", 2)
    backlog = 0
    snapshot = ledger.check()
    assert (snapshot.produced, snapshot.delivered, snapshot.sampled_out, snapshot.queued) == (10, 5, 2, 0)
    assert snapshot.dropped == {"prepare": 1, "rejected": 2}
    assert snapshot.lost == 3


def test_a_span_that_vanished_is_noticed() -> None:
    ledger = Ledger()
    ledger.open("local", lambda: 0)
    ledger.take(1)
    ledger.hand_over(1)
    with pytest.raises(AssertionError, match="local"):
        ledger.check()


def test_a_forked_child_begins_with_an_empty_account() -> None:
    ledger = Ledger()
    ledger.open("local", lambda: 0)
    ledger.take(3)
    ledger.drop("overflow", 3)
    ledger.after_fork()
    assert ledger.check().produced == 0
