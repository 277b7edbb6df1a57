"""What a registry says, as frozen data: services, rules, settings, destinations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import attrs

from tracing_proxies.errors import Place
from tracing_proxies.registry.alerting import AlertSettings
from tracing_proxies.registry.keys import KEEPS
from tracing_proxies.registry.masking import NOTHING, MaskingSettings, Tightening
from tracing_proxies.registry.origins import NO_ORIGINS, Origin, Origins
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.pointcut import Pointcut, Target
from tracing_proxies.registry.rule_index import RuleIndex
from tracing_proxies.registry.sources import Sources
from tracing_proxies.registry.template import Template
from tracing_proxies.registry.values import Value

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
Placed = tuple[CapturePath, Place]
"""A path, and where the value that holds it stands."""


@attrs.frozen(eq=False, repr=False)
class Limits:
    """How much of one value is recorded: bytes of text, items of a collection, levels of nesting."""

    max_bytes: int = 8 * 1024
    max_items: int = 50
    max_depth: int = 6


@attrs.frozen(repr=False)
class CaptureSettings:
    """What a `capture:` says; None where it says nothing."""

    input: bool | None = None
    output: bool | None = None
    max_bytes: int | None = None
    max_items: int | None = None
    max_depth: int | None = None


@attrs.frozen(eq=False, repr=False)
class SampleRate:
    """How many calls are recorded.

    Args:
        share: between 0.0 and 1.0.
        many: how many in each ``period``, instead of a share.
        period: nanoseconds.
    """

    share: float = 1.0
    many: float | None = None
    period: int = 0


@attrs.frozen(eq=False, repr=False)
class Settings:
    """What a rule, a role or a defaults block sets; None, or an empty mapping, where it leaves a key out.

    Args:
        input: one value, or values by name, in place of the arguments.
        output: the same in place of the result.
        condition: the `if:`, judged per call.
        critical: whether the trace outlives every budget, judged per call.
        min_duration: nanoseconds.
        spans_per_trace: how many spans a trace that starts here may have.
        masking: what is hidden besides what the registry's own block hides.
        origins: where each of them is written, by its key as it is written.
        reads: every path of a rule or role.
    """

    root: bool | None = None
    name: Template | None = None
    observation: str | None = None
    capture: CaptureSettings = CaptureSettings()
    input: Value | Mapping[str, Value] | None = None
    output: Value | Mapping[str, Value] | None = None
    metadata: Mapping[str, Value] = EMPTY
    tags: tuple[Template, ...] | None = None
    session: Value | None = None
    user: Value | None = None
    outcome: Mapping[str, Value] = EMPTY
    scores: Mapping[str, Value] = EMPTY
    error_when: CapturePath | None = None
    error_message: Value | None = None
    level: str | None = None
    status_message: Value | None = None
    condition: CapturePath | None = None
    critical: CapturePath | None = None
    model: Value | None = None
    usage: Mapping[str, Value] = EMPTY
    sample: SampleRate | None = None
    min_duration: int | None = None
    spans_per_trace: int | None = None
    nested: str | None = None
    fold: str | None = None
    delegate: str | None = None
    masking: Tightening = NOTHING
    origins: Origins = NO_ORIGINS
    reads: tuple[Placed, ...] = ()


@attrs.frozen(eq=False, repr=False)
class Rule:
    """One entry of `trace:`; compared by identity.

    Args:
        match: its pointcuts; any of them selects a target.
        places: where each of them stands.
        exceptions: the pointcuts of its `except:`, which always win.
        place: where the rule starts.
        index: its position among all rules of the registry; a later one wins.
        role: the name of its role.
        bundle: the settings of that role.
        preset: the preset that it came with, None for a rule of the user's.
        exception_places: where each of its exceptions stands.
    """

    match: tuple[Pointcut, ...]
    places: tuple[Place, ...]
    exceptions: tuple[Pointcut, ...]
    place: Place
    index: int
    settings: Settings
    role: str | None = None
    bundle: Settings | None = None
    preset: str | None = None
    exception_places: tuple[Place, ...] = ()

    def selects(self, target: Target) -> bool:
        """Tell whether the rule matches a target and does not except it."""
        return any(p.matches(target) for p in self.match) and not any(p.matches(target) for p in self.exceptions)


@attrs.frozen(eq=False, repr=False)
class Service:
    """What names the application in its traces."""

    name: str | None = None
    environment: str | None = None
    release: str | None = None
    version: str | None = None


@attrs.frozen(repr=False)
class LangfuseExport:
    """Sends to a Langfuse server; without a host, to the one that the environment names.

    Args:
        durability: where spans wait for the server: memory, spill (on disk) or wal (on the medium at once).
    """

    host: str | None = None
    durability: str = "spill"


@attrs.frozen(repr=False)
class OtlpExport:
    """Sends to an OTLP/HTTP receiver; without an endpoint, to the one that the environment names.

    Args:
        headers: sent with each request; not shown, since there may be a secret among them.
        durability: as for Langfuse.
    """

    endpoint: str | None = None
    headers: Mapping[str, str] = attrs.field(default=EMPTY, repr=False)
    durability: str = "spill"


@attrs.frozen(repr=False)
class SpoolSettings:
    """Where requests are kept that a server does not take.

    Args:
        path: absolute; None for the user's state directory.
        max_size: bytes.
        max_age_ns: nanoseconds.
    """

    path: Path | None = None
    max_size: int = 512 * 2**20
    max_age_ns: int = 24 * 3600 * 10**9


@attrs.frozen(repr=False)
class LocalExport:
    """Writes to a local file.

    Args:
        path: absolute.
        retention_ns: how long traces are kept, in nanoseconds.
        max_size: in bytes.
    """

    path: Path
    retention_ns: int = 7 * 86_400 * 10**9
    max_size: int = 2**30


@attrs.frozen(repr=False)
class Export:
    """Where traces go.

    Args:
        explicit: whether the registry has an `export:` block; without one the environment decides.
    """

    local: LocalExport | None = None
    langfuse: LangfuseExport | None = None
    otlp: OtlpExport | None = None
    discard: bool = False
    explicit: bool = False


@attrs.frozen(repr=False)
class SamplingSettings:
    """How much tracing may cost, and what is kept before all else.

    Args:
        budget: a share of one core; infinite for none.
        keep: error, slow and rare traces, and conditions on a trace's first span.
        floor: how many traces of each name are kept at least, per second.
        max_latency: how long a rule may hold one call up, in nanoseconds.
    """

    budget: float = 0.01
    keep: tuple[str | CapturePath, ...] = KEEPS
    floor: float = 1 / 60
    max_latency: int = 100 * 10**6

    @property
    def unlimited(self) -> bool:
        """Whether everything is kept, whatever it costs."""
        return math.isinf(self.budget)


@attrs.frozen(eq=False, repr=False)
class ReloadSettings:
    """How a running process takes up changes of its registry.

    Args:
        watch: within how many nanoseconds a change of the files takes effect; 0 if they are not watched.
        signal: the name of the signal at which they are read again; None if there is none.
    """

    watch: int = 2 * 10**9
    signal: str | None = "SIGHUP"


@attrs.frozen(eq=False, repr=False)
class ScoreSettings:
    """What is scored without a rule that says so.

    Args:
        success: each agent's observation, as a success or not.
        confidence: an ``outcome.confidence`` that is a number.
    """

    success: bool = True
    confidence: bool = True


@attrs.frozen(eq=False, repr=False)
class LoggingSettings:
    """What the application's own log records get from tracing.

    Args:
        trace_ids: whether they carry the ids of trace and span.
    """

    trace_ids: bool = False


@attrs.frozen(repr=False)
class MonitoringSettings:
    """How calls, and tracing itself, are counted and told.

    Args:
        port: where metrics are answered, at the loopback address; None for nowhere.
        interval: nanoseconds between two looks; 0 if there is none but where somebody asks.
        otlp: nanoseconds between two sends to the collector of ``export.otlp``; 0 for none.
    """

    port: int | None = None
    interval: int = 5 * 10**9
    otlp: int = 0


@attrs.frozen(eq=False, repr=False)
class Preset:
    """One preset that is in use.

    Args:
        native: what becomes of the framework's own spans: mute, adopt or keep.
        place: where `use:` names it.
        adapter: the name of the module that does what YAML cannot say, None if there is none.
        overrides: the settings that stand beside its name in `use:`.
        defaults: the preset file's own `defaults:`.
        native_origins: where it is written what becomes of the framework's own spans.
    """

    name: str
    native: str
    place: Place
    adapter: str | None = None
    summary: str = ""
    overrides: Settings = Settings()
    defaults: Settings = Settings()
    native_origins: tuple[Origin, ...] = ()


@attrs.frozen(eq=False, repr=False)
class Registry:
    """Everything that a registry says.

    Args:
        path: the file, None for a text without one.
        files: the registry's own file and all that it includes.
        rules: presets first, then included files, then the file's own; a later one wins.
        skipped_presets: name and reason of each preset that does not apply here.
        sources: what it was read from, None for one that was made by hand.
        stated: the values of its files as they were read, by section, each with where it is written.
    """

    path: Path | None
    files: tuple[Path, ...]
    service: Service
    rules: tuple[Rule, ...]
    presets: tuple[Preset, ...]
    skipped_presets: tuple[tuple[str, str], ...]
    roles: Mapping[str, Settings]
    defaults: Settings
    export: Export
    sampling: SamplingSettings
    masking: MaskingSettings
    spool: SpoolSettings = SpoolSettings()
    reload: ReloadSettings = ReloadSettings()
    scores: ScoreSettings = ScoreSettings()
    alerts: AlertSettings = AlertSettings()
    logging: LoggingSettings = LoggingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    sources: Sources | None = None
    stated: Mapping[str, Any] = attrs.field(default=EMPTY, repr=False)
    # Policies by the rules that they come from; `policy.resolve_policy` fills it.
    policies: dict[tuple[int, ...], Any] = attrs.field(factory=dict, init=False, repr=False)
    index: RuleIndex = attrs.field(init=False, repr=False)

    @index.default
    def _index(self) -> RuleIndex:
        return RuleIndex(self.rules)

    @property
    def explicit(self) -> bool:
        """Whether the registry says where traces go."""
        return self.export.explicit
