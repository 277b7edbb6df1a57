"""Templates, quantities and variables, drawn at random with what they must come to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.fields import MISSING
from tracing_proxies.registry.forms import FORMS
from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.paths import PathError
from tracing_proxies.registry.template import compile_template
from tracing_proxies.registry.units import (
    BYTES,
    NANOSECONDS,
    UnitError,
    parse_bytes,
    parse_duration,
    parse_rate,
    parse_share,
)
from tracing_proxies.registry.written import write_value

ARGS = {"a": "A", "n": 7, "t": True, "none": None, "f": 1.5, "braces": "{args.a}", "list": [1, 2]}
PLACES = [
    ("{args.a}", "A"),
    ("{ args.n }", "7"),
    ("{args.t}", "true"),
    ("{args.none}", "null"),
    ("{args.f | round(0)}", "2.0"),
    ("{args.braces}", "{args.a}"),
    ("{args.absent}", "?"),
    ("{function}", "run"),
    ("{args.list | len}", "2"),
    ("{first(args.absent, 'or }')}", "or }"),
    ("{args['a']}", "A"),
]
fixed = st.text("ab {}$.:'\"é\n", max_size=6).map(lambda text: (text.replace("{", "{{").replace("}", "}}"), text))


@given(st.lists(fixed | st.sampled_from(PLACES), max_size=6))
@settings(max_examples=500)
def test_a_template_is_its_fixed_texts_and_what_its_paths_read(pieces: list[tuple[str, str]]) -> None:
    template = compile_template("".join(written for written, _ in pieces))
    scope: Any = SimpleNamespace(args=ARGS, positional=(), self=MISSING, result=MISSING, error=None, function="run")
    expected = "".join(meant for _, meant in pieces)
    assert template(scope) == expected
    assert template.constant in (None, expected)


@given(st.text("{}args.function'\"\\ |()", max_size=30))
@settings(max_examples=500)
def test_any_text_is_a_template_or_refused_at_a_place_inside(text: str) -> None:
    offset = 0
    try:
        compile_template(text)
    except PathError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


numbers = st.decimals(0, 10**9, places=3, allow_nan=False).map(lambda number: f"{number.normalize():f}")
spaces = st.sampled_from(["", " ", "  "])


@pytest.mark.parametrize(("parse", "units"), [(parse_bytes, BYTES), (parse_duration, NANOSECONDS)])
@given(number=numbers, space=spaces, data=st.data())
def test_a_quantity_is_its_number_times_its_unit(
    parse: Any, units: dict[str, int], number: str, space: str, data: st.DataObject
) -> None:
    unit = data.draw(st.sampled_from(sorted(units)))
    assert parse(f"{space}{number}{space}{unit}{space}") == int(Decimal(number) * units[unit])


@given(number=numbers, space=spaces, unit=st.sampled_from(sorted(NANOSECONDS)))
def test_a_rate_is_its_number_in_its_time(number: str, space: str, unit: str) -> None:
    found: tuple[float, int] | None = None
    try:
        found = parse_rate(f"{number}{space}/{space}{unit}")
    except UnitError:
        assert Decimal(number) == 0
    assert found in (None, (float(number), NANOSECONDS[unit]))


@given(st.decimals(0, 200, places=2))
def test_a_share_is_a_hundredth_of_its_number_up_to_all(percent: Decimal) -> None:
    found: float | None = None
    try:
        found = parse_share(f"{percent}%")
    except UnitError:
        assert percent > 100
    assert found is None or (percent <= 100 and found == float(percent / 100))


@pytest.mark.parametrize("parse", [parse_bytes, parse_duration, parse_share])
@given(text=st.text("0123456789.e-+ %kKMiBmsdµ", max_size=12) | st.text(max_size=12))
def test_a_quantity_that_is_written_back_is_the_same(parse: Any, text: str) -> None:
    try:
        found = parse(text)
    except UnitError:
        return
    written = {
        parse_bytes: lambda: str(write_value(found, "bytes")),
        parse_duration: lambda: str(write_value(found, "duration")),
        parse_share: lambda: f"{Decimal(str(found)) * 100:f}%",
    }
    assert parse(written[parse]()) == found


def parse_sample(text: str) -> Any:
    return parse_rate(text) if "/" in text else parse_share(text)


@pytest.mark.parametrize(
    ("kind", "parse"), [("bytes", parse_bytes), ("duration", parse_duration), ("sample", parse_sample)]
)
@given(
    text=st.from_regex(r"\A ?[0-9]{1,4}(\.[0-9]{1,2})? ?[A-Za-zµ%]{0,3}\Z")
    | st.from_regex(r"\A ?[0-9.]{1,4} ?/? ?(s|min|h|x|%|KiB|)\Z")
)
def test_the_pattern_of_the_schema_takes_the_same_quantities(kind: str, parse: Any, text: str) -> None:
    fits = Draft202012Validator(FORMS[kind].schema(Key("x", (), kind, ""))).is_valid(text)
    try:
        parse(text)
    except UnitError:
        assert not fits
    else:
        assert fits


ENVIRON = {"SET": "value", "EMPTY": "", "ODD": "a: [b] # ${SET} $$ {}"}
VARIABLES = [
    ("${SET}", "value"),
    ("${SET:-other}", "value"),
    ("${EMPTY}", ""),
    ("${EMPTY:-other}", "other"),
    ("${UNSET:-}", ""),
    ("${UNSET:-a $ b: c}", "a $ b: c"),
    ("${ODD}", ENVIRON["ODD"]),
]
plain = st.text("ab {}:#-$é", max_size=6).map(lambda text: (text.replace("$", "$$"), text))


def release_of(written: str, environ: dict[str, str]) -> str | None:
    quoted = written.replace("'", "''")
    text = f"version: 1\nservice: {{ name: x, release: '{quoted}' }}"
    return parse_registry(text, base=Path("/nowhere"), environ=environ).service.release


@given(st.lists(plain | st.sampled_from(VARIABLES), max_size=6))
@settings(max_examples=300)
def test_variables_are_put_where_they_stand(pieces: list[tuple[str, str]]) -> None:
    expected = "".join(meant for _, meant in pieces)
    assert release_of("".join(written for written, _ in pieces), ENVIRON) == (expected or None)


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_whatever_a_variable_holds_is_one_text(value: str) -> None:
    assert release_of("${X}", {"X": value}) == (value or None)
    override = {"TRACING_PROXIES__SERVICE__RELEASE": value}
    assert release_of("y", override) == (value or None)


@given(st.text("${}:-AB_1 ", max_size=20))
@settings(max_examples=300)
def test_any_dollar_and_brace_is_substituted_or_refused_as_a_variable(text: str) -> None:
    codes: set[str] = set()
    try:
        release_of(text, {"A": "1"})
    except RegistryError as error:
        codes = {problem.code for problem in error.problems}
    assert codes <= {"TP111"}
