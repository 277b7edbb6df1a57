"""A whole scan: read the files, find what should be traced, and propose a registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from tracing_proxies.registry.presets import preset_names
from tracing_proxies.scanning.agents import agent_classes, find_agents
from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.candidates import KINDS, Candidate
from tracing_proxies.scanning.elsewhere import Elsewhere, find_elsewhere
from tracing_proxies.scanning.entries import Route, find_handlers, find_mains, find_routes
from tracing_proxies.scanning.facts import FunctionFacts
from tracing_proxies.scanning.files import MOST_FILES
from tracing_proxies.scanning.hot import Hot, find_hot
from tracing_proxies.scanning.idioms import PERSONAL
from tracing_proxies.scanning.models import find_models
from tracing_proxies.scanning.modules import LONGEST, Progress, read_modules
from tracing_proxies.scanning.orchestrators import find_orchestrators
from tracing_proxies.scanning.proposal import Proposal, propose
from tracing_proxies.scanning.tools import Covered, find_tools
from tracing_proxies.scanning.usage import Usage, find_usage

# More main functions than this are a collection of examples, not an application.
_MOST_PROGRAMS: Final = 12


@attrs.frozen
class Survey:
    """What a scan found.

    Args:
        sources: what was scanned.
        files: how many files were read.
        unread: files that could not be read, each with the reason.
        left_out: what the scan's bounds kept out.
        elsewhere: agents that come from packages that were not scanned.
        programs: how many programs there are, if they are too many for rules of their own; else 0.
        folders: the folders that have to be on the path, each with the modules that are imported from it.
        covered: tools that frameworks' own rules trace.
        routes: functions that web frameworks, command lines and queues keep to themselves.
        hot: leaf functions that are called in loops.
        frames: functions that read their caller's frame.
        personal: parameters of proposed functions that may hold personal data.
        acting: modules that run something when they are imported, with the line.
    """

    sources: tuple[str, ...]
    files: int
    unread: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    programs: int
    elsewhere: tuple[Elsewhere, ...]
    folders: tuple[tuple[Path, frozenset[str]], ...]
    usage: Usage
    candidates: tuple[Candidate, ...]
    covered: tuple[Covered, ...]
    routes: tuple[Route, ...]
    hot: tuple[Hot, ...]
    frames: tuple[FunctionFacts, ...]
    personal: tuple[str, ...]
    acting: tuple[tuple[str, int], ...]
    proposal: Proposal
    application: Application


def survey(
    sources: Sequence[Path],
    *,
    most_files: int = MOST_FILES,
    longest: float = LONGEST,
    progress: Progress | None = None,
) -> Survey:
    """Scan folders and files; nothing of them is imported or run.

    Args:
        sources: where to look.
        most_files: how many files are read.
        longest: seconds after which no more files are read.
        progress: told how many of how many files were read.

    Raises:
        FileNotFoundError: one of them is neither a folder nor a file.
    """
    modules = read_modules(sources, most_files=most_files, longest=longest, progress=progress)
    application = Application(modules.read)
    usage = find_usage(application, preset_names())
    classes = agent_classes(application, usage)
    tools, covered = find_tools(application, usage)
    found = [*tools, *find_models(application, usage), *find_agents(application, usage, classes)]
    asked = {candidate.function.key for candidate in found if candidate.kind == "agent"}
    found += find_orchestrators(application, usage, classes, asked)
    work = {candidate.function.key for candidate in found}
    elsewhere = find_elsewhere(application, usage)
    handlers = list(find_handlers(application, work))
    if not handlers:
        makes_agents = bool(elsewhere) or any(used.framework.agents for used in usage.frameworks)
        handlers = list(find_mains(application, work, makes_agents))
    programs = len(handlers) if len(handlers) > _MOST_PROGRAMS else 0
    if programs:
        handlers = []
    candidates = _once([*found, *handlers])
    hot = tuple(find_hot(application))
    return Survey(
        sources=tuple(map(str, sources)),
        files=len(modules.read),
        unread=modules.unread,
        left_out=modules.left_out,
        programs=programs,
        elsewhere=elsewhere,
        folders=modules.folders,
        usage=usage,
        candidates=tuple(candidates),
        covered=tuple(covered),
        routes=tuple(find_routes(application)),
        hot=hot,
        frames=tuple(function for function in application.functions() if function.reads_frames),
        personal=tuple(sorted({p for c in candidates for p in c.function.parameters if PERSONAL.search(p)})),
        acting=tuple((m.name, m.acts) for m in application.modules.values() if m.acts and not m.guarded),
        proposal=propose(application, usage, candidates, covered, hot),
        application=application,
    )


def _once(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Keep the first candidate of each function, of those that a rule can name, kind by kind in the order of files."""
    found: dict[tuple[str, str | None, str], Candidate] = {}
    for candidate in candidates:
        found.setdefault(candidate.function.key, candidate)
    return sorted(found.values(), key=lambda candidate: KINDS.index(candidate.kind))
