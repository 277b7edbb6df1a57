"""From what was found to the rules of a registry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import AGENT, CHAIN, ENTRY, KINDS, MODEL, STEP, TOOL, Candidate
from tracing_proxies.scanning.hot import Hot
from tracing_proxies.scanning.idioms import SELF_NAMES, SESSION, TOOL_METHOD, USER
from tracing_proxies.scanning.installed import find_installed, find_package
from tracing_proxies.scanning.outcomes import outcome_lines, parameter_lines
from tracing_proxies.scanning.patterns import Patterns
from tracing_proxies.scanning.tools import Covered
from tracing_proxies.scanning.usage import Usage, Used

_HEADS: Final = {
    ENTRY: "Where work enters: each call is a trace of its own",
    CHAIN: "What makes agents work together",
    AGENT: "The agents",
    STEP: "The steps that an agent takes",
    TOOL: "The tools",
    MODEL: "The questions to models",
}
_ROLES: Final = {
    ENTRY: ("root: true", "observation: chain"),
    CHAIN: ("observation: chain",),
    AGENT: ("observation: agent",),
    STEP: ("observation: chain",),
    TOOL: ("observation: tool",),
    MODEL: ("observation: generation",),
}
_NAMES: Final = {ENTRY: "entry", CHAIN: "chain", AGENT: "agent", STEP: "step", TOOL: "tool", MODEL: "model"}
_QUIET: Final = ("capture: none", "min_duration: 1ms")
_MOST_SHOWN: Final = 3
# A function that looks at its caller's frame is refused where nothing hides a proxy from it.
_FRAMES_GATE: Final = 'python >= "3.12"'


@attrs.frozen
class Match:
    """One pattern of a rule.

    Args:
        evidence: why it stands there, with files and lines.
        targets: what it was written for.
    """

    pattern: str
    evidence: tuple[str, ...]
    targets: tuple[str, ...] = ()


@attrs.frozen
class Rule:
    """One rule that is proposed.

    Args:
        head: a sentence that stands above it.
        settings: lines of YAML below its patterns.
    """

    head: str
    matches: tuple[Match, ...]
    settings: tuple[str, ...]


@attrs.frozen
class Proposal:
    """What a registry is written from.

    Args:
        uses: presets, each with why it is used.
        roles: lines of settings by name.
    """

    uses: tuple[tuple[str, str], ...]
    roles: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]


def propose(
    application: Application,
    usage: Usage,
    candidates: Sequence[Candidate],
    covered: Sequence[Covered],
    hot: Sequence[Hot],
) -> Proposal:
    """Make rules of what was found.

    Args:
        candidates: each function once.
        covered: the tools that frameworks' own rules trace.
        hot: the leaf functions that are called in loops.
    """
    rules: list[Rule] = []
    for used in usage.frameworks:
        if used.preset is None:
            rules += _hook_rules(application, used, covered)
    often = {found.function.key: found for found in hot}
    quiet: list[Candidate] = []
    loud: list[Candidate] = []
    for candidate in candidates:
        is_quiet = candidate.function.key in often and candidate.kind in (STEP, TOOL)
        (quiet if is_quiet else loud).append(candidate)
    patterns = Patterns(application)
    roles: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        of_kind = [candidate for candidate in loud if candidate.kind == kind]
        if of_kind:
            roles[_NAMES[kind]] = _role(kind, of_kind) + _common_settings(application, kind, of_kind)
            rules += _kind_rules(application, patterns, kind, of_kind)
    for candidate in sorted(quiet, key=lambda candidate: candidate.function.target):
        roles.setdefault(_NAMES[candidate.kind], _role(candidate.kind, [candidate]))
        rules.append(_quiet_rule(application, candidate, often[candidate.function.key]))
    uses = [
        (used.preset, f"imported in {application.file_of(used.evidence)}") for used in usage.frameworks if used.preset
    ]
    uses += [(name, f"for what {application.file_of(owner)} does") for name, owner in usage.presets]
    return Proposal(tuple(uses), {name: roles[name] for name in _NAMES.values() if name in roles}, tuple(rules))


def _role(kind: str, candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return what a role says: tools go by their function's name, unless that says nothing without the class."""
    speaks = not any(found.function.cls and TOOL_METHOD.fullmatch(found.function.name) for found in candidates)
    return (*_ROLES[kind], 'name: "{function}"') if kind == TOOL and speaks else _ROLES[kind]


def _kind_rules(application: Application, patterns: Patterns, kind: str, candidates: list[Candidate]) -> list[Rule]:
    """Make the rules of one kind: patterns whose calls are told in the same way share one."""
    by_settings: dict[tuple[str, ...], list[Match]] = defaultdict(list)
    for pattern, members in patterns.cover(candidates).items():
        settings = _settings(application, kind, members)
        by_settings[settings].append(
            Match(pattern, _evidence(application, members), tuple(member.function.target for member in members))
        )
    return [
        Rule(_HEADS[kind], tuple(matches), (f"role: {_NAMES[kind]}", *settings))
        for settings, matches in sorted(by_settings.items(), key=lambda item: item[1][0].pattern)
    ]


def _common_settings(application: Application, kind: str, members: Sequence[Candidate]) -> tuple[str, ...]:
    """Write what holds for all tools, whichever of them it was read from: a value that is missing does no harm."""
    return outcome_lines(application, [member.function for member in members]) if kind == TOOL else ()


def _settings(application: Application, kind: str, members: Sequence[Candidate]) -> tuple[str, ...]:
    functions = [member.function for member in members]
    lines: list[str] = []
    if kind == AGENT:
        name = _self_name(application, members)
        if name is not None:
            lines.append(f'name: "{{self.{name}}}"')
    if kind in (ENTRY, CHAIN) and len(functions) == 1:
        lines += parameter_lines(functions[0], SESSION, USER)
    if kind not in (MODEL, TOOL):
        lines += outcome_lines(application, functions)
    return tuple(lines)


def _self_name(application: Application, members: Sequence[Candidate]) -> str | None:
    """Find the attribute by which all of some agents name themselves."""
    for name in SELF_NAMES:
        owners = [application.class_of(member.function) for member in members]
        if all(
            cls is not None and any(name in each.attributes for each in (cls, *application.ancestors(cls)))
            for cls in owners
        ):
            return name
    return None


def _quiet_rule(application: Application, candidate: Candidate, hot: Hot) -> Rule:
    where = f"{application.file_of(hot.caller.module)}:{hot.line}"
    head = f"A small function that is called in a loop ({where}): without payload, and only when it takes long"
    match = Match(candidate.function.target, _evidence(application, [candidate]), (candidate.function.target,))
    return Rule(head, (match,), (f"role: {_NAMES[candidate.kind]}", *_QUIET))


def _hook_rules(application: Application, used: Used, covered: Sequence[Covered]) -> list[Rule]:
    framework = used.framework
    installed = any(find_package(name) is not None for name in framework.imports)
    how = "called" if framework.calls else "imported"
    head = f"What {framework.distribution} does, {how} in {application.file_of(used.evidence)}"
    if not installed:
        head += ". It is not installed here, so these patterns could not be tried"
    rules = []
    told = _covered_evidence(used, covered)
    for hook in framework.hooks:
        evidence, told = (told, ()) if hook.kind == "tool" else ((), told)
        found: list[Match] = []
        gates = [] if installed else [f'package("{framework.distribution}") >= "0"']
        for alternatives in hook.match:
            names = alternatives.split("|")
            there = [name for name in names if find_installed(name) is not None]
            chosen = next(iter(there if installed else names), None)
            if chosen is not None:
                found.append(Match(chosen, evidence if not found else ()))
                function = find_installed(chosen)
                looks = hook.frames or (function is not None and function.reads_frames)
                if looks and _FRAMES_GATE not in gates:
                    gates.append(_FRAMES_GATE)
        when = (f"when: '{' and '.join(gates)}'",) if gates else ()
        if found:
            rules.append(Rule(head, tuple(found), (*when, *hook.settings)))
    return rules


def _covered_evidence(used: Used, covered: Sequence[Covered]) -> tuple[str, ...]:
    mine = [tool for tool in covered if tool.used.framework is used.framework]
    return _shorten(f"{tool.name.partition(':')[2]} ({tool.file}:{tool.line})" for tool in mine)


def _evidence(application: Application, members: Sequence[Candidate]) -> tuple[str, ...]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for member in members:
        function = member.function
        by_reason[member.why].append(f"{application.file_of(function.module)}:{function.line}")
    return _shorten(f"{why} ({places[0]}{_more(places)})" for why, places in by_reason.items())


def _more(places: Sequence[str]) -> str:
    return f" and {len(places) - 1} more" if len(places) > 1 else ""


def _shorten(lines: Iterable[str]) -> tuple[str, ...]:
    found = list(dict.fromkeys(lines))
    if len(found) > _MOST_SHOWN + 1:
        found = [*found[:_MOST_SHOWN], f"and {len(found) - _MOST_SHOWN} more"]
    return tuple(found)
