"""Delivers scores to Langfuse, each in a request of its own, since that is what its servers take, several at a time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tracing_proxies.delivery.reply import Reply, Verdict
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Outcome, Parcel, Shipped
from tracing_proxies.delivery.transport import JSON, Transport
from tracing_proxies.langfuse.scores import to_body
from tracing_proxies.recording.observation import Observation

SCORES_PATH = "/api/public/scores"
CONNECTIONS: Final = 8
_TOGETHER: Final = 64
_EACH: Final = 4
"""How many scores must wait for each further connection: what an agent earns now and then takes one."""
_SEAM: Final = b'}{"'
"""Where two objects meet, and nowhere else: within one, commas stand between objects, and texts escape their quotes."""
_WAITS: Final = (Verdict.RETRY, Verdict.UNAUTHORISED)


class ScoreSink(LangfuseSink):
    """A sink of scores: the same server, keys, deadlines and spool as the spans', another endpoint.

    A score's id and timestamp make a repetition harmless, and two of the same id arrive in their order, one after the
    other. All others go over a few connections at once: one round trip brings as many scores as there are connections.

    Args:
        host, public_key, secret_key, settings: as for ``LangfuseSink``.
    """

    def __init__(self, host: str, public_key: str, secret_key: str, **settings: Any) -> None:
        alone = {"path": SCORES_PATH, "linger": 0.0, "max_batch_spans": _TOGETHER, "media": JSON, "ordered": True}
        super().__init__(host, public_key, secret_key, **{"name": "scores", **alone, **settings})
        self._others: list[Transport] = []

    def limit(self, deadline: float | None) -> None:
        super().limit(deadline)
        for transport in self._others:
            transport.limit(deadline)

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Post scores; what has to be repeated remains, in its order."""
        dropped: Counter[str] = Counter()
        left, trouble = self._deliver([to_body(record) for record in batch], dropped)
        delivered = len(batch) - len(left) - sum(dropped.values())
        return Outcome(delivered, dict(dropped), [batch[at] for at in left], **self._conclude(trouble))

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        """Make one request of each score."""
        return [Parcel(to_body(record), 1) for record in batch], {}

    def ship(self, parcel: Parcel, *, whole: bool) -> Shipped:
        """Post the scores that stand one after the other in a parcel."""
        bodies = parcel.payload.replace(_SEAM, b'}\n{"').split(b"\n")
        if len(bodies) != parcel.spans:  # nothing that this class has packed
            return super().ship(parcel, whole=whole)
        dropped: Counter[str] = Counter()
        left, trouble = self._deliver(bodies, dropped)
        delivered = parcel.spans - len(left) - sum(dropped.values())
        rest: tuple[Parcel, ...] = ()
        if left:
            rest = (parcel,) if len(left) == parcel.spans else (Parcel(b"".join(bodies[at] for at in left), len(left)),)
        return Shipped(delivered, dict(dropped), rest, **self._conclude(trouble))

    def close(self) -> None:
        super().close()
        for transport in self._others:
            transport.close()

    def _begin(self) -> None:
        before = self._transport
        super()._begin()
        if self._transport is not before:
            self._forget_others()
        for transport in self._others:
            transport.hasten(self._patience)

    def _deliver(self, bodies: Sequence[bytes], dropped: Counter[str]) -> tuple[list[int], Reply | None]:
        """Post scores until one has to wait.

        Returns:
            Which of them remain, and why.
        """
        self._begin()
        waiting = deque(range(len(bodies)))
        most = min(CONNECTIONS, 1 + len(bodies) // _EACH)
        wide = most if self._health.ok else 1  # a server that may be down is tried with one
        while waiting:
            taken = _take_apart(waiting, bodies, wide)
            replies = self._post_all([bodies[at] for at in taken])
            for at, reply in zip(taken, replies, strict=True):
                if reply.verdict is Verdict.DELIVERED:
                    self._dissector.accept()
                elif reply.verdict not in _WAITS:
                    self._dissector.give_up(bodies[at], 1, reply, dropped)
            again = [at for at, reply in zip(taken, replies, strict=True) if reply.verdict in _WAITS]
            if again:
                waiting.extendleft(reversed(again))
                return list(waiting), next(reply for reply in replies if reply.verdict in _WAITS)
            wide = most
        return [], None

    def _post_all(self, bodies: Sequence[bytes]) -> list[Reply]:
        """Post one score over each connection, and then read the replies.

        No threads are needed for that. Who waits for the first reply may find the time of the others past: they are
        sent again then.
        """
        if len(bodies) == 1:
            return [self._post(bodies[0])]
        while len(self._others) < len(bodies) - 1:
            self._others.append(self._transport.twin())
        used = [self._transport, *self._others[: len(bodies) - 1]]
        for transport, body in zip(used, bodies, strict=True):
            transport.begin(self._path, body)
        replies = [transport.end() for transport in used]
        for at, reply in enumerate(replies):
            if reply.verdict is Verdict.UNAUTHORISED:
                self._forget_others()  # they have the keys of before
                replies[at] = self._post(bodies[at])
                if replies[at].verdict is Verdict.UNAUTHORISED:
                    break
        return replies

    def _forget_others(self) -> None:
        for transport in self._others:
            transport.close()
        self._others.clear()


def _take_apart(waiting: deque[int], bodies: Sequence[bytes], most: int) -> list[int]:
    """Take the first of those that wait, as many as can go at once: not two of one id."""
    taken: list[int] = []
    ids: set[bytes] = set()
    while waiting and len(taken) < most:
        # Up to what looks like the end of the first value, the id; where that is cut short, ids are taken for one.
        known = bodies[waiting[0]].partition(b'","')[0]
        if known in ids:
            break
        ids.add(known)
        taken.append(waiting.popleft())
    return taken
