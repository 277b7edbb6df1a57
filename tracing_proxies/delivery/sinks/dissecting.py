"""Takes apart what a server refuses, until the span that it cannot take stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from tracing_proxies.delivery.compression import compress
from tracing_proxies.delivery.encoder import frame_request
from tracing_proxies.delivery.reply import REFUSED_PAUSE, Reply, Verdict
from tracing_proxies.delivery.shortening import LIMITS, shorten
from tracing_proxies.delivery.spool.dead import DeadLetters

REFUSED_IN_A_ROW = 16


@attrs.frozen(eq=False, repr=False)
class Part:
    """The spans of one request, each with what it was made of.

    Args:
        shortened: how often the texts of its only span have been cut.
        whole: that span as it was before, None where it is whole.
    """

    resource: bytes
    scope: bytes
    spans: list[tuple[Any, bytes]]
    shortened: int = 0
    whole: bytes | None = None

    @property
    def request(self) -> bytes:
        """The request's body, compressed."""
        return compress(frame_request([span for _, span in self.spans], self.resource, self.scope))

    @property
    def whole_request(self) -> bytes:
        """The same before any text was cut."""
        return self.request if self.whole is None else compress(frame_request([self.whole], self.resource, self.scope))

    def halves(self) -> tuple[Part, Part]:
        """Return two requests with half the spans each."""
        middle = len(self.spans) // 2
        return attrs.evolve(self, spans=self.spans[:middle]), attrs.evolve(self, spans=self.spans[middle:])

    def shorter(self) -> Part | None:
        """Return the request with its only span's texts cut further, None where that is of no use."""
        ((source, span),) = self.spans
        whole = self.whole or span
        for number, limit in enumerate(LIMITS[self.shortened :], self.shortened + 1):
            cut = shorten(whole, limit)
            if cut is not None and len(cut) < len(span):
                return attrs.evolve(self, spans=[(source, cut)], shortened=number, whole=whole)
        return None


@attrs.frozen(eq=False, repr=False)
class Told:
    """How far it went.

    Args:
        delivered: spans that the server has taken.
        rest: what has to wait.
        trouble: why it has to, or why the server is to be left alone though nothing waits; None where all is well.
    """

    delivered: int
    rest: Sequence[Part] = ()
    trouble: Reply | None = None


class Dissector:
    """Sends requests, halves what is refused, cuts what is too large, and buries what the server will never take.

    Args:
        send: posts one request's body.
        dead: keeps what is given up; None only counts it.

    Attributes:
        shortened: spans that were taken only after their texts had been cut.
    """

    def __init__(self, send: Callable[[bytes], Reply], dead: DeadLetters | None) -> None:
        self._send = send
        self._dead = dead
        self._in_a_row = 0
        self.shortened = 0

    def deliver(self, parts: Sequence[Part], dropped: Counter[str], *, known: Reply | None = None) -> Told:
        """Send requests one by one; the first that has to wait ends it.

        Args:
            dropped: counts the spans that were given up, by reason.
            known: the reply to the first request, where it has been sent already.
        """
        delivered = 0
        waiting = list(reversed(parts))
        while waiting:
            part = waiting.pop()
            reply, known = known or self._send(part.request), None
            if reply.verdict is Verdict.DELIVERED:
                delivered += self._count(part, reply, dropped)
            elif reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
                return Told(delivered, [part, *reversed(waiting)], reply)
            elif len(part.spans) > 1:
                waiting += reversed(part.halves())
            elif reply.verdict is Verdict.TOO_LARGE and (shorter := part.shorter()) is not None:
                waiting.append(shorter)
            else:
                self.give_up(part.whole_request, 1, reply, dropped)
                if self._in_a_row >= REFUSED_IN_A_ROW:
                    # Not one poisoned span but a server that takes none of ours: were it asked on, all would be lost.
                    reason = f"{reply.reason} for {REFUSED_IN_A_ROW} spans in a row"
                    trouble = Reply(Verdict.UNAUTHORISED, reason, REFUSED_PAUSE)
                    return Told(delivered, list(reversed(waiting)), trouble)
        return Told(delivered)

    def accept(self) -> None:
        """Note that the server has taken something."""
        self._in_a_row = 0

    def give_up(self, request: bytes, spans: int, reply: Reply, dropped: Counter[str]) -> None:
        """Count spans as dropped, and keep their request."""
        dropped["too_large" if reply.verdict is Verdict.TOO_LARGE else "rejected"] += spans
        self._in_a_row += 1
        if self._dead is not None:
            self._dead.bury(request, "http_413" if reply.verdict is Verdict.TOO_LARGE else "http_400")

    def _count(self, part: Part, reply: Reply, dropped: Counter[str]) -> int:
        refused = min(reply.rejected, len(part.spans))
        if refused:
            dropped["rejected"] += refused
        if refused < len(part.spans):
            self.accept()
            self.shortened += part.shortened > 0
        return len(part.spans) - refused
