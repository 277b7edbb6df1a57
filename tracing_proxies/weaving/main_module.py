"""Watches the main module, whose body defines functions and calls them before it ever ends.

From Python 3.12 on the interpreter tells of each line of one code object (`sys.monitoring`), each once: what has been
defined is looked at before the next line runs. No frame of ours, no trace function, nothing that the application sees
but a tool id in use. Before that version nothing tells, and the main module is looked at whenever another module of
interest arrives, and when the first span has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.weaving.modules import MAIN, entries_of, is_module

_NAME = "tracing_proxies.main"
_FREE_IDS = (4, 3)  # the others are meant for debuggers, coverage, profilers and optimisers
_getframe = sys._getframe  # applications delete it, to try what they do without it
_monitoring: Any = getattr(sys, "monitoring", None)


class MainWatch:
    """Reports what the main module has defined, line by line.

    Args:
        look: called with the namespace.
        wanted: tells whether the main module is of interest, once its body has begun and its name is known.
    """

    def __init__(self, look: Callable[[dict[str, Any]], None], wanted: Callable[[], bool]) -> None:
        self._look = look
        self._wanted = wanted
        self._tool: int | None = None
        self._codes: dict[CodeType, dict[str, Any]] = {}

    def is_to_come(self) -> bool:
        """Tell whether the main module's body has not begun: then nothing says yet what it is called."""
        entries = _main_entries()
        return entries is not None and all(name.startswith("__") for name in entries) and not bodies_of_main()

    def begin(self) -> bool:
        """Watch a body that is running, or the one that is to begin.

        Returns:
            Whether it is watched: not before Python 3.12, and not if there is no free tool id.
        """
        if self._tool is not None:
            return True
        if _monitoring is None or not (bodies_of_main() or self.is_to_come()):
            return False
        tool = next((number for number in _FREE_IDS if _monitoring.get_tool(number) is None), None)
        if tool is None:
            return False
        _monitoring.use_tool_id(tool, _NAME)
        self._tool = tool
        events = _monitoring.events
        _monitoring.register_callback(tool, events.PY_START, self._started)
        _monitoring.register_callback(tool, events.LINE, self._reached)
        _monitoring.register_callback(tool, events.PY_RETURN, self._returned)
        bodies = bodies_of_main()
        for code, entries in bodies:
            self._follow(code, entries)
        if not bodies:
            _monitoring.set_events(tool, events.PY_START)
        return True

    def end(self) -> None:
        """Watch no longer, and give the tool id back."""
        tool, self._tool = self._tool, None
        if tool is None:
            return
        events = _monitoring.events
        _monitoring.set_events(tool, 0)
        for code in list(self._codes):
            _monitoring.set_local_events(tool, code, 0)
        self._codes.clear()
        for event in (events.PY_START, events.LINE, events.PY_RETURN):
            _monitoring.register_callback(tool, event, None)
        _monitoring.free_tool_id(tool)

    def _follow(self, code: CodeType, entries: dict[str, Any]) -> None:
        self._codes[code] = entries
        events = _monitoring.events
        _monitoring.set_local_events(self._tool, code, events.LINE | events.PY_RETURN)

    def _started(self, code: CodeType, offset: int) -> Any:
        # Every function that starts before the main module does; each only once.
        try:
            if code.co_name == "<module>" and self._tool is not None:
                entries = _getframe(1).f_globals
                if _is_main(entries):
                    _monitoring.set_events(self._tool, 0)
                    if self._wanted():
                        self._follow(code, entries)
                    else:
                        self.end()
        except Exception as exc:
            contain("weave", exc)
        return None if self._tool is None else _monitoring.DISABLE

    def _reached(self, code: CodeType, line: int) -> Any:
        self._look_at(code)
        return _monitoring.DISABLE

    def _returned(self, code: CodeType, offset: int, value: Any) -> Any:
        self._look_at(code)
        if code in self._codes:
            self.end()
        return None

    def _look_at(self, code: CodeType) -> None:
        entries = self._codes.get(code)
        if entries is not None:
            try:
                self._look(entries)
            except Exception as exc:
                contain("weave", exc)


def bodies_of_main() -> list[tuple[CodeType, dict[str, Any]]]:
    """Find the main module's body in the stacks of all threads."""
    found = []
    for frame in sys._current_frames().values():
        above: Any = frame
        while above is not None:
            if above.f_code.co_name == "<module>" and _is_main(above.f_globals):
                found.append((above.f_code, above.f_globals))
            above = above.f_back
    return found


def _main_entries() -> dict[str, Any] | None:
    main = sys.modules.get("__main__")
    return entries_of(main) if main is not None and is_module(main) else None


def _is_main(entries: dict[str, Any]) -> bool:
    named = entries.get("__name__")
    return type(named) is str and named in MAIN
