"""What a key may take: the reader of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tracing_proxies.registry import expression_kinds, list_kinds, mapping_kinds, quantity_kinds, scalar_kinds
from tracing_proxies.registry.keys import Key
from tracing_proxies.registry.nodes import Node

READERS: Final[dict[str, Callable[[Any, Node, Key], Any]]] = {
    "text": scalar_kinds.read_text,
    "flag": scalar_kinds.read_flag,
    "count": scalar_kinds.read_count,
    "port": scalar_kinds.read_port,
    "version": scalar_kinds.read_version,
    "choice": scalar_kinds.read_choice,
    "choices": list_kinds.read_choices,
    "bytes": quantity_kinds.read_bytes,
    "duration": quantity_kinds.read_duration,
    "interval": quantity_kinds.read_interval,
    "share": quantity_kinds.read_share,
    "sample": quantity_kinds.read_sample,
    "budget": quantity_kinds.read_budget,
    "rate": quantity_kinds.read_rate,
    "keeps": list_kinds.read_keeps,
    "limit": quantity_kinds.read_limit,
    "variable": scalar_kinds.read_variable,
    "command": list_kinds.read_command,
    "file": scalar_kinds.read_file,
    "entry": scalar_kinds.read_entry,
    "when": expression_kinds.read_when,
    "path": expression_kinds.read_path,
    "template": expression_kinds.read_template,
    "value": expression_kinds.read_value,
    "values": mapping_kinds.read_values,
    "mapping": mapping_kinds.read_mapping,
    "headers": mapping_kinds.read_headers,
    "patterns": mapping_kinds.read_patterns,
    "texts": list_kinds.read_texts,
    "files": list_kinds.read_placed_texts,
    "templates": list_kinds.read_templates,
    "pointcuts": list_kinds.read_pointcuts,
}

SCALARS: Final = frozenset(
    (
        "text", "flag", "count", "port", "version", "choice", "bytes", "duration", "interval", "share", "sample",
        "budget", "rate", "file", "entry", "when", "path", "template", "value", "values", "capture",
        "limit", "variable",
    )
)  # fmt: skip
"""The kinds that can be written as one scalar, which a variable of the environment can override."""
