"""Which process of an application tells of an alert: the first that finds it wrong, and of its end the last.

Each process judges for itself. What they have found stands in one file of their folder, which they exchange under the
folder's lock. A process that has ended finds nothing wrong any more; that an alert is over which only such processes
had found is told by one that lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from tracing_proxies.failures import contain
from tracing_proxies.monitoring.alert_state import Event
from tracing_proxies.monitoring.alerts import label_of
from tracing_proxies.monitoring.workers import Member, is_alive, locked, read_plain, write_plain

_FILE: Final = "alerts.json"
_NEARLY: Final = 0.95
"""The share of a cool-down after which it is over: processes look at different moments."""


@attrs.frozen
class Orphan:
    """An alert that was told, of which every process that had found it has ended.

    Args:
        name: of its rule.
        since: when it was told first, by the clock.
    """

    name: str
    subject: str
    since: float


class SharedAlerts:
    """What the processes of one application have told.

    Args:
        member: this process among them; None where there is no folder to be had: then each tells for itself.
        clock: seconds, of a clock that all processes have in common.
    """

    def __init__(self, member: Callable[[], Member | None], clock: Callable[[], float]) -> None:
        self._member = member
        self._clock = clock
        self._has_found: set[str] = set()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what the parent has found is the parent's."""
        self._has_found = set()

    def admits(self, event: Event) -> bool:
        """Note what this process has found, and return whether it is the one to tell it."""
        label = label_of(event)
        judge = self._note_wrong if event.what == "firing" else self._note_right
        (self._has_found.add if event.what == "firing" else self._has_found.discard)(label)
        answer = self._exchange(lambda known, member: judge(known, member, label, event))
        return True if answer is None else bool(answer)

    def acknowledge(self, labels: Iterable[str]) -> None:
        """Have no process tell these again until they are over."""
        wanted = set(labels)

        def note(known: dict[str, Any], member: Member) -> None:
            for label in wanted & known.keys():
                known[label]["acknowledged"] = True

        if wanted:
            self._exchange(note)

    def leave(self) -> None:
        """Have found nothing any more; who goes on tells that it is over, if nobody else has found it."""

        def note(known: dict[str, Any], member: Member) -> None:
            for entry in known.values():
                entry["wrong"] = [stem for stem in entry["wrong"] if stem != member.stem]

        if self._has_found:
            self._has_found = set()
            self._exchange(note)

    def take_orphans(self) -> list[Orphan]:
        """Return what is over since every process that had found it has ended; each is returned to one process."""
        member = self._member()
        if member is None or not any(_is_orphan(member.folder, entry) for entry in _read(member.folder).values()):
            return []
        found: list[Orphan] = []

        def take(known: dict[str, Any], member: Member) -> None:
            for entry in known.values():
                if _is_orphan(member.folder, entry):
                    found.append(Orphan(entry["name"], entry["subject"], entry["since"]))
                    entry.update(wrong=[], told=False, acknowledged=False)

        self._exchange(take)
        return found

    def _exchange(self, change: Callable[[dict[str, Any], Member], Any]) -> Any:
        """Change what stands in the file, under its lock; returns None where that cannot be done."""
        member = self._member()
        if member is None:
            return None
        try:
            with locked(member.folder):
                known = _read(member.folder)
                answer = change(known, member)
                write_plain(member.folder / _FILE, known)
        except OSError as exc:
            contain("alerts.sharing", exc)
            return None
        return answer

    def _note_wrong(self, known: dict[str, Any], member: Member, label: str, event: Event) -> bool:
        now = self._clock()
        entry = known.setdefault(
            label,
            {"name": event.rule.name, "subject": event.subject, "wrong": [], "since": now, "told": False,
             "told_at": None, "acknowledged": False},
        )  # fmt: skip
        before = _living(member.folder, entry)
        entry["wrong"] = [*(stem for stem in before if stem != member.stem), member.stem]
        cools = entry["told_at"] is not None and 0 <= now - entry["told_at"] < event.rule.cool_down * _NEARLY
        if cools or (entry["acknowledged"] and before):
            return False
        entry.update(told=True, told_at=now, acknowledged=False, since=entry["since"] if entry["told"] else now)
        return True

    def _note_right(self, known: dict[str, Any], member: Member, label: str, event: Event) -> bool:
        entry = known.get(label)
        if entry is None:
            return True
        entry["wrong"] = [stem for stem in _living(member.folder, entry) if stem != member.stem]
        if entry["wrong"]:
            return False
        was_told = bool(entry["told"])
        entry.update(told=False, acknowledged=False)
        return was_told


def _read(folder: Path) -> dict[str, Any]:
    found = read_plain(folder / _FILE)
    return found if isinstance(found, dict) else {}


def _living(folder: Path, entry: dict[str, Any]) -> list[str]:
    return [stem for stem in entry["wrong"] if is_alive(folder, stem)]


def _is_orphan(folder: Path, entry: dict[str, Any]) -> bool:
    return bool(entry["told"]) and not _living(folder, entry)
