"""The text of a proposed registry, with comments that say why each rule stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from tracing_proxies.scanning.hot import Hot
from tracing_proxies.scanning.proposal import Match, Rule
from tracing_proxies.scanning.survey import Survey

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.*]*:[A-Za-z0-9_.*+]+")
_LOOKS_LIKE_IT: Final = re.compile(r"e?mail|phone|mobile|iban|card|ssn")
_COLUMN: Final = 100
_WIDEST: Final = 160
_MOST_NOTES: Final = 8


def write_registry(survey: Survey) -> str:
    """Write the registry that a survey proposes."""
    return "\n".join(_lines(survey)) + "\n"


def _lines(survey: Survey) -> Iterator[str]:
    proposal = survey.proposal
    yield "# yaml-language-server: $schema=./registry.schema.json"
    command = f"tracing-proxies scan {' '.join(survey.sources)}"
    yield from _comment(f"Proposed by `{command}`, from {_count(survey.files, 'file')}.")
    yield "# Read it, take out what you do not want to see, and try it: tracing-proxies check --import"
    yield "version: 1"
    if proposal.uses:
        yield ""
        yield "use:"
        for name, why in proposal.uses:
            yield _with_comment(f"  - {name}", why)
    yield from _masking(survey.personal)
    if proposal.roles:
        yield ""
        yield "roles:"
        for name, settings in proposal.roles.items():
            if len(settings) < 3:
                yield f"  {name}: {{ {', '.join(settings)} }}"
            else:
                yield f"  {name}:"
                yield from (f"    {setting}" for setting in settings)
    yield ""
    yield "trace:" if proposal.rules else "trace: []"
    head = ""
    for rule in proposal.rules:
        if rule.head != head:
            yield from [""] if head else []
            yield from _comment(rule.head + ".", "  ")
            head = rule.head
        yield from _rule(rule)
    yield from _notes(survey)


def _masking(personal: tuple[str, ...]) -> Iterator[str]:
    if not personal:
        return
    yield ""
    yield from _comment(
        f"Parameters that may hold personal data: {', '.join(personal)}. E-mail addresses, phone and card numbers are "
        "masked by what they look like; names and postal addresses are not, so they are hidden by their keys."
    )
    hidden = [_scalar(name) for name in personal if not _LOOKS_LIKE_IT.search(name)]
    if hidden:
        yield f"masking: {{ hide: [{', '.join(hidden)}] }}"


def _rule(rule: Rule) -> Iterator[str]:
    if len(rule.matches) == 1:
        yield from _match("  - match: ", rule.matches[0])
    else:
        yield "  - match:"
        for match in rule.matches:
            yield from _match("      - ", match)
    for setting in rule.settings:
        yield f"    {setting}"


def _match(start: str, match: Match) -> Iterator[str]:
    line = start + _scalar(match.pattern)
    if len(match.evidence) == 1:
        comment = _with_comment(line, match.evidence[0])
        if len(comment) <= _WIDEST:
            yield comment
            return
    yield line
    for evidence in match.evidence:
        yield from _comment(evidence, " " * len(start))


def _notes(survey: Survey) -> Iterator[str]:
    traced = {candidate.function.key for candidate in survey.candidates}
    hot = [found for found in survey.hot if found.function.key not in traced]
    many = [f"{survey.programs} functions that programs start with; scan one program by itself: scan path/to/it.py"]
    sections = (
        (
            "Agents of packages that were not scanned. Scan them as well, by the package's name.",
            [f"{found.cls} ({found.file}:{found.line})" for found in survey.elsewhere],
        ),
        ("Several programs.", many if survey.programs else []),
        (
            "Small functions that are called in loops. They are left out: their spans would cost more than they tell.",
            [_hot_note(survey, found) for found in hot],
        ),
        (
            "Functions that read their caller's frame. They are left out: before Python 3.12 they cannot be traced.",
            [
                f"{function.target} ({survey.application.file_of(function.module)}:{function.line})"
                for function in survey.frames
            ],
        ),
        (
            "Functions that a web framework, a command line or a queue keeps to itself, where no rule reaches them."
            + (" The preset http traces requests." if any(route.kind == "route" for route in survey.routes) else ""),
            [f"{route.name} ({route.file}:{route.line}), a {route.kind}" for route in survey.routes],
        ),
        ("Files that were not read.", [f"{file}: {reason}" for file, reason in survey.unread]),
        ("Beyond the bounds of the scan.", list(survey.left_out)),
    )
    for title, notes in sections:
        if notes:
            yield ""
            yield from _comment(title)
            for note in notes[:_MOST_NOTES]:
                yield f"#   {_printable(note)}"
            if len(notes) > _MOST_NOTES:
                yield f"#   and {len(notes) - _MOST_NOTES} more"


def _hot_note(survey: Survey, found: Hot) -> str:
    where = f"{survey.application.file_of(found.caller.module)}:{found.line}"
    return f"{found.function.target}, in {found.caller.name} ({where})"


def _with_comment(line: str, comment: str) -> str:
    return f"{line}{' ' * max(2, 60 - len(line))}# {_printable(comment)}"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    words = _printable(text).split(" ")
    line = f"{indent}#"
    for word in words:
        if len(line) + len(word) > _COLUMN + len(indent) and line.strip() != "#":
            yield line
            line = f"{indent}#"
        line += f" {word}"
    yield line


def _printable(text: str) -> str:
    """Replace what a YAML file may not hold, in names of files for instance."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
