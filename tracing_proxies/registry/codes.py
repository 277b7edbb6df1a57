"""Every code of a registry's problems, with its title and an example."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    "TP100": ("unreadable file", "The file is missing, is no regular file, cannot be opened or is not UTF-8."),
    "TP101": ("not YAML", "The text is not one YAML document. Example: a key that is indented by a tab."),
    "TP102": (
        "beyond a limit",
        "A file has at most 1 MiB, nests 32 deep, and its aliases expand to at most 10,000 nodes.",
    ),
    "TP103": (
        "YAML tag",
        "Tags are refused, since they name types to construct. Example: `!!python/object:os.system`.",
    ),
    "TP104": ("YAML feature", "Merge keys (`<<`), keys that are no text, and aliases without an anchor are refused."),
    "TP105": ("duplicate key", "A key stands twice in one mapping; YAML would silently keep one of them."),
    "TP106": (
        "split path",
        "YAML ends an unquoted path at `,`, `[` or `]` inside of braces or brackets. "
        'Write `{ x: "first(result.a, result.b)" }`, not `{ x: first(result.a, result.b) }`.',
    ),
    "TP107": (
        "file open to others",
        "Group or others may write to the file, and the process runs as another user than its owner. "
        "Use `chmod go-w registry.yaml`, or let the process's user own it.",
    ),
    "TP108": ("include", "An included file is missing, includes itself, or there are too many of them."),
    "TP109": ("unknown preset", "`use:` names a preset that is neither in `adapters/` nor installed."),
    "TP110": ("version", "`version: 1` is required in every registry file."),
    "TP111": ("unset variable", "`${NAME}` is not set in the environment. Give a default: `${NAME:-dev}`."),
    "TP112": (
        "override",
        "A variable `TRACING_PROXIES__SECTION__KEY` names no scalar of the registry. "
        "Example that works: `TRACING_PROXIES__EXPORT__LOCAL__PATH=/var/lib/traces.db`.",
    ),
    "TP113": ("not available yet", "The key is part of the language, but this version does not act on it."),
    "TP114": ("no registry", "No registry was named, and no `registry.yaml` stands in this folder or above it."),
    "TP201": ("unknown key", "No key of this name exists here. Example: `metdata:` in a rule."),
    "TP202": ("wrong kind of value", "Another kind of value is due here. Example: a list where a text is expected."),
    "TP203": ("no match", "A rule's pattern matched nothing in its module. Example: `retail.tools.*:chrage`."),
    "TP204": (
        "pointcut",
        "The pattern is not of the form `module:[Class[+].]name`. Example: `retail.agents.Base.run`.",
    ),
    "TP205": ("path", "The expression has a mistake. Example: `result.status = 'failed'` (write `==`)."),
    "TP206": ("template", "The template has a mistake. Example: a brace that is not closed."),
    "TP207": ("quantity", "A quantity needs a number and a unit. Example: `max_bytes: 8192` (write `8KiB`)."),
    "TP208": ("choice", "The value is not one of those that the key can have. Example: `observation: agnt`."),
    "TP209": ("unknown role", "A rule names a role that no `roles:` block defines."),
    "TP210": (
        "hidden field",
        "A path reads a field that is to stay hidden. Pipe it to `hash`, as in `args.token | hash`, or leave it out.",
    ),
    "TP211": ("condition", 'A `when:` has a mistake. Example that works: `package("strands-agents") >= "1.2"`.'),
    "TP212": ("missing key", "A key that is required here is missing. Example: a rule without `match:`."),
    "TP213": ("out of place", "The key stands where it has no effect, as `fold:` outside of a preset file."),
    "TP214": (
        "unknown parameter",
        "A path reads `args.<name>`, and nothing that its rule traces has a parameter of that name, so that it would "
        "always be absent. Example: `args.trigger_type` of `def handle(self, trigger)` (write `args.trigger.type`).",
    ),
    "TP215": (
        "not there yet",
        "A key that is read before the call reads its result or its error. Example: `session: result.id`. Read it from "
        "the arguments, or record it as `metadata:`, which may read both.",
    ),
}
