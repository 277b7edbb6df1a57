"""The one declaration of every key of the language: where it stands, what it takes, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import attrs

from tracing_proxies.registry.alerting import MEASURES, SEVERITIES
from tracing_proxies.registry.masking import PARTS

OBSERVATIONS: Final = (
    "span", "generation", "event", "embedding", "agent", "tool", "chain", "retriever", "guardrail", "evaluator",
)  # fmt: skip
LEVELS: Final = ("DEBUG", "DEFAULT", "WARNING", "ERROR")
NESTED: Final = ("merge", "child", "skip")
DURABILITIES: Final = ("memory", "spill", "wal")
KEEPS: Final = ("error", "slow", "rare")
NATIVE: Final = ("mute", "adopt", "keep")
DETECTORS: Final = (
    *("secrets", "url_credentials", "email", "iban", "payment_card", "us_ssn", "ip", "mac", "passport"),
    *("driver_license", "vehicle", "bank_account", "national_id", "crypto_wallet", "birth_date", "website"),
    *("coordinates", "street_address", "phone"),
)


@attrs.frozen(eq=False, repr=False)
class Key:
    """One key.

    Args:
        sections: where it may stand.
        kind: what it takes; `kinds.READERS` has a reader for each kind.
        doc: what it does, in one sentence.
        default: what holds where it is left out, as it would be written.
        choices: the texts that a `choice` takes, or a list of `choices` holds.
        section: the section that a `section` opens, or whose entries a `named` one holds.
        required: whether its absence is a problem.
        presets_only: whether it has a meaning in preset files only.
        users_only: whether a preset file may not have it, since it speaks for the whole application.
        unseen: the roots of paths that are not there yet, or not any more, when it is read.
    """

    name: str
    sections: tuple[str, ...]
    kind: str
    doc: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    section: str | None = None
    required: bool = False
    presets_only: bool = False
    users_only: bool = False
    unseen: tuple[str, ...] = ()


@attrs.frozen(repr=False)
class Later:
    """A key that the language has and this version has not."""

    section: str
    name: str


_TOP = ("registry",)
_MASKED = ("masking", "rule.masking")
_RULE = ("rule",)
_BUNDLE = ("rule", "role")
_SETTING = ("rule", "role", "defaults", "use")
_EARLY = ("result", "error")
_RETURNED = ("error",)
_CHANNEL = ("alerts.channel",)
_ALERT = ("alerts.rule",)

KEYS: Final[tuple[Key, ...]] = (
    Key("version", _TOP, "version", "The version of the language.", required=True),
    Key("service", _TOP, "section", "What names the application in every trace.", section="service", users_only=True),
    Key("use", _TOP, "use", "The presets to load, by name, each with settings if need be.", users_only=True),
    Key("include", _TOP, "files", "Files or globs that are merged in name order; the including file wins.",
        users_only=True),
    Key("export", _TOP, "section", "Where traces go; without it, what the environment allows.", section="export",
        users_only=True),
    Key("sampling", _TOP, "section", "How much is kept.", section="sampling", users_only=True),
    Key("masking", _TOP, "section", "What is hidden.", section="masking", users_only=True),
    Key("defaults", _TOP, "section", "The settings that hold where nothing else is said.", section="defaults"),
    Key("roles", _TOP, "named", "Bundles of settings, by name.", section="role"),
    Key("trace", _TOP, "rules", "The rules; of those that match a target the last one wins."),
    Key("scores", _TOP, "section", "What is scored without a rule that says so.", section="scores", users_only=True),
    Key("alerts", _TOP, "section", "Tells people when something is wrong with the agents, or with tracing itself.",
        section="alerts", users_only=True),
    Key("logging", _TOP, "section", "What the application's own log records get from tracing.", section="logging",
        users_only=True),
    Key("reload", _TOP, "section", "How a running process takes up changes of its registry.", section="reload",
        users_only=True),
    Key("monitoring", _TOP, "section", "How calls, and tracing itself, are counted and told.", section="monitoring",
        users_only=True),
    Key("preset", _TOP, "section", "What a preset file says of itself.", section="preset", presets_only=True),
    Key("name", ("service",), "text", "The service's name.", "python"),
    Key("environment", ("service",), "text", "The environment, as in production or dev.", "default"),
    Key("release", ("service",), "text", "The application's release."),
    Key("version", ("service",), "text", "The application's version."),
    Key("langfuse", ("export",), "section", "Sends to a Langfuse server.", section="export.langfuse"),
    Key("otlp", ("export",), "section", "Sends to an OpenTelemetry Collector, or whatever else speaks OTLP over HTTP.",
        section="export.otlp"),
    Key("local", ("export",), "section", "Writes to a local file that a page reads.", section="export.local"),
    Key("discard", ("export",), "section", "Masks, encodes and throws away, for measuring.", section="export.discard"),
    Key("host", ("export.langfuse",), "text", "The server's address.", "LANGFUSE_BASE_URL"),
    Key("endpoint", ("export.otlp",), "text", "The address, as in http://127.0.0.1:4318; `/v1/traces` is added to it.",
        "OTEL_EXPORTER_OTLP_ENDPOINT"),
    Key("headers", ("export.otlp",), "headers", "What is sent with each request, such as `authorization`, by name.",
        "OTEL_EXPORTER_OTLP_HEADERS"),
    Key("durability", ("export.langfuse", "export.otlp"), "choice",
        "Where spans wait for the server: in memory, on disk, or synced to the medium before they count as safe.",
        "spill", DURABILITIES),
    Key("spool", _TOP, "section", "Where requests are kept that a server does not take.", section="spool",
        users_only=True),
    Key("path", ("spool",), "file", "The folder, relative to the registry.", "tracing_proxies/spool in XDG_STATE_HOME"),
    Key("max_size", ("spool",), "bytes", "How much it may hold; the oldest without errors go first.", "512MiB"),
    Key("max_age", ("spool",), "duration", "How long requests are kept.", "24h"),
    Key("path", ("export.local",), "file", "The file, relative to the registry.", ".tracing_proxies/traces.db"),
    Key("retention", ("export.local",), "duration", "How long traces are kept.", "7d"),
    Key("max_size", ("export.local",), "bytes", "How large the file may grow.", "1GiB"),
    Key("budget", ("sampling",), "budget", "What tracing may cost of one core: a share, or unlimited.", "1%"),
    Key("keep", ("sampling",), "keeps",
        "The traces that are kept before all others: error, slow, rare, and conditions such as duration > 8s.",
        "error, slow, rare"),
    Key("floor", ("sampling",), "rate", "How many traces of each name are kept at least, as far as there is room.",
        "1/min"),
    Key("max_latency", ("sampling",), "duration",
        "A rule that holds a call up for longer records no payload for a while.", "100ms"),
    Key("policy", ("masking",), "choice", "Whether all but the hidden passes, or only what `show` names.", "open",
        ("open", "strict")),
    Key("policy", ("rule.masking",), "choice", "What is stricter here than elsewhere.", choices=("strict",)),
    Key("hide", _MASKED, "texts", "Key names and globs whose values are hidden."),
    Key("show", _MASKED, "texts", "Key names and globs that pass under the strict policy."),
    Key("allow", ("masking",), "texts", "Exact texts that no detector touches, and key names that are not hidden."),
    Key("detect", ("masking",), "choices", "Detectors to switch on besides the usual ones, which are all of them.",
        choices=DETECTORS),
    Key("remove", _MASKED, "texts", "Detectors, key names and globs of which nothing is left, not even a marker."),
    Key("shape", _MASKED, "texts", "Detectors, key names and globs of which only kind and length are told."),
    Key("pseudonyms", _MASKED, "texts",
        "Detectors, key names and globs that become tokens: the same value, the same token (keyed HMAC)."),
    Key("encrypt", _MASKED, "texts", "Detectors, key names and globs that whoever has the masking key can read."),
    Key("partial", _MASKED, "texts", "Detectors, key names and globs of which the last four characters are shown."),
    Key("withhold", _MASKED, "choices", "Parts of a span that are not recorded at all.", choices=PARTS),
    Key("detectors", ("masking",), "patterns", "Detectors of your own: names, each with a regular expression of RE2."),
    Key("environments", ("masking",), "named",
        "What is hidden besides where the environment has this name, or fits it.", section="rule.masking"),
    Key("presidio", ("masking",), "section", "Has Presidio look for names and places in free text.",
        section="masking.presidio"),
    Key("model", ("masking.presidio",), "text", "spaCy's model: an installed package, or the path of a folder.",
        "en_core_web_sm"),
    Key("language", ("masking.presidio",), "text", "The language of the texts.", "en"),
    Key("entities", ("masking.presidio",), "texts", "What is looked for, by Presidio's names.", "PERSON, LOCATION"),
    Key("threshold", ("masking.presidio",), "share", "The score from which on a find counts.", "50%"),
    Key("success", ("scores",), "flag", "Whether each agent's observation is scored as a success or not.", "true"),
    Key("confidence", ("scores",), "flag", "Whether an `outcome.confidence` that is a number becomes a score.", "true"),
    Key("every", ("alerts",), "interval", "How often the rules are judged; off: not at all.", "15s"),
    Key("shipped", ("alerts",), "flag", "Whether the shipped rules hold, as far as `rules` does not change them.",
        "true"),
    Key("tell", ("alerts", "alerts.rule"), "texts", "The channels that are told, by name.", "log"),
    Key("channels", ("alerts",), "named", "The ways to tell somebody, by name; `log` is there already.",
        section="alerts.channel"),
    Key("rules", ("alerts",), "named", "Rules of your own, and what is to be different in the shipped ones, by name.",
        section="alerts.rule"),
    Key("slack", _CHANNEL, "variable", "The variable that holds the address of an incoming webhook of Slack."),
    Key("webhook", _CHANNEL, "variable", "The variable that holds an address that takes JSON."),
    Key("pagerduty", _CHANNEL, "variable", "The variable that holds the routing key of PagerDuty's Events API v2."),
    Key("email", _CHANNEL, "texts", "The recipients of an e-mail."),
    Key("command", _CHANNEL, "command", "A program with its arguments; no shell reads it, and it is given JSON."),
    Key("from", _CHANNEL, "text", "The e-mail's sender."),
    Key("server", _CHANNEL, "text", "The mail server, as host:port."),
    Key("user", _CHANNEL, "text", "What the mail server knows us as."),
    Key("password", _CHANNEL, "variable", "The variable that holds the password for the mail server."),
    Key("security", _CHANNEL, "choice", "How the mail server is spoken to.", "starttls", ("starttls", "tls", "none")),
    Key("timeout", _CHANNEL, "duration", "How long one attempt may take.", "10s"),
    Key("rate", _CHANNEL, "rate", "How many notifications are sent at most.", "10/min"),
    Key("metric", _ALERT, "choice", "What is watched.", choices=tuple(MEASURES)),
    Key("above", _ALERT, "limit", "It is wrong to be above this: a duration, a share, a rate or a number."),
    Key("below", _ALERT, "limit", "It is wrong to be below this."),
    Key("rises", _ALERT, "limit", "It is wrong to be above its own baseline by more than this share."),
    Key("drops", _ALERT, "limit", "It is wrong to be below its own baseline by more than this share."),
    Key("window", _ALERT, "duration", "Over which time the metric is taken; between 10s and 1h.", "5m"),
    Key("baseline", _ALERT, "duration", "From which time before the baseline is taken, the median.", "1h"),
    Key("for", _ALERT, "duration", "For how long it must be wrong before it is told.", "1m"),
    Key("severity", _ALERT, "choice", "How bad it is.", "warning", SEVERITIES),
    Key("cool_down", _ALERT, "duration", "It is told again after this time at the earliest, unless acknowledged.",
        "30m"),
    Key("at_least", _ALERT, "count", "How many calls the window must hold; fewer say nothing.", "0"),
    Key("agent", _ALERT, "text", "Which agents, by name or glob; each is judged by itself.", "*"),
    Key("summary", _ALERT, "text", "What is told, in one sentence."),
    Key("enabled", _ALERT, "flag", "Whether the rule holds.", "true"),
    Key("trace_ids", ("logging",), "flag",
        "Whether the application's log records get the attributes `trace_id` and `span_id`.", "false"),
    Key("watch", ("reload",), "interval", "Within what time a change of the files takes effect; off: never by itself.",
        "2s"),
    Key("signal", ("reload",), "choice", "The signal at which the files are read again; none (or off): no signal.",
        "SIGHUP", ("SIGHUP", "SIGUSR1", "SIGUSR2", "none", "off")),
    Key("port", ("monitoring",), "port", "The port, at the loopback address, where `/metrics` is answered.",
        "no port: nothing listens"),
    Key("interval", ("monitoring",), "interval",
        "How often the counts are looked at and published, as far as a tenth of a budget pays for it; off: only when "
        "they are asked for.", "5s"),
    Key("otlp", ("monitoring",), "interval", "How often metrics are sent to where `export.otlp` leads.", "off"),
    Key("match", _RULE, "pointcuts", "The targets of the rule.", required=True),
    Key("except", _RULE, "pointcuts", "Targets that the rule does not touch."),
    Key("when", ("rule", "preset"), "when", "A condition on the environment, judged at load."),
    Key("role", _RULE, "text", "The role whose settings hold where the matching rules say nothing."),
    Key("root", _BUNDLE, "flag", "Whether each call starts a trace of its own.", "false"),
    Key("name", _BUNDLE, "template", "The span's name.", "the qualified name without its module",
        unseen=_EARLY),
    Key("observation", _BUNDLE, "choice", "The span's type.", "span", OBSERVATIONS),
    Key("capture", _SETTING, "capture", "What of arguments and result is recorded: none, all, or limits."),
    Key("input", ("capture",), "flag", "Whether the arguments are recorded.", "true"),
    Key("output", ("capture",), "flag", "Whether the result is recorded.", "true"),
    Key("max_bytes", ("capture",), "bytes", "The longest text that is recorded of one value.", "8KiB"),
    Key("max_items", ("capture",), "count", "The most items that are recorded of one collection.", "50"),
    Key("max_depth", ("capture",), "count", "The deepest nesting that is recorded.", "6"),
    Key("input", _BUNDLE, "values", "What is recorded as the input instead of all arguments.", unseen=_EARLY),
    Key("output", _BUNDLE, "values", "What is recorded as the output instead of the whole result.",
        unseen=_RETURNED),
    Key("metadata", _BUNDLE, "mapping", "Values that are recorded besides, by name."),
    Key("tags", _BUNDLE, "templates", "The trace's tags.", unseen=_EARLY),
    Key("session", _BUNDLE, "value", "The session that the trace belongs to.", unseen=_EARLY),
    Key("user", _BUNDLE, "value", "The user that the trace belongs to.", unseen=_EARLY),
    Key("outcome", _BUNDLE, "mapping", "What was decided, by name; recorded as metadata `outcome.<name>`."),
    Key("scores", _BUNDLE, "mapping",
        "Scores of the observation, by name: numbers, truth values or texts; recorded as metadata `score.<name>` too."),
    Key("error_when", _BUNDLE, "path", "A condition on the result that makes the span an error.",
        unseen=_RETURNED),
    Key("error_message", _BUNDLE, "value", "The message of such an error.", "the value that the condition judged",
        unseen=_RETURNED),
    Key("level", _BUNDLE, "choice", "The span's level.", "DEFAULT, or ERROR after an error", LEVELS),
    Key("status_message", _BUNDLE, "value", "The span's status message."),
    Key("if", _BUNDLE, "path", "A condition, judged per call, without which nothing is recorded.", unseen=_EARLY),
    Key("model", _BUNDLE, "value", "The name of the model that a generation used."),
    Key("usage", _BUNDLE, "mapping", "Counts of tokens, by kind.", unseen=_RETURNED),
    Key("sample", _SETTING, "sample", "How many calls of each target are recorded: always, never, a share or a rate.",
        "always"),
    Key("critical", _BUNDLE, "path", "A condition on the call that makes its trace outlive every budget.",
        unseen=_EARLY),
    Key("budget", _SETTING, "section", "What the traces that start here may grow to.", section="budget"),
    Key("spans_per_trace", ("budget",), "count", "How many spans a trace may have; the rest are summed up in one more.",
        "any number"),
    Key("min_duration", _SETTING, "duration", "Leaf spans that were faster are dropped.", "0ns"),
    Key("nested", _SETTING, "choice", "What becomes of a call inside of the same method's call.", "merge", NESTED),
    Key("masking", ("rule", "role", "use"), "section", "What the rule hides besides.", section="rule.masking"),
    Key("fold", _RULE, "entry", "`module:factory` of what folds a stream into one output.", presets_only=True),
    Key("delegate", _RULE, "entry", "`module:function` that records the call instead.", presets_only=True),
    Key("native", ("use",), "choice",
        "What becomes of the spans that the framework emits: mute drops them, adopt takes them into the same traces, "
        "keep leaves them alone.", "what the preset says", NATIVE),
    Key("native", ("preset",), "choice", "What becomes of the spans that the framework emits.", "keep", NATIVE,
        presets_only=True),
    Key("requires", ("preset",), "text", "The distribution that must be installed.", presets_only=True),
    Key("adapter", ("preset",), "flag", "Whether a module of the preset's name stands beside it.", "false",
        presets_only=True),
    Key("summary", ("preset",), "text", "What the preset traces, in one sentence.", presets_only=True),
)  # fmt: skip

LATER: Final[tuple[Later, ...]] = (Later("registry", "budget"),)


@lru_cache(maxsize=1)
def sections() -> Mapping[str, Mapping[str, Key]]:
    """Return every section with its keys by name."""
    found: dict[str, dict[str, Key]] = {"export.discard": {}}
    for key in KEYS:
        for section in key.sections:
            found.setdefault(section, {})[key.name] = key
    return MappingProxyType(found)


def is_for_later(section: str, name: str) -> bool:
    """Tell whether a key belongs to the language but is not available in this version."""
    return Later(section, name) in LATER
