"""Activates tracing in a Python process that `tracing-proxies run` has started, before its program begins."""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))


def _give_way() -> None:
    """Let the environment's own ``sitecustomize`` run, as it would without us."""
    import importlib

    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


def _activate() -> None:
    try:
        import tracing_proxies

        tracing_proxies.activate()
    except Exception as error:
        # The application has to start all the same; `run` has checked the registry before, and said what is wrong.
        print(f"tracing-proxies: this process is not traced\n{error}", file=sys.stderr)


_give_way()
_activate()
