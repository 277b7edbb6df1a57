"""What a function's results say of decisions and errors, as far as its annotations and returned dicts tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tracing_proxies.registry.hidden import NAMES
from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import FunctionFacts

_OUTCOMES: Final[dict[str, tuple[str, ...]]] = {
    "decision": ("decision", "action", "action_type", "verdict", "choice", "next_action"),
    "confidence": ("confidence", "confidence_score", "certainty", "score"),
    "rationale": ("rationale", "reasoning", "reason", "explanation", "justification"),
    "status": ("status", "state", "exit_status"),
}
_BAD: Final = ("error", "errors", "failed", "failure", "timeout", "timed_out", "rejected", "invalid", "aborted")
_MESSAGES: Final = ("error", "error_message", "message", "reason", "detail")
_LONGEST_WAY: Final = 3


def outcome_lines(application: Application, functions: Iterable[FunctionFacts]) -> tuple[str, ...]:
    """Write the settings by which a rule tells decisions and returned errors of some functions."""
    answers: dict[str, set[Any]] = defaultdict(set)
    for function in functions:
        for key, values in _answers(application, function):
            answers[key] |= values
    lines = []
    bad = sorted({value for value in answers.get("status", ()) if value in _BAD}, key=_BAD.index)
    conditions = [_is_one_of("result.status", bad)] if bad else []
    for name in ("success", "ok"):
        if False in answers.get(name, ()):
            conditions.append(f"result.{name} == false")
    if conditions:
        lines.append(f"error_when: '{' or '.join(conditions)}'")
        messages = [f"result.{name}" for name in _MESSAGES if name in answers]
        if messages:
            lines.append(f"error_message: {_first(messages)}")
    found = {
        name: [f"result.{key}" for key in keys if key in answers and key not in NAMES]
        for name, keys in _OUTCOMES.items()
    }
    pairs = [f"{name}: {_first(paths, quoted=True)}" for name, paths in found.items() if paths]
    if pairs:
        lines.append(f"outcome: {{ {', '.join(pairs)} }}")
    return tuple(lines)


def _answers(application: Application, function: FunctionFacts) -> Iterator[tuple[str, frozenset[Any]]]:
    """Yield the keys of what a function returns, of its annotated class as well, and of what it only passes on."""
    for _ in range(_LONGEST_WAY):
        yield from function.answers.items()
        for name in function.returns:
            cls = application.find_class(function.module, name)
            if cls is not None:
                yield from ((field, frozenset()) for field in cls.fields)
        cls = application.class_of(function)
        following = application.find_function(function.module, function.delegate, cls) if function.delegate else None
        if following is None:
            return
        function = following


def parameter_lines(function: FunctionFacts, sessions: Iterable[str], users: Iterable[str]) -> tuple[str, ...]:
    """Write the settings that take a session and a user from a function's parameters."""
    lines: Mapping[str, str | None] = {
        "session": next((name for name in sessions if name in function.parameters), None),
        "user": next((name for name in users if name in function.parameters), None),
    }
    return tuple(f"{key}: args.{name}" for key, name in lines.items() if name is not None)


def _first(paths: list[str], *, quoted: bool = False) -> str:
    if len(paths) == 1:
        return paths[0]
    text = f"first({', '.join(paths)})"
    return f'"{text}"' if quoted else text


def _is_one_of(path: str, values: list[str]) -> str:
    quoted = [f'"{value}"' for value in values]
    return f"{path} == {quoted[0]}" if len(quoted) == 1 else f"{path} in [{', '.join(quoted)}]"
