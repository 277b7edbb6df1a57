"""Processes of one application tell an alert once: the first that finds it wrong, and the last that it is over."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from tests.monitoring.virtual import Clock
from tracing_proxies.monitoring.alert_sharing import Orphan, SharedAlerts
from tracing_proxies.monitoring.alert_state import Event
from tracing_proxies.monitoring.workers import Member
from tracing_proxies.registry.alert_rules import AlertRule

RULE = AlertRule("lag", "delivery_lag", "above", 60.0, cool_down=600.0)
WRONG = Event(RULE, "firing", "", 90.0, None, 0.0)
RIGHT = Event(RULE, "resolved", "", 1.0, None, 30.0)


class Application:
    """Processes that have one folder in common; each is a member with a lock of its own, as real ones are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()

    def begin(self) -> tuple[Member, SharedAlerts]:
        member = Member.join(self.folder, os.getpid())
        return member, SharedAlerts(lambda: member, self.clock)


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application(tmp_path / "app")


def test_the_first_that_finds_it_wrong_tells_and_the_last_that_finds_it_right(application: Application) -> None:
    (_, one), (_, two), (_, three) = (application.begin() for _ in range(3))
    assert [process.admits(WRONG) for process in (one, two, three)] == [True, False, False]
    assert [process.admits(RIGHT) for process in (one, three, two)] == [False, False, True]


def test_each_subject_is_told_by_itself(application: Application) -> None:
    (_, one), (_, two) = application.begin(), application.begin()
    assert one.admits(WRONG)
    assert two.admits(attrs.evolve(WRONG, subject="shop:Agent.run"))
    assert not one.admits(attrs.evolve(WRONG, subject="shop:Agent.run"))


def test_while_it_goes_on_one_of_them_tells_it_again_after_each_cool_down(application: Application) -> None:
    (_, one), (_, two) = application.begin(), application.begin()
    assert (one.admits(WRONG), two.admits(WRONG)) == (True, False)
    application.clock.now += 601
    assert (two.admits(WRONG), one.admits(WRONG)) == (True, False)


def test_what_comes_and_goes_is_told_once_in_a_cool_down_whoever_finds_it(application: Application) -> None:
    (_, one), (_, two) = application.begin(), application.begin()
    assert (one.admits(WRONG), one.admits(RIGHT)) == (True, True)
    application.clock.now += 60
    assert (two.admits(WRONG), two.admits(RIGHT)) == (False, False), "its end is not told either"
    application.clock.now += 600
    assert two.admits(WRONG)


def test_what_one_has_acknowledged_nobody_tells_again_until_it_is_over(application: Application) -> None:
    (_, one), (_, two) = application.begin(), application.begin()
    assert (one.admits(WRONG), two.admits(WRONG)) == (True, False)
    one.acknowledge(["lag", "nonsense"])
    application.clock.now += 601
    assert not two.admits(WRONG)
    assert (one.admits(RIGHT), two.admits(RIGHT)) == (False, True)
    application.clock.now += 601
    assert two.admits(WRONG)


def test_of_a_process_that_has_ended_one_that_lives_tells_that_it_is_over(application: Application) -> None:
    (dead, one), (_, two), (_, three) = (application.begin() for _ in range(3))
    assert one.admits(WRONG)
    assert (two.take_orphans(), three.take_orphans()) == ([], [])
    dead.forget()  # its lock is gone, as that of a process that was killed
    began = application.clock.now
    application.clock.now += 30
    assert (two.take_orphans(), three.take_orphans()) == ([Orphan("lag", "", began)], [])


def test_a_process_that_has_ended_is_not_waited_for(application: Application) -> None:
    (dead, one), (_, two) = application.begin(), application.begin()
    assert (one.admits(WRONG), two.admits(WRONG)) == (True, False)
    dead.forget()
    assert two.take_orphans() == []
    assert two.admits(RIGHT)


def test_who_watches_no_more_has_found_nothing(application: Application) -> None:
    (_, one), (_, two) = application.begin(), application.begin()
    assert one.admits(WRONG)
    one.leave()
    assert [orphan.name for orphan in two.take_orphans()] == ["lag"]


def test_without_a_folder_each_tells_for_itself() -> None:
    alone = SharedAlerts(lambda: None, Clock())
    assert alone.admits(WRONG)
    assert alone.admits(RIGHT)
    assert alone.take_orphans() == []
    alone.acknowledge(["lag"])
    alone.leave()


def test_a_damaged_file_is_begun_anew(application: Application) -> None:
    _, one = application.begin()
    (application.folder / "alerts.json").write_text("{")
    assert one.take_orphans() == []
    assert one.admits(WRONG)


def test_the_last_to_leave_takes_the_file_away(application: Application) -> None:
    member, one = application.begin()
    assert one.admits(WRONG)
    assert (application.folder / "alerts.json").stat().st_mode & 0o777 == 0o600
    member.leave()
    assert not application.folder.exists()
