"""Delivers scores to Langfuse one by one, since that is what its servers take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tracing_proxies.delivery.reply import Verdict
from tracing_proxies.delivery.sinks.langfuse import LangfuseSink
from tracing_proxies.delivery.sinks.protocol import Outcome, Parcel
from tracing_proxies.delivery.transport import JSON
from tracing_proxies.langfuse.scores import to_body
from tracing_proxies.recording.observation import Observation

SCORES_PATH = "/api/public/scores"


class ScoreSink(LangfuseSink):
    """A sink of scores: the same server, keys, deadlines and spool as the spans', another endpoint.

    Each score is a request of its own, and its id makes a repetition harmless.

    Args:
        host, public_key, secret_key, settings: as for ``LangfuseSink``.
    """

    def __init__(self, host: str, public_key: str, secret_key: str, **settings: Any) -> None:
        alone = {"path": SCORES_PATH, "linger": 0.0, "max_batch_spans": 1, "media": JSON}
        super().__init__(host, public_key, secret_key, **{"name": "scores", **alone, **settings})

    def write(self, batch: Sequence[Observation]) -> Outcome:
        """Post the scores in their order; from the first that has to be repeated on, they remain."""
        self._begin()
        dropped: Counter[str] = Counter()
        for done, record in enumerate(batch):
            body = to_body(record)
            reply = self._post(body)
            if reply.verdict is Verdict.DELIVERED:
                self._dissector.accept()
                continue
            if reply.verdict in (Verdict.RETRY, Verdict.UNAUTHORISED):
                delivered = done - sum(dropped.values())
                return Outcome(delivered, dict(dropped), batch[done:], **self._conclude(reply))
            self._dissector.give_up(body, 1, reply, dropped)
        self._conclude(None)
        return Outcome(len(batch) - sum(dropped.values()), dict(dropped))

    def pack(self, batch: Sequence[Observation]) -> tuple[list[Parcel], Mapping[str, int]]:
        """Make one request of each score."""
        return [Parcel(to_body(record), 1) for record in batch], {}
