"""Other samplers that are stacked on this one: their keep sets are independent of ours, so 10 % of 10 % remain."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

_RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")


def find_stacked(environ: Mapping[str, str]) -> list[str]:
    """Name the samplers besides ours that leave traces out, each with what to do.

    Args:
        environ: the environment.
    """
    found = []
    rate = _share(environ.get("LANGFUSE_SAMPLE_RATE"))
    if rate is not None:
        found.append(
            f"LANGFUSE_SAMPLE_RATE={rate:g} samples the application's own Langfuse spans independently of ours; "
            "unset it, and let sampling.budget decide"
        )
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() in _RATIO_SAMPLERS:
        ratio = _share(environ.get("OTEL_TRACES_SAMPLER_ARG"))
        if ratio is not None:
            found.append(
                f"OTEL_TRACES_SAMPLER keeps {ratio:.3g} of the application's own OpenTelemetry traces, independently "
                "of ours; set it to parentbased_always_on, and let sampling.budget decide"
            )
    elif (sampler := _ratio_of(_provider())) is not None:
        found.append(
            f"the application's TracerProvider has a sampler of its own ({sampler}), independent of ours; "
            "let sampling.budget decide"
        )
    return found


def _share(text: str | None) -> float | None:
    try:
        share = float(text) if text is not None else 1.0
    except ValueError:
        return None
    return share if 0.0 <= share < 1.0 else None


def _provider() -> Any:
    # Only what is there: asking OpenTelemetry for its provider would make one.
    trace = sys.modules.get("opentelemetry.trace")
    return getattr(trace, "_TRACER_PROVIDER", None)


def _ratio_of(provider: Any) -> str | None:
    sampler = getattr(provider, "sampler", None)
    inner = getattr(sampler, "_root", sampler)
    rate = getattr(inner, "rate", None)
    return f"{type(inner).__name__} {rate:g}" if isinstance(rate, float) and rate < 1.0 else None
