"""Every code of a registry's problems: what it means, an example of the mistake, and how to put it right."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Code:
    """One kind of mistake.

    Args:
        title: what it is called.
        explanation: what is wrong, and why it is refused.
        example: a registry that has the mistake, or what leads to it.
        fix: what to do.
    """

    title: str
    explanation: str
    example: str
    fix: str


def _rule(*lines: str) -> str:
    return "version: 1\ntrace:\n" + "".join(f"  {line}\n" for line in lines)


CODES: Final[dict[str, Code]] = {
    "TP100": Code(
        "unreadable file",
        "The file is missing, is no regular file, cannot be opened, or is not UTF-8.",
        "tracing-proxies check no-such-file.yaml",
        "Correct the name, give the process's user the right to read it, or save it as UTF-8 in your editor.",
    ),
    "TP101": Code(
        "not YAML",
        "The text is not one YAML document. The place is where the reader could go no further; the mistake is often in "
        "the line before.",
        "version: 1\nservice:\n\tname: shop\n",
        "Indent by spaces, close every quote and bracket, and keep to one document, without `---` in between.",
    ),
    "TP102": Code(
        "beyond a limit",
        "A file has at most 1 MiB and nests 32 deep, its aliases expand to at most 10,000 nodes, and a value has at "
        "most 65,536 characters after substitution. The limits keep a hostile file from using up memory.",
        "version: 1\nservice: { name: " + "[" * 40 + "]" * 40 + " }\n",
        "Split a large file by `include:`; give the rules one pattern with a `*` in place of many.",
    ),
    "TP103": Code(
        "YAML tag",
        "Tags name types to construct, which would let a file run code. None is allowed.",
        "version: 1\nservice: { name: !!python/object:os.system shop }\n",
        "Write the value without `!…`.",
    ),
    "TP104": Code(
        "YAML feature",
        "Merge keys (`<<`), keys that are no text, and aliases without an anchor before them are not part of the "
        "language.",
        "version: 1\nroles:\n  agent: &a { observation: agent }\n  planner: { <<: *a }\n",
        "Let rules share settings by a role, or use an alias for a whole value: `planner: *a`.",
    ),
    "TP105": Code(
        "duplicate key",
        "A key stands twice in one mapping; YAML would silently keep one of them.",
        "version: 1\nservice: { name: shop, name: store }\n",
        "Remove one of the two. The message names the line of the first.",
    ),
    "TP106": Code(
        "split path",
        "Inside of braces or brackets YAML ends an unquoted text at `,`, `[` and `]`, and takes a text that starts "
        "with a brace for a mapping, so a path or a template arrives in pieces.",
        _rule("- match: shop:sell", "  metadata: { price: first(result.price, result.cost) }"),
        'Put the path in quotes, `{ price: "first(result.price, result.cost)" }`, or write the mapping as indented '
        "lines.",
    ),
    "TP107": Code(
        "file open to others",
        "Group or others may write to the file, and the process runs as another user than its owner. A registry can "
        "name files to write to, so whoever may change it could use the process's rights.",
        "chmod g+w registry.yaml   # owned by deploy, read by a process of www-data",
        "Use `chmod go-w registry.yaml`, or let the process's user own the file.",
    ),
    "TP108": Code(
        "include",
        "An included file is missing or includes itself, includes go more than 16 deep, or there are more than 256 "
        "files.",
        "version: 1\ninclude: [registry.d/agents.yaml]\n",
        "Correct the path; it is relative to the file that includes it. A glob that finds nothing is no mistake.",
    ),
    "TP109": Code(
        "unknown preset",
        "`use:` names a preset that is neither shipped nor installed, or whose package fails to be imported.",
        "version: 1\nuse: [stands]\n",
        "Correct the name; the shipped ones are the YAML files of `adapters/`. Others come with their own "
        "distribution.",
    ),
    "TP110": Code(
        "version",
        "Every registry file, an included one as well, says which version of the language it is written in.",
        "trace: []\n",
        "Make `version: 1` the first line.",
    ),
    "TP111": Code(
        "unset variable",
        "`${NAME}` stands for a variable of the environment that is not set, or is not written as `${NAME}`.",
        'version: 1\nservice: { environment: "${APP_ENVIRONMENT}" }\n',
        "Set the variable, or give a default: `${APP_ENVIRONMENT:-dev}`. A dollar sign itself is written `$$`.",
    ),
    "TP112": Code(
        "override",
        "A variable `TRACING_PROXIES__SECTION__KEY` names no scalar of the registry. The problem's place is the "
        "variable.",
        "TRACING_PROXIES__EXPORT__LOCAL__PAHT=/var/lib/traces.db",
        "Name a key that exists, with two underscores between the levels: `TRACING_PROXIES__EXPORT__LOCAL__PATH=…`. "
        "Lists and mappings cannot be overridden.",
    ),
    "TP113": Code(
        "not available yet",
        "The key, or this kind of value, is part of the language, but this version does not act on it. Taking it "
        "silently would promise what does not happen.",
        "a key that the message names",
        "Leave it out, or install a version that has it.",
    ),
    "TP114": Code(
        "no registry",
        "No registry was named, and no `registry.yaml` stands in the working directory or above it.",
        "cd / && tracing-proxies check",
        "Name one by `--registry FILE` or in `TRACING_PROXIES_REGISTRY`, or write a `registry.yaml` beside the "
        "application.",
    ),
    "TP115": Code(
        "newer language",
        "The file, which may be an included one or a preset, is written in a version of the language that came after "
        "this program. Nothing else in it is judged: its keys may mean something else than they do here.",
        "version: 2\ntrace: []\n",
        "Upgrade tracing-proxies where the file is read, or take the file as it was before it was rewritten. Which "
        "release reads which version stands in `docs/versioning.md`.",
    ),
    "TP201": Code(
        "unknown key",
        "No key of this name exists here. A key may exist elsewhere: `retention` in `export.local`, not in `export`.",
        _rule("- match: shop:sell", "  metdata: { price: result.price }"),
        "Take the suggested name, or look up the section in the README.",
    ),
    "TP202": Code(
        "wrong kind of value",
        "Another kind of value is due here: a list, a mapping, a text, a whole number, or true or false. By YAML 1.2 "
        "`yes`, `no`, `on` and `off` are texts.",
        _rule("- match: shop:sell", "  root: yes"),
        "Write what the message expects: `root: true`.",
    ),
    "TP203": Code(
        "no match",
        "A rule's pattern selects nothing in its module, or what it selects cannot be traced. It is an error under "
        "`check --import` and in strict mode; at run time it is a warning, once the module is loaded.",
        _rule("- match: shop.agents:PricingAgent.set_prize"),
        "Take the suggested name. `*` matches no `_private` names, a glob over a module no names that it imports, "
        "and a method that a class inherits is found by `Base+.name` or by the full name. `tracing-proxies explain "
        "shop.agents:PricingAgent.set_price --import` says what there is.",
    ),
    "TP204": Code(
        "pointcut",
        "The pattern is not of the form `module:name`, `module:Class.name`, `module:Class+.name` or `module:Class+`.",
        _rule("- match: shop.agents.PricingAgent.set_price"),
        "Put a colon where the module ends: `shop.agents:PricingAgent.set_price`. `**` may stand for whole segments "
        "of the module only.",
    ),
    "TP205": Code(
        "path",
        "The expression over the call has a mistake. It reads `args`, `self`, `result`, `error` and `env`, knows "
        "comparisons, `in`, `and`, `or`, `not`, `first(…)` and filters after `|`, and calls nothing.",
        _rule("- match: shop:sell", "  error_when: result.status = 'failed'"),
        "Write `==` for a comparison; the place is the character where it goes wrong.",
    ),
    "TP206": Code(
        "template",
        "The text with paths in braces has a mistake: a brace that is not closed, or a path in it that is wrong.",
        _rule("- match: shop:sell", '  name: "sell {args.product"'),
        "Close the brace; a brace itself is written twice, `{{`.",
    ),
    "TP207": Code(
        "quantity",
        "A quantity is a number with its unit, since a bare number leaves open whether bytes or kilobytes, seconds or "
        "milliseconds are meant.",
        _rule("- match: shop:sell", "  min_duration: 5"),
        "Add the unit: `5ms`, `8KiB`, `10%`, `7d`. The message lists those that fit.",
    ),
    "TP208": Code(
        "choice",
        "The value is not one of those that the key can have.",
        _rule("- match: shop:sell", "  observation: agnt"),
        "Take one of those that the message lists.",
    ),
    "TP209": Code(
        "unknown role",
        "A rule names a role that no `roles:` block of this registry defines. A preset's roles are its own.",
        _rule("- match: shop:sell", "  role: tool"),
        "Define it, `roles: { tool: { observation: tool } }`, or correct the name.",
    ),
    "TP210": Code(
        "hidden field",
        "A path reads a field that is to stay hidden, by `masking: hide` or by the rule's own, or one that masking "
        "disguises by its name. Its value would be recorded under another name, where nothing hides it.",
        "version: 1\nmasking: { hide: [pin] }\ntrace:\n  - match: shop:pay\n    metadata: { entered: args.pin }\n",
        "Leave the path out, or pipe it to `hash`, as in `args.pin | hash`: equal values can then be told, and "
        "nothing else.",
    ),
    "TP211": Code(
        "condition",
        "A `when:` has a mistake. It is judged once, at load, over `env`, `package(…)`, `python` and `platform`.",
        _rule("- match: shop:sell", "  when: package(strands) >= 1.2"),
        'Put names and versions in quotes: `when: package("strands-agents") >= "1.2"`. A condition on a call is an '
        "`if:`.",
    ),
    "TP212": Code(
        "missing key",
        "A key that is required here is missing.",
        _rule("- observation: tool"),
        "Add it: each rule has a `match:`.",
    ),
    "TP213": Code(
        "out of place",
        "The key has no effect where it stands: some belong into preset files only, others into the user's own only.",
        _rule("- match: shop:sell", "  fold: shop:join"),
        "Move it to where it belongs, or leave it out.",
    ),
    "TP214": Code(
        "unknown parameter",
        "A path reads `args.<name>`, and nothing that its rule traces has a parameter of that name, so that it would "
        "always be absent.",
        _rule("- match: shop:sell   # def sell(product)", "  metadata: { item: args.produkt }"),
        "Take the suggested name, as the function itself spells it. What a parameter holds is read as in "
        "`args.trigger.type`.",
    ),
    "TP215": Code(
        "not there yet",
        "A key that is read before the call reads its result or its error.",
        _rule("- match: shop:sell", "  session: result.id"),
        "Read it from the arguments, or record it as `metadata:`, which may read both.",
    ),
    "TP216": Code(
        "pattern",
        "A detector's pattern cannot be compiled by RE2, or matches the empty text. RE2 takes time in proportion to "
        "the text whatever the pattern, and so has neither look-around nor references to groups; a repeat goes up to "
        "1,000.",
        "version: 1\nmasking: { detectors: { employee_no: 'E(?=[0-9])' } }\n",
        "Write what is to be found itself, without `(?=…)`, `(?<=…)` or `\\1`: `E[0-9]{6}`.",
    ),
    "TP217": Code(
        "name taken",
        "A detector of the user's has the name of one that there is already, so that lists could not tell them apart.",
        "version: 1\nmasking: { detectors: { email: '[a-z]+@corp' } }\n",
        "Give it a name of its own, such as `corp_email`; both are on.",
    ),
    "TP219": Code(
        "sensitive name",
        "The name of what a rule records says that it may be personal or secret, no detector knows such a value by its "
        "form, and nothing in `masking:` names it. It is a warning of `check`; a registry with it is taken.",
        "tracing-proxies check --import   # a rule traces `def admit(patient_name, diagnosis)`",
        "List the name in `masking: hide`, `pseudonyms` or the like, or in `allow` if it may be seen.",
    ),
    "TP229": Code(
        "spans that are not adopted",
        "`native: adopt` takes the spans that a framework emits itself into the same traces. Only presets that say so "
        "of themselves can do it; others record the same calls by rules of their own, and each would be there twice.",
        "version: 1\nuse: [{ threads: { native: adopt } }]\n",
        "Write `native: keep` to have the framework's spans go their own way, or `native: mute` to drop them.",
    ),
    "TP218": Code(
        "loosening",
        "A rule, role or environment would show more of a value than holds everywhere. What they say of masking only "
        "ever tightens, so that nobody has to read every rule to know what leaves the process.",
        _rule("- match: shop:pay", "  masking: { partial: [payment_card] }"),
        "Write it into the registry's own `masking:` block, where it holds for all rules, or leave it out.",
    ),
    "TP220": Code(
        "alert",
        "An alert's rule or channel contradicts itself or lacks something: a rule has a metric and one comparison, "
        "whose limit has the metric's unit; a channel is of one kind.",
        "version: 1\nalerts: { rules: { slow: { metric: agent_latency_p95, above: 5% } } }\n",
        "Write what the message expects: `slow: { metric: agent_latency_p95, above: 2s }`.",
    ),
    "TP221": Code(
        "unknown channel",
        "`tell:` names a channel that `alerts.channels` does not define. `log` is always there.",
        "version: 1\nalerts: { tell: [ops] }\n",
        "Define it, `channels: { ops: { slack: OPS_SLACK_WEBHOOK } }`, or correct the name.",
    ),
    "TP222": Code(
        "secret in a file",
        "Addresses and keys of channels are secrets, so a registry holds only the name of the variable that they "
        "come by. What stands there instead is not repeated, as it may be the secret.",
        "version: 1\nalerts: { channels: { ops: { slack: 'https://hooks.slack.example/T0/B0/x' } } }\n",
        "Put the secret into a variable, or into a file that `<NAME>_FILE` names, and write the variable's name: "
        "`slack: OPS_SLACK_WEBHOOK`.",
    ),
}
