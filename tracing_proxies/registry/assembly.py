"""The registry made of what its files say: presets found, roles looked up, hidden fields refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracing_proxies.errors import Place
from tracing_proxies.registry.alerting import AlertSettings
from tracing_proxies.registry.conditions import package_version
from tracing_proxies.registry.findings import Findings
from tracing_proxies.registry.hidden import hidden_name, without_hidden
from tracing_proxies.registry.keys import DETECTORS
from tracing_proxies.registry.loosening import loosenings
from tracing_proxies.registry.masking import MaskingSettings, Tightening, environment_of, join
from tracing_proxies.registry.merging import FileDraft
from tracing_proxies.registry.model import (
    Export,
    LangfuseExport,
    LocalExport,
    LoggingSettings,
    MonitoringSettings,
    OtlpExport,
    Placed,
    Preset,
    Registry,
    ReloadSettings,
    Rule,
    SamplingSettings,
    ScoreSettings,
    Service,
    Settings,
    SpoolSettings,
)
from tracing_proxies.registry.origins import Origin, Origins, origins_of
from tracing_proxies.registry.paths import CapturePath
from tracing_proxies.registry.reader import Reader, RuleDraft, UseDraft, settings_of
from tracing_proxies.registry.renaming import renamed_paths
from tracing_proxies.registry.source import compose
from tracing_proxies.registry.sources import Sources
from tracing_proxies.registry.substitution import substitute
from tracing_proxies.registry.suggest import nearest

if TYPE_CHECKING:
    from tracing_proxies.registry.presets import PresetFile

_LOCAL: Final = ".tracing_proxies/traces.db"


def assemble(
    draft: FileDraft,
    path: Path | None,
    files: tuple[Path, ...],
    base: Path,
    environ: Mapping[str, str],
    folder: Path | None,
    findings: Findings,
    sources: Sources,
) -> Registry:
    """Make a registry of what was valid in its files, and note what is wrong between them.

    Args:
        draft: the registry's own file with all that it includes.
        path: where it is, None for a text.
        files: all files that were read.
        base: the folder that relative paths start from.
        folder: the folder of presets, None for the usual one.
        sources: what the files held.
    """
    values = draft.values
    masking = MaskingSettings.of(values.get("masking", {}), environment_of(values.get("service", {}), environ))
    rules = _Rules(masking, findings)
    rules.check(draft.reads, _secret_names(masking))
    environments = values.get("masking", {}).get("environments", {})
    for name, block in environments.items():
        rules.check_masking(Tightening.of(block), origins_of(block), origins_of(environments)[name])
    presets: list[Preset] = []
    skipped: list[tuple[str, str]] = []
    for use in {use.name: use for use in values.get("use", ())}.values():
        used = _Use(use, environ, folder)
        reason = used.read()
        if reason is not None:
            skipped.append((use.name, reason))
            continue
        findings.extend(used.findings)
        if used.preset is not None:
            presets.append(used.preset)
            rules.check_settings(used.preset.overrides)
            rules.check(used.draft.reads)
            rules.add(used.draft, used.preset)
    roles = rules.add(draft, None)
    return Registry(
        path=path,
        files=files,
        service=Service(**{name: text or None for name, text in values.get("service", {}).items()}),
        rules=tuple(rules.rules),
        presets=tuple(presets),
        skipped_presets=tuple(skipped),
        roles=roles,
        defaults=settings_of(values.get("defaults", {})),
        export=_export(values, base),
        sampling=SamplingSettings(**values.get("sampling", {})),
        masking=masking,
        spool=_spool(values),
        reload=_reload(values),
        scores=ScoreSettings(**values.get("scores", {})),
        alerts=_alerts(values, findings),
        logging=LoggingSettings(**values.get("logging", {})),
        monitoring=MonitoringSettings(**values.get("monitoring", {})),
        sources=sources,
        stated=values,
    )


def _alerts(values: Mapping[str, Any], findings: Findings) -> AlertSettings:
    if "alerts" not in values:
        return AlertSettings()
    # What few registries have: 3 ms with the rules that are shipped.
    from tracing_proxies.registry.alerting_assembly import alert_settings

    return alert_settings(values["alerts"], findings)


def _spool(values: Mapping[str, Any]) -> SpoolSettings:
    given = values.get("spool", {})
    return SpoolSettings(**{{"max_age": "max_age_ns"}.get(name, name): value for name, value in given.items()})


def _reload(values: Mapping[str, Any]) -> ReloadSettings:
    given = values.get("reload", {})
    named = {"signal": None} if given.get("signal") in ("none", "off") else {}
    return ReloadSettings(**{**given, **named})


def _export(values: Mapping[str, Any], base: Path) -> Export:
    export = values.get("export", {})
    local = export.get("local")
    if local is not None:
        given = {{"retention": "retention_ns"}.get(name, name): value for name, value in local.items()}
        local = LocalExport(**{"path": base / _LOCAL, **given})
    langfuse, otlp = export.get("langfuse"), export.get("otlp")
    return Export(
        local=local,
        langfuse=None if langfuse is None else LangfuseExport(**{**langfuse, "host": langfuse.get("host") or None}),
        otlp=None if otlp is None else OtlpExport(**{**otlp, "endpoint": otlp.get("endpoint") or None}),
        discard="discard" in export,
        explicit="export" in values,
    )


def _secret_names(block: MaskingSettings | Tightening) -> tuple[str, ...]:
    """Return the names of keys of which nothing may be recorded elsewhere either; a detector's is that of no key."""
    blocks = (block, block.here) if isinstance(block, MaskingSettings) else (block,)
    return tuple(
        name for one in blocks for name in (*one.hide, *(name for name in one.remove if name not in DETECTORS))
    )


class _Rules:
    """Numbers the rules, finds their roles, and refuses what they would disclose.

    Args:
        masking: what the registry hides and allows.
    """

    def __init__(self, masking: MaskingSettings, findings: Findings) -> None:
        self._masking = masking
        self._findings = findings
        self.rules: list[Rule] = []

    def add(self, draft: FileDraft, preset: Preset | None) -> dict[str, Settings]:
        """Add a file's rules, and return its roles."""
        roles = {name: settings_of(values) for name, values in draft.values.get("roles", {}).items()}
        if preset is None:
            for role in roles.values():
                self.check_settings(role)
        for rule in draft.values.get("trace", ()):
            self._add_rule(rule, roles, preset)
        return roles

    def _add_rule(self, draft: RuleDraft, roles: Mapping[str, Settings], preset: Preset | None) -> None:
        before = len(self._findings)
        bundle = roles.get(draft.role) if draft.role is not None else None
        if draft.role is not None and bundle is None:
            message = f"no role is named {draft.role[:60]!r}"
            self._findings.add("TP209", message, draft.role_place, nearest(draft.role, roles))
        settings = settings_of(draft.values)
        own = join([settings.masking, *([bundle.masking] if bundle else [])])
        hide = _secret_names(self._masking) + _secret_names(own)
        if preset is None:
            self.check(settings.reads, hide)
            self.check_settings(settings, bundle)
            if bundle is not None:
                # What the registry itself hides has been reported where the role stands.
                fine = [path for path, _ in bundle.reads if self._hidden_in(path, _secret_names(self._masking)) is None]
                self.check([(path, draft.role_place) for path in fine], hide)
        else:
            # What the user hides is no mistake of the preset's; its values that read it are left out.
            self.check(settings.reads)
            more = (own, preset.overrides.masking, self._masking)
            disguised = (name for one in more for name in one.disguised_names if name not in DETECTORS)
            hide += (*_secret_names(preset.overrides.masking), *disguised)
            settings = without_hidden(settings, hide, self._masking.allow)
            bundle = bundle and without_hidden(bundle, hide, self._masking.allow)
        if not draft.intact or not draft.applies or len(self._findings) > before:
            return
        self.rules.append(
            Rule(
                match=tuple(pointcut for pointcut, _ in draft.match),
                places=tuple(place for _, place in draft.match),
                exceptions=tuple(pointcut for pointcut, _ in draft.exceptions),
                place=draft.place,
                index=len(self.rules),
                settings=settings,
                role=draft.role,
                bundle=bundle,
                preset=preset.name if preset is not None else None,
                exception_places=tuple(place for _, place in draft.exceptions),
            )
        )

    def check(self, reads: Sequence[Placed], hide: Sequence[str] = ()) -> None:
        """Note each path that reads a hidden field: one of the usual names, or of some that are hidden besides."""
        for path, place in reads:
            name = self._hidden_in(path, hide)
            if name is not None:
                message = f"{path.text[:60]!r} reads the hidden field {name!r}; pipe it to 'hash', or leave it out"
                self._findings.add("TP210", message, place)

    def check_settings(self, settings: Settings, bundle: Settings | None = None) -> None:
        """Note what the masking of a rule, a role or a preset's overrides would loosen, and what they record past it.

        Args:
            bundle: of the rule's role.
        """
        own = join([settings.masking, *([bundle.masking] if bundle is not None else [])])
        named = self._masking.disguised_names + own.disguised_names
        disguised = [name for name in named if name not in DETECTORS]
        places = {id(path): place for path, place in settings.reads}
        for path, name in renamed_paths(settings, disguised, self._masking.allow) if disguised else ():
            message = (
                f"{path.text[:60]!r} reads {name!r}, which masking disguises by its name, and records it under "
                "another: list that as well, or pipe it to 'hash'"
            )
            self._findings.add("TP210", message, places[id(path)])
        inner = {key.partition(".")[2]: found for key, found in settings.origins.items() if key.startswith("masking.")}
        self.check_masking(settings.masking, inner, settings.origins.get("masking", ()))

    def check_masking(self, block: Tightening, origins: Origins, whole: Sequence[Origin]) -> None:
        """Note what a block of masking would loosen.

        Args:
            origins: where its lists stand, by their keys.
            whole: where it stands itself.
        """
        for key, message in loosenings(self._masking, block):
            place = next((origin.place for origin in (*origins.get(key, ()), *whole)), None)
            if place is not None:
                self._findings.add("TP218", message, place)

    def _hidden_in(self, path: CapturePath, hide: Sequence[str]) -> str | None:
        names = (hidden_name(read, hide, self._masking.allow) for read in path.reads)
        return next((name for name in names if name is not None), None)


class _Use:
    """Reads the preset that one entry of `use:` names.

    Args:
        use: the entry.
        folder: the folder of presets, None for the usual one.
    """

    def __init__(self, use: UseDraft, environ: Mapping[str, str], folder: Path | None) -> None:
        self._use = use
        self._environ = environ
        self._folder = folder
        self.findings = Findings()
        self.draft = FileDraft({}, ())
        self.preset: Preset | None = None

    def read(self) -> str | None:
        """Read the preset's file; the outcome stands in the attributes.

        Returns:
            Why the preset does not apply here, None if it does.
        """
        from tracing_proxies.registry.presets import find_preset, preset_names  # for registries that use one

        name, place = self._use.name, self._use.place
        try:
            found = find_preset(name, self._folder)
        except Exception as error:  # the package of a third party may raise anything when it is imported
            self.findings.add("TP109", f"the preset {name!r} cannot be loaded: {type(error).__name__}: {error}", place)
            return None
        if found is None:
            right = nearest(name, preset_names(self._folder))
            self.findings.add("TP109", f"there is no preset {name[:60]!r}", place, right)
            return None
        self._read_file(found)
        about = self.draft.values.get("preset", {})
        if not about.get("when", True):
            return "its condition does not hold here"
        if "requires" in about and package_version(about["requires"]) is None:
            return f"{about['requires']} is not installed"
        self.preset = self._make_preset(found, about, place)
        if self.preset.native == "adopt" and about.get("native") != "adopt":
            origins = self.preset.native_origins
            message = f"the preset {name!r} does not adopt the spans that its framework emits itself"
            self.findings.add("TP229", message, origins[0].place if origins else place, "keep")
        return None

    def _read_file(self, found: PresetFile) -> None:
        root = compose(found.text, found.file, self.findings)
        if root is None:
            return
        reader = Reader(self.findings, Path(), self._environ, preset=found.name)
        filled = substitute(root, self._environ, self.findings)
        values = reader.attempt(filled, lambda node: reader.section(node, "registry"))
        self.draft = FileDraft(values or {}, tuple(reader.reads))

    def _make_preset(self, found: PresetFile, about: Mapping[str, Any], place: Place) -> Preset:
        return Preset(
            name=found.name,
            native=self._use.native or about.get("native", "keep"),
            place=place,
            adapter=found.module if about.get("adapter") else None,
            summary=about.get("summary", ""),
            overrides=settings_of(self._use.values),
            defaults=settings_of(self.draft.values.get("defaults", {})),
            native_origins=origins_of(self._use.values).get("native") or origins_of(about).get("native", ()),
        )
