"""What detaching does where others have changed what is current meanwhile."""

from __future__ import annotations

import contextvars

from opentelemetry.context import Context

from tracing_proxies.recording.context import attach, detach, variable


def test_detaching_passes_where_nothing_is_current_any_more_as_before() -> None:
    def run() -> None:
        assert variable is not None
        first, second = attach(Context({"a": 1})), attach(Context({"b": 2}))
        detach(first)  # before the second, as no call does: nothing is current now
        detach(second)
        third = attach(Context({"c": 3}))
        fourth = variable.set(Context({"d": 4}))
        detach(third)
        variable.reset(fourth)

    contextvars.Context().run(run)
