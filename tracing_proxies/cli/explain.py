"""`tracing-proxies explain`: why a target is traced as it is, or what a code means."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import click

from tracing_proxies.diagnosis.lookup import Lookup, look_up
from tracing_proxies.registry.codes import CODES
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.explanation import Explanation, Setting, explain_target
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.model import Registry, Rule
from tracing_proxies.registry.near_misses import NearMiss, find_near_misses
from tracing_proxies.registry.pointcut import Pointcut, PointcutError, Target

_CODE: Final = re.compile(r"[Tt][Pp][0-9]+")


@click.command()
@click.argument("subject", metavar="TARGET|CODE")
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards.")
@click.option("--import", "importing", is_flag=True, help="Import the target's module: what it inherits, what it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def explain(subject: str, registry: Path | None, importing: bool, as_json: bool) -> None:
    """Explain a code such as TP203, or a target such as shop.agents:PricingAgent.set_price.

    For a target: the rules that match it, the last one first, and each setting with the line that gave it. The exit
    status is 1 if the target is not traced.

    Without --import nothing of the application is imported; what a class inherits, which rules such as Base+.run ask
    for, is not known then.
    """
    if _CODE.fullmatch(subject):
        _explain_code(subject.upper(), as_json)
        return
    target = _parse(subject)
    path = find_registry(registry, os.environ, Path.cwd())
    parsed = load_registry(path)
    found = None
    if importing:
        sys.path[:0] = [str(path.parent), os.getcwd()]
        found = look_up(parsed, target)
    answer = _Answer.of(parsed, target, found)
    if as_json:
        click.echo(json.dumps({"registry": str(path), **answer.document()}, indent=2))
    else:
        click.echo("\n".join(answer.lines()))
    raise SystemExit(0 if answer.is_traced else 1)


def _explain_code(code: str, as_json: bool) -> None:
    about = CODES.get(code)
    if about is None:
        raise click.ClickException(f"there is no code {code}; there are {', '.join(CODES)}")
    if as_json:
        click.echo(json.dumps({"code": code, **attrs.asdict(about)}, indent=2))
        return
    example = "\n".join(f"    {line}" for line in about.example.rstrip("\n").split("\n"))
    click.echo(f"{code} {about.title}\n\n{about.explanation}\n\nFor example:\n\n{example}\n\nInstead: {about.fix}")


def _parse(text: str) -> Target:
    try:
        pointcut = Pointcut.parse(text)
    except PointcutError as error:
        message = f"{error.message}. Name a code such as TP203, or a target such as shop.agents:PricingAgent.set_price."
        raise click.UsageError(message) from None
    if not pointcut.literal or pointcut.name is None:
        message = (
            f"{text!r} is a pattern, and one target is explained at a time. `check --import` lists what rules match."
        )
        raise click.UsageError(message)
    return Target(pointcut.module, pointcut.cls, pointcut.name)


@attrs.frozen
class _Answer:
    """Everything that is said of a target."""

    explanation: Explanation
    misses: tuple[NearMiss, ...]
    found: Lookup | None

    @classmethod
    def of(cls, registry: Registry, target: Target, found: Lookup | None) -> _Answer:
        described = target if found is None else found.target
        explanation = explain_target(registry, described)
        if not explanation.chain and found is not None and found.inherited_from is not None:
            explanation = explain_target(registry, found.inherited_from)
        misses = find_near_misses(registry, described)
        # Besides rules that match, only what is told of exceptions and inheritance is of interest.
        misses = tuple(m for m in misses if not explanation.chain or not m.certain or "except:" in m.reason)
        return cls(explanation, misses, found)

    @property
    def is_traced(self) -> bool:
        found = self.found
        return bool(self.explanation.chain) and (found is None or not (found.problem or found.refused))

    def document(self) -> dict[str, Any]:
        found = self.found
        return {
            "target": str(self.explanation.target),
            "traced": self.is_traced,
            "imported": found is not None,
            "problem": found and found.problem,
            "suggestion": found and found.suggestion,
            "inherited_from": str(found.inherited_from) if found and found.inherited_from else None,
            "refused": found and found.refused,
            "rules": [
                {
                    **attrs.asdict(rule.place),
                    "match": _matching(rule, self.explanation.target),
                    "role": rule.role,
                    "preset": rule.preset,
                }
                for rule in self.explanation.chain
            ],
            "settings": [
                {
                    "key": setting.key,
                    "value": setting.value,
                    "source": setting.source,
                    "name": setting.name,
                    "places": [str(origin.place) for origin in setting.origins],
                }
                for setting in self.explanation.settings
            ],
            "near_misses": [
                {"pattern": miss.pattern, "place": str(miss.place), "reason": miss.reason} for miss in self.misses
            ],
        }

    def lines(self) -> Iterator[str]:
        target, chain, found = self.explanation.target, self.explanation.chain, self.found
        if found is not None and found.problem is not None:
            yield found.problem + (f". Did you mean {found.suggestion!r}?" if found.suggestion else "")
        if found is not None and found.inherited_from is not None:
            yield f"{found.target} is inherited; it is woven where it is defined, as {found.inherited_from}"
        if found is not None and found.refused is not None:
            yield f"{target} cannot be traced: {found.refused}"
        if chain:
            count = "one rule" if len(chain) == 1 else f"{len(chain)} rules; the first of these wins"
            yield f"{target} is matched by {count}:"
            yield from (f"  {_described(rule, target)}" for rule in chain)
            yield "its settings:"
            yield from _settings(self.explanation.settings)
        else:
            yield f"no rule matches {target}" + (":" if self.misses else "")
        for miss in self.misses:
            yield f"  {miss.place}  {miss.pattern}: {miss.reason}"
        if found is None:
            yield "whether it is there and can be traced, --import tells"


def _matching(rule: Rule, target: Target) -> list[str]:
    return [pointcut.text for pointcut in rule.match if pointcut.matches(target)]


def _described(rule: Rule, target: Target) -> str:
    besides = [f"role {rule.role}"] if rule.role else []
    besides += [f"preset {rule.preset}"] if rule.preset else []
    return f"{rule.place}  {', '.join(_matching(rule, target))}" + (f"  ({', '.join(besides)})" if besides else "")


def _settings(settings: tuple[Setting, ...]) -> Iterator[str]:
    shown = [setting for setting in settings if setting.value is not None]
    width = max((len(setting.key) for setting in shown), default=0)
    values = [_text(setting.value) for setting in shown]
    wide = min(40, max(map(len, values), default=0))
    for setting, value in zip(shown, values, strict=True):
        yield f"  {setting.key:<{width}}  {value:<{wide}}  {_source(setting)}"
    unset = [setting.key for setting in settings if setting.value is None]
    if unset:
        yield f"  not set: {', '.join(unset)}"


def _source(setting: Setting) -> str:
    if setting.source == "language":
        return "the language's default"
    places = ", ".join(str(origin.place) for origin in setting.origins)
    name = setting.name or ""
    kind = {"rule": f"preset {name}" if name else "", "role": f"role {name}", "use": f"use: {name}"}.get(
        setting.source, f"{setting.source} {name}".strip()
    )
    return ", ".join(filter(None, (kind, places)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
