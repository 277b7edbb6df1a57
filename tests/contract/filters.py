"""Filters as Langfuse has them: which fit a column, and which rows they let pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.contract.columns import Column, Row
from tests.contract.requests import Refused
from tests.contract.times import nanoseconds

Test = Callable[[Row], bool]

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "contains": lambda value, wanted: wanted in value,
    "does not contain": lambda value, wanted: wanted not in value,
    "starts with": lambda value, wanted: value.startswith(wanted),
    "ends with": lambda value, wanted: value.endswith(wanted),
}
_NUMBER: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, wanted: value == wanted,
    ">": lambda value, wanted: value > wanted,
    "<": lambda value, wanted: value < wanted,
    ">=": lambda value, wanted: value >= wanted,
    "<=": lambda value, wanted: value <= wanted,
}
OPERATORS: dict[str, tuple[str, ...]] = {
    "string": tuple(_TEXT),
    "stringObject": tuple(_TEXT),
    "number": tuple(_NUMBER),
    "numberObject": tuple(_NUMBER),
    "datetime": (">", "<", ">=", "<="),
    "boolean": ("=", "<>"),
    "booleanObject": ("=", "<>"),
    "stringOptions": ("any of", "none of"),
    "categoryOptions": ("any of", "none of"),
    "arrayOptions": ("any of", "none of", "all of"),
    "null": ("is null", "is not null"),
}
_KEPT = 200
_KEYED = ("stringObject", "numberObject", "booleanObject", "categoryOptions")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "stringObject": (str,),
    "number": (int, float),
    "numberObject": (int, float),
    "datetime": (str,),
    "boolean": (bool,),
    "booleanObject": (bool,),
}


def check_shape(filters: Any, code: str) -> list[dict[str, Any]]:
    """Return filters that are of the right shape; refuse others."""
    if not isinstance(filters, list):
        raise Refused(400, "filters must be an array", code, {"field": "filters"})
    for condition in filters:
        kind = condition.get("type") if isinstance(condition, dict) else None
        if kind not in OPERATORS or not isinstance(condition.get("column"), str):
            raise Refused(400, f"no filter: {condition!r}", code, {"field": "filters"})
        if condition.get("operator") not in OPERATORS[kind]:
            allowed = {"field": "operator", "allowedValues": list(OPERATORS[kind])}
            raise Refused(400, f"{kind} knows no {condition.get('operator')!r}", code, allowed)
        if kind in _KEYED and not isinstance(condition.get("key"), str):
            raise Refused(400, f"{kind} needs a key", code, {"field": "key"})
        value = condition.get("value")
        if kind.endswith("Options"):
            fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
        elif kind == "null":
            fits = value in ("", None)
        else:
            fits = isinstance(value, _TYPES[kind]) and isinstance(value, bool) == kind.startswith("boolean")
        if not fits:
            raise Refused(400, f"{kind} does not take {value!r}", code, {"field": "value"})
    return filters


def compile_filters(filters: list[dict[str, Any]], columns: dict[str, Column], code: str) -> list[Test]:
    """Return what each filter asks of a row."""
    return [_compile(condition, columns, code) for condition in filters]


def _compile(condition: dict[str, Any], columns: dict[str, Column], code: str) -> Test:
    column, kind, operator, wanted = (condition.get(name) for name in ("column", "type", "operator", "value"))
    if column == "metadata":
        key = str(condition.get("key"))

        def read(row: Row) -> Any:
            return _first((row.get("metadata") or {}).get(key))

    elif column in columns:
        read = columns[str(column)]
    else:
        known = {"column": column, "allowedValues": [*columns, "metadata"]}
        raise Refused(400, f"Invalid filter column {column}. Must be one of {', '.join(columns)}", code, known)
    if kind in ("string", "stringObject"):
        # A column without a value takes part as an empty text, as it is stored.
        return lambda row: _TEXT[operator](str(read(row) if read(row) is not None else ""), wanted)
    if kind in ("number", "numberObject"):
        return lambda row: read(row) is not None and _NUMBER[operator](float(read(row)), float(wanted))
    if kind == "datetime":
        return lambda row: _NUMBER[operator](float(read(row)), float(nanoseconds(wanted)))
    if kind in ("boolean", "booleanObject"):
        return lambda row: (read(row) == wanted) == (operator == "=")
    if kind == "null":
        return lambda row: (read(row) is None) == (operator == "is null")
    return lambda row: _chooses(_as_list(read(row)), operator, wanted)


def _first(value: Any) -> Any:
    """Return what is kept of a metadata value for filters: the beginning."""
    return value[:_KEPT] if isinstance(value, str) else value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _chooses(values: list[Any], operator: str, wanted: list[str]) -> bool:
    if operator == "all of":
        return all(item in values for item in wanted)
    return any(item in values for item in wanted) == (operator == "any of")
