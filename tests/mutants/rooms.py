"""Which modules are mutated, and which tests are to notice."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGE: Final = ROOT / "tracing_proxies"


@attrs.frozen
class Room:
    """Modules that the same tests are for.

    Args:
        modules: their paths below ``tracing_proxies``; globs.
        tests: test files or folders, those that fail soonest first; the room's own, and none that takes long.
        left_out: options of pytest that leave out what takes long or looks at something else.
        without: modules that the globs name and that are not mutated.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """List the modules, by their paths from the root of the checkout."""
        found = {str(file.relative_to(ROOT)) for pattern in self.modules for file in _PACKAGE.glob(pattern)}
        return sorted(found - {f"tracing_proxies/{name}" for name in self.without})


_MASKING: Final = tuple(
    f"tests/masking/{name}"
    for name in (
        "test_checks.py",
        "test_engine.py",
        "test_names.py",
        "detectors",
        "test_strategies.py",
        "test_spans.py",
        "test_fragments.py",
        "test_keys.py",
        "test_hostile.py",
        "test_text.py",
        "test_known.py",
    )
)

ROOMS: Final[dict[str, Room]] = {
    "sampling": Room(
        modules=("sampling/rule.py", "sampling/verdict.py", "sampling/keys.py"),
        tests=("tests/sampling/test_verdict.py", "tests/sampling/test_rule.py", "tests/sampling/test_keys.py"),
        left_out=("-k", "not million"),
    ),
    "spool": Room(
        modules=("delivery/spool/*.py",),
        tests=("tests/delivery/spool", "tests/delivery/test_spool_room.py"),
        left_out=("-k", "not hundred_thousand"),
    ),
    # `deeper` asks another engine, which is not everywhere; `explaining` and `sensitive` speak to people.
    "masking": Room(
        modules=("masking/*.py",),
        tests=_MASKING,
        left_out=("-k", "not (memory_for or processes_that_share or vendors_key or million_characters)"),
        without=("masking/deeper.py", "masking/explaining.py", "masking/sensitive.py"),
    ),
    "detectors": Room(
        modules=("masking/detectors/*.py",),
        tests=(
            "tests/masking/test_checks.py",
            "tests/masking/detectors",
            "tests/masking/test_text.py",
            "tests/masking/test_engine.py",
            "tests/masking/test_fragments.py",
            "tests/masking/test_hostile.py",
        ),
        left_out=("-k", "not million_characters"),
    ),
}
