"""`tracing-proxies mask` and `unmask`: try masking on one's own data, and read again what was encrypted."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click
from rich.console import Console
from rich.text import Text

from tracing_proxies.errors import ActivationError, RegistryError
from tracing_proxies.finishing import make_masker, masker_with, masking_key
from tracing_proxies.masking import Masker
from tracing_proxies.masking.detectors import pem
from tracing_proxies.masking.explaining import MAX_JSON, Masked, explain
from tracing_proxies.masking.markers import compile_markers
from tracing_proxies.registry.discovery import find_registry
from tracing_proxies.registry.loader import load_registry
from tracing_proxies.registry.masking import MaskingSettings

_LARGEST: Final = 256 * 2**20
_WIDEST: Final = 40


@attrs.frozen
class _Line:
    """One line, or a whole document, as it was masked; ``number`` counts from 1, 0 for a document."""

    number: int
    text: str
    places: Sequence[Masked]

    def place_of(self, masked: Masked) -> str:
        return ", ".join(filter(None, (f"line {self.number}" if self.number else "", masked.place)))


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--registry", type=click.Path(path_type=Path), help="The registry; else the next one upwards, if any.")
@click.option("--values", is_flag=True, help="Show what stood there, too.")
@click.option("--check", "checking", is_flag=True, help="End with 1 if anything would be masked.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def mask(file: Path, registry: Path | None, values: bool, checking: bool, as_json: bool) -> None:
    """Show what of a file would be masked, and why. - reads the standard input.

    A document of JSON, or of JSON lines, is masked by its keys; any other text line by line, private keys as a whole.
    What stood there is not repeated, unless --values asks for it.

    \b
    The exit status is
      0  it was shown; with --check: and there was nothing to mask
      1  with --check: something would be masked; or the registry has mistakes
      2  the file cannot be read
    """
    text = _read(file)
    masker = _masker(registry)
    lines = _mask(masker, text)
    found = sum(len(line.places) for line in lines)
    if as_json:
        click.echo(json.dumps(_document(lines, values), ensure_ascii=False, indent=2))
    else:
        _tell(lines, values)
    raise SystemExit(1 if checking and found else 0)


@click.command()
@click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
def unmask(file: Path) -> None:
    """Print a text with what masking has encrypted in it, in the clear. - reads the standard input.

    The masking key is that of the environment: TRACING_PROXIES_MASKING_KEY, or the file that
    TRACING_PROXIES_MASKING_KEY_FILE names. Pseudonyms cannot be turned back, by anybody.

    \b
    The exit status is
      0  everything that was encrypted could be read
      1  something was encrypted with another key, or there is no key
      2  the file cannot be read
    """
    text = _read(file)
    refused: list[int] = []
    click.echo(masking_key(os.environ).unmask(text, lambda: refused.append(1)), nl=False)
    if refused:
        click.echo(f"{len(refused)} not readable with this key", err=True)
        raise SystemExit(1)


def _read(file: Path) -> str:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with file.open("rb") as stream:
                content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read ({os.strerror(error.errno or 0)})") from None
    if len(content) > _LARGEST:
        raise click.UsageError(f"{file} has more than {_LARGEST // 2**20} MiB")
    return content.decode("utf-8", "replace")


def _masker(registry: Path | None) -> Masker:
    try:
        path = find_registry(registry, os.environ, Path.cwd())
    except RegistryError:
        if registry is not None:
            raise
        click.echo("no registry here: what holds without one is shown", err=True)
        return Masker(MaskingSettings())
    parsed = load_registry(path)
    try:
        return make_masker(parsed, os.environ)
    except ActivationError as error:
        click.echo(f"{error}\nplain markers are shown in place of what needs it", err=True)
        return masker_with(parsed, None)


def _mask(masker: Masker, text: str) -> list[_Line]:
    if text.lstrip()[:1] in ("{", "[") and len(text) <= MAX_JSON:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return [_Line(0, *explain(masker, text.strip()))]
    return [_Line(number, *explain(masker, piece)) for number, piece in _pieces(text)]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield what is masked by itself, with the number of its first line: a line, or those that a private key takes."""
    keys = [(start, end) for start, end, _ in pem.read(text, text, ())][::-1]
    begin = at = 0
    first = 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        at += len(line)
        while keys and keys[-1][1] <= at:
            keys.pop()
        if keys and keys[-1][0] < at:
            continue
        yield first, text[begin : at - len(line)] + line.splitlines()[0]
        begin, first = at, number + 1


def _document(lines: list[_Line], values: bool) -> dict[str, Any]:
    return {
        "masked": "\n".join(line.text for line in lines),
        "places": [
            {
                "line": line.number or None,
                "place": masked.place,
                "by": masked.by,
                "why": masked.why,
                "strategy": masked.strategy.name.lower(),
                "characters": len(masked.value),
                "instead": masked.instead,
                **({"value": masked.value} if values else {}),
            }
            for line in lines
            for masked in line.places
        ],
    }


def _tell(lines: list[_Line], values: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    marker = compile_markers({masked.instead.strip("[]") for line in lines for masked in line.places})
    for line in lines:
        shown = Text(_plain(line.text))
        shown.highlight_regex(marker, "bold magenta")
        console.print(shown)
    rows = [(line.place_of(masked), masked) for line in lines for masked in line.places]
    console.print()
    width = max((len(place) for place, _ in rows), default=0)
    for place, masked in rows:
        row = Text(f"{place:<{width}}  ", "dim")
        row.append(f"{masked.by:<16}", "cyan")
        row.append(f" {len(masked.value):>4} characters -> ")
        row.append(_plain(masked.instead) or "nothing", "bold magenta")
        row.append(f"   {masked.why}")
        if values:
            row.append(f": {_plain(masked.value[:_WIDEST])}{'…' if len(masked.value) > _WIDEST else ''}", "yellow")
        console.print(row)
    counts = Counter(masked.by for _, masked in rows)
    by = ", ".join(f"{count} by {name}" for name, count in counts.most_common())
    console.print(Text(f"{len(rows)} masked: {by}" if rows else "nothing to mask", "bold"))


def _plain(text: str) -> str:
    """Take what would steer a terminal out of a text."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
