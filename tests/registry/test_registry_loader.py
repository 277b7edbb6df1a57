"""A registry is read as it is meant, and every mistake in it is reported at once with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.codes import CODES
from tracing_proxies.registry.keys import KEYS, LATER, sections
from tracing_proxies.registry.kinds import READERS
from tracing_proxies.registry.loader import load_registry, parse_registry
from tracing_proxies.registry.model import Registry

BASE = Path("/nowhere")

VALID = """\
version: 1
service: { name: retail-optimizer, environment: "${APP_ENV:-dev}" }
export:
  local: { path: traces.db, retention: 7d, max_size: 1GiB }
  langfuse: { host: "${LANGFUSE_BASE_URL:-}" }
sampling: { budget: unlimited }
masking: { policy: open, hide: [password, "*.api_key"], detect: [email] }
defaults: { capture: { max_bytes: 4KiB, max_items: 20 }, nested: child }
roles:
  agent: { observation: agent, name: "{self.agent_id}" }
  tool: &tool { observation: tool, capture: { max_bytes: 2KiB } }
trace:
  - match: retail.consumer:TriggerConsumer.handle
    root: true
    name: "simulation.{args.trigger.trigger_type}"
    tags: [simulation, "{args.trigger.agent_type}"]
    metadata: { source: args.trigger.agent_type, responding: result.agents | len }
  - match: [retail.base:Agent+.make_*_decision, retail.base:Agent+]
    except: retail.testing.**:*
    role: agent
    error_when: 'result.status in ["error", "failed"]'
    outcome: { confidence: "first(result.confidence_score, result.confidence)" }
    sample: 10%
    min_duration: 5ms
"""

FIVE_MISTAKES = """\
version: 1
metdata: {}
trace:
  - match: retail.tools.price
    observation: tool
  - match: retail.tools:charge
    observation: agnt
    capture: { max_bytes: 8192 }
    error_when: result.status = "failed"
"""


def parse(text: str, environ: dict[str, str] | None = None, **options: Path) -> Registry:
    return parse_registry(text, base=BASE, environ=environ or {}, **options)


def problems_of(text: str, environ: dict[str, str] | None = None) -> list[tuple[str, int, int]]:
    with pytest.raises(RegistryError) as caught:
        parse(text, environ)
    assert all(p.code in CODES and p.message for p in caught.value.problems)
    return [(p.code, p.place.line, p.place.column) for p in caught.value.problems]


def rule(*lines: str) -> str:
    return "version: 1\ntrace:\n  - match: a:b\n" + "".join(f"    {line}\n" for line in lines)


def test_a_registry_is_read_as_it_is_written() -> None:
    registry = parse(VALID, {"APP_ENV": "prod"})
    assert (registry.service.name, registry.service.environment) == ("retail-optimizer", "prod")
    assert registry.export.local is not None
    assert registry.export.langfuse is not None
    assert (registry.export.local.path, registry.export.local.max_size) == (BASE / "traces.db", 2**30)
    assert registry.export.langfuse.host is None
    assert registry.explicit
    assert registry.masking.hide == ("password", "*.api_key")
    assert registry.defaults.capture.max_bytes == 4096
    first, second = registry.rules
    assert (first.index, second.index, first.place.line, second.place.line) == (0, 1, 13, 18)
    assert [str(place) for place in second.places] == ["registry.yaml:18:13", "registry.yaml:18:49"]
    assert second.bundle is registry.roles["agent"]
    assert second.settings.sample is not None
    assert (second.settings.sample.share, second.settings.min_duration) == (0.1, 5_000_000)


def test_a_registry_without_an_export_block_leaves_the_destination_open() -> None:
    assert not parse("version: 1").explicit
    assert parse("version: 1\nexport: { discard: {} }").export.discard


def test_a_registry_with_five_different_mistakes_reports_all_five_in_one_run_with_line_and_column() -> None:
    assert problems_of(FIVE_MISTAKES) == [
        ("TP201", 2, 1),
        ("TP204", 4, 12),
        ("TP208", 7, 18),
        ("TP207", 8, 27),
        ("TP205", 9, 31),
    ]


def test_a_problem_names_the_nearest_right_name() -> None:
    with pytest.raises(RegistryError) as caught:
        parse(FIVE_MISTAKES)
    assert [p.suggestion for p in caught.value.problems] == [None, "retail.tools:price", "agent", None, None]
    assert "registry.yaml:7:18 TP208" in str(caught.value)
    assert "Did you mean 'agent'?" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (rule("retention: 7d"), "it belongs in 'export.local'"),
        (rule("masking: { allow: [notes] }"), "it belongs in 'masking'"),
        (rule("observation: Agnt"), "Did you mean 'agent'?"),
        (rule("min_duration: 5 mss"), "Did you mean '5ms'?"),
        (rule("capture: { max_bytes: 8kib }"), "Did you mean '8KiB'?"),
        (rule("except: shop.agents.Base.run"), "Did you mean 'shop.agents:Base.run'?"),
        (rule("user: arg.x"), "Did you mean 'args'?"),
        (rule("when: pyton > '3.10'"), "Did you mean 'python'?"),
        ("version: 1\nmasking: { detect: emial }", "Did you mean 'email'?"),
    ],
)
def test_a_mistake_comes_with_what_may_have_been_meant(text: str, hint: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(text)
    assert hint in str(caught.value)


def test_the_error_carries_the_registry_made_of_what_was_valid() -> None:
    with pytest.raises(RegistryError) as caught:
        parse(FIVE_MISTAKES + "  - match: a:b\n")
    partial = caught.value.partial
    assert isinstance(partial, Registry)
    assert [rule.match[0].text for rule in partial.rules] == ["a:b"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: 1\n\tx: 1", "TP101"),
        ("version: 1\n---\nversion: 1", "TP101"),
        ("version: 1\x00", "TP101"),
        ("version: 1\nx: " + "[" * 40 + "]" * 40, "TP102"),
        ("version: 1\n# " + "x" * 2**20, "TP102"),
        ("version: 1\nservice: !!python/object:os.system {}", "TP103"),
        ("version: 1\nservice: { <<: {}, name: x }", "TP104"),
        ("version: 1\nservice: *nowhere", "TP104"),
        ("version: 1\nversion: 1", "TP105"),
        ("version: 2", "TP115"),
        ("version: 0", "TP110"),
        ("trace: []", "TP110"),
        ("- a", "TP202"),
        ("version: 1\nservice: { name: [a] }", "TP202"),
        ("version: 1\nmasking: { policy: strickt }", "TP208"),
        ("version: 1\nsampling: { budget: cheap }", "TP208"),
        ("version: 1\ntrace: [{ name: x }]", "TP212"),
        ("version: 1\npreset: {}", "TP213"),
        (rule("role: nobody"), "TP209"),
        (rule('name: "{self.x"'), "TP206"),
        (rule("when: package(3)"), "TP211"),
        (rule("fold: a:b"), "TP213"),
        (rule("root: yes"), "TP202"),
        (rule("min_duration: 5"), "TP207"),
        (rule("sample: sometimes"), "TP208"),
        (rule("sample: 120%"), "TP207"),
        ("version: 1\nmasking: { detect: [email, emial] }", "TP208"),
        (rule("session: result.id"), "TP215"),
        (rule('name: "{error.type}"'), "TP215"),
        (rule("if: args.a or result.b"), "TP215"),
        (rule("input: { a: result.a }"), "TP215"),
        (rule("tags: ['{result.a}']"), "TP215"),
        (rule("error_when: error.type == 'ValueError'"), "TP215"),
        (rule("masking: { allow: [notes] }"), "TP201"),
    ],
)
def test_each_mistake_has_its_code(text: str, code: str) -> None:
    assert [found for found, _, _ in problems_of(text)] == [code]


def test_aliases_expand_to_a_bounded_number_of_nodes() -> None:
    lines = ["version: 1", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    assert [code for code, _, _ in problems_of("\n".join(lines))] == ["TP102"]


@pytest.mark.parametrize(
    "text",
    [
        rule("metadata: { x: first(result.a, result.b) }"),
        rule("metadata: { x: result.a[0] }"),
        rule("metadata: { x: result.a[*].b }"),
        rule("tags: [{self.x}]"),
        rule("name: {self.x}"),
    ],
)
def test_a_path_that_yaml_has_split_is_recognised(text: str) -> None:
    assert "TP106" in [code for code, _, _ in problems_of(text)]


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nbudget: {}",
    ],
)
def test_a_key_that_is_not_available_yet_is_never_ignored(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(text)
    assert [p.code for p in caught.value.problems] == ["TP113"]
    assert "is part of the language but not available in this version" in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        ["session: args.token"],
        ["metadata: { x: self.config.api_key }"],
        ['name: "{args.user.password}"'],
        ["if: args.card_number == 5"],
        ["masking: { hide: [notes] }", "metadata: { x: args.notes }"],
        ["user: env.OPENAI_API_KEY"],
    ],
)
def test_a_path_that_reads_a_hidden_field_is_refused(lines: list[str]) -> None:
    assert [code for code, _, _ in problems_of(rule(*lines))] == ["TP210"]


def test_a_hidden_field_may_be_read_through_a_hash() -> None:
    assert parse(rule("user: args.token | hash", "metadata: { x: result.tokens }")).rules


def test_a_hidden_field_may_be_read_where_it_is_allowed() -> None:
    assert parse(rule("user: args.pin.token") + "masking: { allow: [pin, '*.token'] }\n").rules
    assert problems_of(rule("user: args.pin.token") + "masking: { allow: [pin] }\n") == [("TP210", 4, 11)]


def test_a_role_that_reads_what_its_rule_hides_is_refused() -> None:
    text = rule("role: agent", "masking: { hide: [notes] }") + "roles: { agent: { user: args.notes } }\n"
    assert problems_of(text) == [("TP210", 4, 11)]
    text = rule("role: agent", "masking: { hide: [x] }") + "roles: { agent: { user: args.token } }\n"
    assert problems_of(text) == [("TP210", 6, 25)]


def test_a_rule_whose_condition_does_not_hold_is_left_out() -> None:
    assert parse(rule("when: env.MODE == 'x'")).rules == ()
    assert len(parse(rule("when: env.MODE == 'x'"), {"MODE": "x"}).rules) == 1


def test_yaml_1_2_decides_what_is_a_truth_value() -> None:
    registry = parse("version: 1\nservice: { name: on, environment: no, release: 12:30, version: 1.10 }")
    assert registry.service.name == "on"
    assert registry.service.environment == "no"
    assert registry.service.release == "12:30"
    assert registry.service.version == "1.10"


@pytest.mark.parametrize(
    ("block", "watch", "signal"),
    [
        ("", 2 * 10**9, "SIGHUP"),
        ("reload: { watch: 500ms }", 5 * 10**8, "SIGHUP"),
        ("reload: { watch: off, signal: none }", 0, None),
        ("reload: { watch: 1min, signal: off }", 60 * 10**9, None),
        ("reload: { signal: SIGUSR2 }", 2 * 10**9, "SIGUSR2"),
    ],
)
def test_it_is_said_how_changes_are_taken_up(block: str, watch: int, signal: str | None) -> None:
    reload = parse(f"version: 1\n{block}\n").reload
    assert (reload.watch, reload.signal) == (watch, signal)


@pytest.mark.parametrize(
    ("block", "code", "hint"),
    [
        ("watch: 2", "TP207", "without a unit"),
        ("watch: 5ms", "TP207", "at least 100ms"),
        ("watch: never", "TP208", "Did you mean 'off'?"),
        ("watch: [2s]", "TP202", "or off"),
        ("signal: SIGHPU", "TP208", "Did you mean 'SIGHUP'?"),
        ("signal: sigusr1", "TP208", "Did you mean 'SIGUSR1'?"),
        ("signal: SIGKILL", "TP208", "is one of"),
        ("wacth: 2s", "TP201", "Did you mean 'watch'?"),
    ],
)
def test_a_mistake_in_how_changes_are_taken_up_is_told_with_what_is_right(block: str, code: str, hint: str) -> None:
    with pytest.raises(RegistryError, match=f"{code}.*{re.escape(hint)}"):
        parse(f"version: 1\nreload: {{ {block} }}\n")


def test_a_variable_switches_the_watching_off() -> None:
    environ = {"TRACING_PROXIES__RELOAD__WATCH": "off", "TRACING_PROXIES__RELOAD__SIGNAL": "none"}
    reload = parse("version: 1", environ).reload
    assert (reload.watch, reload.signal) == (0, None)


def test_substitution_never_brings_yaml_with_it() -> None:
    registry = parse("version: 1\nservice: { name: '${X}', release: $$5 }", {"X": "a: [b]\n# ${Y}"})
    assert registry.service.name == "a: [b]\n# ${Y}"
    assert registry.service.release == "$5"


def test_a_quoted_variable_may_bring_a_number() -> None:
    text = 'version: 1\ndefaults: { capture: { max_items: "${N}", input: "${ON:-false}" } }'
    capture = parse(text, {"N": "7"}).defaults.capture
    assert (capture.max_items, capture.input) == (7, False)


def test_an_unset_variable_without_a_default_is_a_problem_at_its_place() -> None:
    assert problems_of("version: 1\nservice: { name: 'a-${APP_ENV}' }", {"APP_ENVS": "x"}) == [("TP111", 2, 21)]


def test_a_variable_overrides_a_scalar() -> None:
    environ = {
        "TRACING_PROXIES__EXPORT__LOCAL__MAX_SIZE": "2MiB",
        "TRACING_PROXIES__ROLES__AGENT__NAME": "cost: $5",
        "TRACING_PROXIES__DEFAULTS__CAPTURE": "none",
        "TRACING_PROXIES__SERVICE__RELEASE": "${HOME}",
    }
    registry = parse(VALID, environ)
    assert registry.export.local is not None
    assert registry.export.local.max_size == 2 * 2**20
    assert registry.roles["agent"].name is not None
    assert registry.roles["agent"].name.constant == "cost: $5"
    assert registry.defaults.capture.input is False
    assert registry.service.release == "${HOME}"


def test_a_variable_overrides_any_scalar_of_a_role() -> None:
    text = "version: 1\nroles: { my-agent: { metadata: { Source: args.a }, input: args.b } }"
    environ = {
        "TRACING_PROXIES__ROLES__MY_AGENT__METADATA__SOURCE": "args.c",
        "TRACING_PROXIES__ROLES__MY_AGENT__METADATA__MORE": "args.d",
        "TRACING_PROXIES__ROLES__MY_AGENT__INPUT": "args.e",
        "TRACING_PROXIES__ROLES__MY_AGENT__USAGE__INPUT": "result.f",
        "TRACING_PROXIES__ROLES__MY_AGENT__ROOT": "true",
    }
    role = parse(text, environ).roles["my-agent"]
    assert {name: value.text for name, value in role.metadata.items()} == {"Source": "args.c", "more": "args.d"}
    assert {name: value.text for name, value in role.usage.items()} == {"input": "result.f"}
    assert not isinstance(role.input, Mapping)
    assert role.input is not None
    assert (role.input.text, role.root) == ("args.e", True)


def test_a_variable_overrides_a_header() -> None:
    text = "version: 1\nexport: { otlp: { headers: { X-Team: a } } }"
    environ = {"TRACING_PROXIES__EXPORT__OTLP__HEADERS__X_TEAM": "b"}
    otlp = parse(text, environ).export.otlp
    assert otlp is not None
    assert dict(otlp.headers) == {"X-Team": "b"}


def test_a_header_whose_variable_is_not_set_is_told_once() -> None:
    text = "version: 1\nexport: { otlp: { headers: { a: '${UNSET}' } } }"
    assert [code for code, _, _ in problems_of(text)] == ["TP111"]


def test_a_variable_overrides_one_key_of_a_capture_that_was_said_in_a_word() -> None:
    environ = {"TRACING_PROXIES__DEFAULTS__CAPTURE__MAX_BYTES": "1KiB"}
    capture = parse("version: 1\ndefaults: { capture: none }", environ).defaults.capture
    assert (capture.input, capture.output, capture.max_bytes) == (False, False, 1024)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("TRACING_PROXIES__", "TP112"),
        ("TRACING_PROXIES__EXPRT__LOCAL__PATH", "TP112"),
        ("TRACING_PROXIES__EXPORT", "TP112"),
        ("TRACING_PROXIES__TRACE__0__NAME", "TP112"),
        ("TRACING_PROXIES__ROLES__NOBODY__NAME", "TP112"),
        ("TRACING_PROXIES__ROLES__AGENT", "TP112"),
        ("TRACING_PROXIES__ROLES", "TP112"),
        ("TRACING_PROXIES__ROLES__AGENT__TAGS", "TP112"),
        ("TRACING_PROXIES__ROLES__AGENT__TAGS__X", "TP112"),
        ("TRACING_PROXIES__MASKING__HIDE", "TP112"),
        ("TRACING_PROXIES__SAMPLING__FLOOR", "TP207"),
        ("TRACING_PROXIES__EXPORT__LOCAL__MAX_SIZE", "TP207"),
    ],
)
def test_a_variable_that_cannot_override_is_reported_under_its_name(name: str, code: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(VALID, {name: "2%"})
    (problem,) = caught.value.problems
    assert (problem.code, problem.place.file, problem.place.line) == (code, name, 0)


def test_the_declared_keys_are_all_read_and_none_is_declared_twice() -> None:
    places = [(section, key.name) for key in KEYS for section in key.sections]
    assert len(places) == len(set(places))
    assert {key.kind for key in KEYS} <= READERS.keys() | {"section", "capture", "named", "use", "rules"}
    assert all(later.section in sections() for later in LATER)


def load_or_refuse(load: Callable[[], Registry]) -> None:
    """Expect a registry or a `RegistryError` with documented codes, and let anything else through."""
    codes: tuple[str, ...] | None = None
    try:
        load()
    except RegistryError as error:
        codes = tuple(problem.code for problem in error.problems)
    assert codes is None or (codes and CODES.keys() >= set(codes))


@given(st.binary(max_size=400))
@settings(max_examples=examples(80))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    load_or_refuse(lambda: load_registry(path, environ={}))


@given(st.text(max_size=300))
@settings(max_examples=examples(80))
def test_any_text_is_read_or_refused(text: str) -> None:
    load_or_refuse(lambda: parse(text))


@given(st.data())
@settings(max_examples=examples(150))
def test_a_mutated_registry_is_read_or_refused(data: st.DataObject) -> None:
    text = VALID
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(at, min(len(text), at + 20)))
        piece = data.draw(
            st.sampled_from(["", "{", "}", "[", "]", ":", ",", "\n", "  ", "&a ", "*a", "'", '"', "$", "|"])
        )
        text = text[:at] + piece + text[end:]
    load_or_refuse(lambda: parse(text))


@given(st.data())
@settings(max_examples=examples(80))
def test_a_registry_whose_values_were_swapped_is_read_or_refused(data: st.DataObject) -> None:
    odd = st.sampled_from(
        ["null", "[]", "{}", "[[]]", "{a: b}", "-1", ".nan", "1e999", "''", "true", "${X}", "*", "~x"]
    )
    lines = VALID.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon} {data.draw(odd)}"
    load_or_refuse(lambda: parse("\n".join(lines)))


def refusal_of(text: str) -> tuple[str, int, str]:
    with pytest.raises(RegistryError) as caught:
        parse_registry(text, base=BASE, environ={})
    (problem,) = caught.value.problems
    return problem.code, problem.place.line, problem.message


def test_a_file_in_a_newer_language_is_refused_as_a_whole_and_says_which_program_read_it() -> None:
    code, line, message = refusal_of("trace: [{ pointcut: a:b }]\nversion: 3\nsinks: { local: {} }\n")
    assert (code, line) == ("TP115", 2)
    assert f"version 3 of the language, and tracing-proxies {metadata.version('tracing-proxies')}" in message


@pytest.mark.parametrize("told", ["-1", "0", "1.0", "0x1", "'1'", "01", "true", "1.1", "9" * 5000, "v1"])
def test_what_is_no_version_is_refused_with_what_is_read(told: str) -> None:
    code, line, message = refusal_of(f"version: {told}")
    assert (code, line) == ("TP110", 1)
    assert ("the first is 1" in message) == (told in ("-1", "0"))


def test_each_file_is_judged_by_the_version_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "newer.yaml").write_text("version: 2\nroles: { a: { kind: agent } }\n")
    (tmp_path / "registry.yaml").write_text("version: 1\ninclude: [newer.yaml]\ntrace: [{ mtch: a:b }]\n")
    with pytest.raises(RegistryError) as caught:
        load_registry(tmp_path / "registry.yaml", environ={})
    found = {(Path(problem.place.file).name, problem.code) for problem in caught.value.problems}
    assert {("newer.yaml", "TP115"), ("registry.yaml", "TP201")} <= found


def test_a_preset_in_a_newer_language_names_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("version: 2\npreset: { loads: acme }\n")
    with pytest.raises(RegistryError) as caught:
        parse_registry("version: 1\nuse: acme", base=tmp_path, environ={}, presets=tmp_path)
    assert [(problem.place.file, problem.code) for problem in caught.value.problems] == [("acme.yaml", "TP115")]
