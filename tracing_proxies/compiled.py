"""The hot path of a call in C, where it was built: what the Python beside it does, at a third of the cost."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

SWITCH = "TRACING_PROXIES_COMPILED"
"""Set to 0 it leaves the compiled part alone; read once, when recording is first imported."""


def _find() -> Any:
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        found = importlib.import_module("tracing_proxies._hot")
    except ImportError:
        return None
    # What it holds is one interpreter's; another one in this process, as mod_wsgi makes them, does without.
    return found if found.is_at_home() else None


hot: Any = _find()
"""The compiled module, None where there is none."""


def hidden(function: Function) -> Function:
    """Have the application's tracers, profilers and debuggers not see what a function of ours does.

    Only where calls are compiled: else they see all that is ours. Returns what stands for the function.
    """
    made: Function = function if hot is None else hot.aside(function)
    return made
