"""The way of scores: a pipeline of their own beside the spans', with its own accounts, spool and threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tracing_proxies.delivery.ledger import Ledger
from tracing_proxies.delivery.pipeline import Pipeline
from tracing_proxies.delivery.sinks.protocol import Sink
from tracing_proxies.delivery.succession import Succession
from tracing_proxies.failures import contain
from tracing_proxies.recording.observation import Observation
from tracing_proxies.registry.model import ScoreSettings

if TYPE_CHECKING:
    from tracing_proxies.langfuse.scores import Score

_LEAST = 0.05
Prepare = Callable[[Any], Observation | None]


class Finisher(Protocol):
    """What masks under the registry that holds, and names the environment."""

    @property
    def environment(self) -> str: ...

    def mask(self, name: str, value: Any) -> Any: ...

    def mask_name(self, name: str) -> str: ...


class Scoring:
    """Scores the observations that a pipeline finishes, and takes scores of others' making.

    Args:
        sinks: what takes scores; none, and there are no scores.
        settings: what is scored without a rule that says so.
        finisher: asked for each score, since a reload exchanges it.
        suppress: switches tracing off for the thread that calls it.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        settings: ScoreSettings,
        finisher: Callable[[], Finisher],
        suppress: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._finisher = finisher
        self._suppress = suppress
        self._active = bool(sinks)
        self._pipelines = Succession(self._make_pipeline(sinks), suppress)
        self._pipelines.closing_turn = 1

    @property
    def active(self) -> bool:
        """Whether there is anybody to take a score."""
        return self._active

    def watch(self, prepare: Prepare) -> Prepare:
        """Return what finishes spans as ``prepare`` does, and scores what comes of it."""
        if not self._active:
            return prepare

        def prepare_and_score(span: Any) -> Observation | None:
            observation = prepare(span)
            if observation is not None and (observation.type == "agent" or observation.metadata):
                self._score(observation)
            return observation

        return prepare_and_score

    def put(self, score: Score) -> bool:
        """Send a score; returns whether anybody takes it."""
        if self._active:
            self._pipelines.current.put(score)
        return self._active

    def exchange(self, sinks: Sequence[Sink]) -> None:
        """Go over to other destinations; what waits for the former ones is delivered there."""
        heir = self._make_pipeline(sinks)
        self._active = bool(sinks)
        self._pipelines.succeed(heir)
        heir.adopt()

    def adopt(self) -> None:
        """Begin to deliver what dead processes have left on disk, if there is anything."""
        self._pipelines.current.adopt()

    def retry(self) -> None:
        """Try what waits again at once, since the keys have changed."""
        self._pipelines.current.retry()

    def cpu(self) -> float:
        """Return the seconds of CPU that the threads have taken."""
        return self._pipelines.work()[0]

    def flush(self, deadline: float) -> bool:
        """Wait until all scores are delivered, or safe, at most until ``deadline`` (seconds, monotonic)."""
        return self._pipelines.flush(max(_LEAST, deadline - time.monotonic()))

    def close(self, deadline: float) -> bool:
        """Flush and stop, at most until ``deadline`` (seconds, monotonic)."""
        return self._pipelines.close(max(_LEAST, deadline - time.monotonic()))

    def status(self) -> dict[str, Any]:
        """Return the accounts and the state of the destination in plain values."""
        found = self._pipelines.status()
        return {"active": self._active, **{key: found[key] for key in _TOLD}}

    def _make_pipeline(self, sinks: Sequence[Sink]) -> Pipeline:
        pipeline = Pipeline(sinks, self._finish, ledger=Ledger(), suppress=self._suppress)
        pipeline.closing_turn = 1  # what the spans' pipeline finishes as the process ends is scored as well
        return pipeline

    def _finish(self, score: Score) -> Observation:
        from tracing_proxies.langfuse.scores import masked, to_record  # the sinks have imported it already

        finisher = self._finisher()
        return to_record(masked(score, finisher.mask, finisher.mask_name), finisher.environment)

    def _score(self, observation: Observation) -> None:
        from tracing_proxies.langfuse.scores import scores_of  # likewise

        try:
            for score in scores_of(observation, self.settings):
                self.put(score)
        except Exception as exc:  # the observation itself goes on
            contain("score", exc)


_TOLD = ("produced", "delivered", "dropped", "queued", "spooled", "sinks")
