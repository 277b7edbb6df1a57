"""What the Python part of one preset has changed, kept by itself so that it can be taken back by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tracing_proxies.failures import contain
from tracing_proxies.recording.recorder import Recorder
from tracing_proxies.weaving.kinds import Container
from tracing_proxies.weaving.ledger import Keeper, Owner

if TYPE_CHECKING:
    from tracing_proxies.weaving.weaver import Weaver

Listener = Callable[[ModuleType], None]


class Hooks:
    """Is given to an adapter's ``install``: all that it changes goes through here.

    Args:
        weaver: what the changes belong to.
        preset: what the adapter was installed for; hooks of another preset take the place of these.
    """

    def __init__(self, weaver: Weaver, preset: object) -> None:
        self.preset = preset
        self._weaver = weaver
        self._keeper: Keeper = {}
        self._listeners: list[tuple[str, Listener]] = []
        self._containers: list[type] = []
        self._actions: list[Callable[[], None]] = []

    @property
    def recorder(self) -> Recorder:
        """What starts and ends the spans."""
        return self._weaver.recorder

    def replace(self, owner: Owner, name: str, after: Any) -> None:
        """Put an entry into a class, a module, or a module's namespace."""
        self._weaver.ledger.replace(owner, name, after, self._keeper)

    def on_module(self, name: str, listener: Listener) -> None:
        """Call ``listener`` with a module once it is loaded, at once if it is already."""
        self._listeners.append((name, listener))
        self._weaver.listen(name, listener)

    def add_container(self, kind: type, container: Container) -> None:
        """Have functions woven that objects of a framework's own type hold within."""
        self._containers.append(kind)
        self._weaver.containers[kind] = container

    def on_undo(self, action: Callable[[], None]) -> None:
        """Call ``action`` when all of this is taken back."""
        self._actions.append(action)

    def take_back(self) -> None:
        """Leave everything as it was before; what other code has put over it since stays."""
        weaver = self._weaver
        for name, listener in self._listeners:
            weaver.listen_no_more(name, listener)
        ours = {id(mutation.after) for mutation in self._keeper.values()}
        weaver.unweave(
            [p for p in weaver.points if id(p.raw) in ours or any(type(p.raw) is kind for kind in self._containers)]
        )
        for kind in self._containers:
            weaver.containers.pop(kind, None)
        self.forget()
        weaver.ledger.take_back([self._keeper])

    def forget(self) -> None:
        """Call the actions, last one first; for the end of tracing, when the ledger restores all entries itself."""
        while self._actions:
            try:
                self._actions.pop()()
            except Exception as exc:
                contain("undo", exc)
