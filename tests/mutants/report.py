"""What the mutants came to: kept as figures, and written as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.mutants.harmless import HARMLESS
from tests.mutants.rooms import ROOMS, ROOT

FIGURES: Final = Path(__file__).with_name("results.json")
PAGE: Final = ROOT / "docs" / "mutants.md"
_HEAD: Final = """\
<!-- Made by `make mutants` from tests/mutants/results.json. -->
# Mutants

Where a failure would be silent, tests that pass say little: do they look? `make mutants` changes one thing at a time
in masking, in the sampling rule and in the spool (a comparison, `and` and `or`, an arithmetic sign, a number, a
condition, what is returned, a call that is left out), and runs the room's quick tests on each changed copy. A mutant
that makes a test fail, or run without end, is killed; one that passes is a change that nobody would notice, or one that
changes nothing.

Of modules with many places to change, a part was drawn with a fixed seed; the tests of whole processes, servers and
faults are not run, so that what they alone would find counts as not found. *When drawn* is what the tests killed then,
and the fair figure for all places. The survivors were looked at, tests were added where they showed a gap, and *now* is
what became of the same mutants: it says nothing of those that were not drawn.
"""


def read() -> dict[str, Any]:
    """Return the figures of all rooms that have been measured, empty where there are none."""
    return json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}


def write(figures: dict[str, Any]) -> None:
    """Write figures and page."""
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")


def page(figures: dict[str, Any]) -> str:
    """Return the page.

    Args:
        figures: by room, then by module: how many places there are, how many were tried and killed, and who survived.
    """
    return _HEAD + "".join(f"\n{line}" for line in [*_summary(figures), "", *_rooms(figures)]) + "\n"


def _summary(figures: dict[str, Any]) -> Iterator[str]:
    yield "| room | places | tried | killed when drawn | now |"
    yield "|---|---|---|---|---|"
    for room in ROOMS:
        if room in figures:
            modules = figures[room].values()
            names = ("places", "tried", "first", "killed")
            places, tried, first, killed = (sum(found[name] for found in modules) for name in names)
            yield f"| {room} | {places:,} | {tried:,} | {_share(first, tried)} | {_share(killed, tried)} |"


def _rooms(figures: dict[str, Any]) -> Iterator[str]:
    for room in ROOMS:
        if room not in figures:
            continue
        yield f"## {room.capitalize()}"
        yield ""
        yield "| module | places | tried | killed when drawn | now |"
        yield "|---|---|---|---|---|"
        for module, found in figures[room].items():
            first, killed = (_share(found[name], found["tried"]) for name in ("first", "killed"))
            yield f"| `{module}` | {found['places']:,} | {found['tried']} | {first} | {killed} |"
        survivors = [(module, each) for module, found in figures[room].items() for each in found["survivors"]]
        reasons = [HARMLESS.get((module, each["text"], each["change"]), "") for module, each in survivors]
        yield from _listed("Survivors:", survivors, reasons, harmless=False)
        yield from _listed("Survivors that change nothing:", survivors, reasons, harmless=True)
        yield ""


def _listed(title: str, survivors: list[tuple[str, Any]], reasons: list[str], *, harmless: bool) -> Iterator[str]:
    chosen = [(found, why) for found, why in zip(survivors, reasons, strict=True) if bool(why) is harmless]
    if chosen:
        yield from ("", title, "")
    for (module, each), why in chosen:
        yield f"- `{module}:{each['line']}` in `{each['text']}`: {each['change']}{why and f' ({why})'}"


def _share(killed: int, tried: int) -> str:
    return f"{killed / tried:.0%}" if tried else "-"
