"""The stages of a validation: what each runs, at length and quickly, and what of its output is kept."""

from __future__ import annotations

from typing import Final

import attrs

_PYTEST: Final = (
    "{python} -m pytest -n auto --dist loadfile -p no:cacheprovider -o junit_family=xunit1 --junitxml {out}/"
)
_DOCS: Final = "{python} -m docs; "
_ALERTS: Final = "tests/monitoring"
_PAGE: Final = "tests/viewer"


@attrs.frozen
class Stage:
    """One stage.

    Args:
        name: what it is called on the command line and in the report.
        what: what it does, for the display.
        command: lines of shell, run in the clone; ``{bin}`` is where its environment's programs are, ``{python}`` its
            interpreter, ``{out}`` the folder of the outputs.
        quick: the same with smaller parameters; None: a quick run leaves it out.
        kept: files of the clone that are kept with the outputs.
        beside: whether it runs beside those that come after it, since neither measures by a clock.
    """

    name: str
    what: str
    command: str
    quick: str | None
    kept: tuple[str, ...] = ()
    beside: bool = False


STAGES: Final = (
    Stage(
        "demo",
        "the retail example, traced into a local store",
        "{bin}/tracing-proxies demo --registry registry.yaml --store {out}/demo.db",
        "{bin}/tracing-proxies demo --registry registry.yaml --store {out}/demo.db",
        kept=("demo-report.html",),
    ),
    Stage(
        "bench",
        "what a call costs",
        "{python} -m perf",
        "{python} -m perf --rounds 20",
        kept=("perf/report.json", "perf/report.md"),
    ),
    Stage(
        "throughput",
        "what a delivered span costs",
        "{python} -m perf.throughput",
        "{python} -m perf.throughput --spans 4000 --size 100 --tracer local --tracer langfuse",
        kept=("perf/throughput.json", "perf/throughput.md"),
    ),
    Stage(
        "load",
        "the retail example under stress, within its budget",
        "{python} -m perf.budget",
        "{python} -m perf.budget --copies 4 --seconds 15 --launches 1 --rounds 4 --slow-launches 1 --slow-rounds 1",
        kept=("perf/load.json", "perf/load.md"),
    ),
    Stage(
        "soak",
        "an hour in which everything around it changes",
        "{python} -m perf.soak --into {out}",
        None,
        beside=True,
    ),
    Stage(
        "outage",
        "a server that is away in six ways",
        "rm -f perf/outage.json; {python} -m perf.outage",
        "rm -f perf/outage.json; {python} -m perf.outage --seconds 5",
        kept=("perf/outage.json", "perf/outage.md"),
    ),
    Stage(
        "outage-long",
        "a server that is away for ten minutes",
        "{python} -m perf.outage --minutes 10",
        "{python} -m perf.outage --minutes 1.5",
        kept=("perf/outage.json", "perf/outage.md"),
    ),
    Stage(
        "tests",
        "every test, but those of alerts and of the page; before them the pages are made from the figures of this run",
        f"{_DOCS}{_PYTEST}tests.xml --ignore {_ALERTS} --ignore {_PAGE}",
        f"{_DOCS}{_PYTEST}tests.xml tests/docs_pages tests/registry tests/weaving/test_undo.py "
        "tests/application/test_undo.py",
    ),
    Stage(
        "alerts",
        "alerts that fire and resolve, and what watches them",
        f"{_PYTEST}alerts.xml {_ALERTS}",
        f"{_PYTEST}alerts.xml {_ALERTS}/test_alert_states.py",
    ),
    Stage(
        "page",
        "the page and the report, in a browser",
        f"{_PYTEST}page.xml {_PAGE}",
        f"{_PYTEST}page.xml {_PAGE}/test_demo.py",
    ),
    Stage(
        "dashboards",
        "Langfuse's dashboards, made twice and filled by the example",
        "{python} -m perf.validation.boards {out}",
        "{python} -m perf.validation.boards {out}",
    ),
    Stage(
        "downstream",
        "other libraries' own tests, woven",
        "{python} -m tests.downstream --work {out}/downstream",
        "{python} -m tests.downstream --part --rounds 1 --no-reference --work {out}/downstream toolz tenacity",
    ),
    Stage(
        "mutants",
        "changes that the tests have to notice",
        "rm -f tests/mutants/results.json; {python} -m tests.mutants --most 3",
        "rm -f tests/mutants/results.json; {python} -m tests.mutants --most 2 sampling",
        kept=("tests/mutants/results.json",),
    ),
)
NAMES: Final = tuple(stage.name for stage in STAGES)
