"""How this application says that something went wrong: the shapes of a returned error, read in one place."""

from __future__ import annotations

from typing import Any

FAILED_STATUSES = ("error", "failed", "timeout")
FAILED_RECOMMENDATIONS = ("analysis_failed", "evaluation_failed")


def describe_failure(outcome: dict[str, Any]) -> str | None:
    """Return what went wrong if an outcome is an error in any of the shapes in use, None if it is fine."""
    reason = outcome.get("error") or outcome.get("message")
    if outcome.get("status") in FAILED_STATUSES:
        return str(reason or outcome["status"])
    if outcome.get("success") is False:
        return str(reason or "not successful")
    for key in ("analysis", "rationale"):
        if str(outcome.get(key, "")).startswith("Error"):
            return str(outcome[key])
    if outcome.get("recommendation") in FAILED_RECOMMENDATIONS:
        return str(reason or outcome["recommendation"])
    if outcome.get("forecast_method") == "error_fallback":
        return str(reason or "forecast fell back")
    return None
