"""The list of licences is what the installed distributions say, and none binds an application that is traced."""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from docs.licences import PAGE, brought_along, licence_of, required

TEXT = PAGE.read_text("utf-8")
LISTED = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.+) \|$", TEXT, re.MULTILINE))
LISTED.pop("distribution", None)


def test_all_that_is_asked_for_is_listed_and_what_is_listed_is_asked_for_or_brought_along() -> None:
    asked = {name for names in required().values() for name in names}
    assert asked <= LISTED.keys()
    for extra, names in required().items():
        heading = f"## With `[{extra}]`" if extra else "## With every installation"
        chapter = TEXT.partition(heading)[2].partition("\n## ")[0]
        direct = chapter.partition("These bring along:")[0]
        assert sorted(re.findall(r"^\| (?!distribution)([a-z0-9-]+) \|", direct, re.MULTILINE)) == names


@pytest.mark.parametrize("name", sorted(LISTED))
def test_a_licence_is_the_one_that_the_distribution_tells(name: str) -> None:
    told = licence_of(name)
    if told is None:
        pytest.skip(f"{name} is not installed here")
    assert told == LISTED[name], "run `make licences`"
    assert told != "unknown"


def test_nothing_that_every_installation_brings_is_under_a_licence_that_spreads() -> None:
    names = [*required()[""], *brought_along()]
    assert len(names) > 20
    for name in names:
        told = licence_of(name)
        if told is not None:
            assert not re.search(r"\b(?:A|L)?GPL|General Public", told), f"{name}: {told}"


def test_a_distribution_that_is_not_there_has_no_licence() -> None:
    assert licence_of("no-such-distribution-here") is None
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version("no-such-distribution-here")
