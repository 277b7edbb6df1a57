"""What an application does with Langfuse's SDK, in the way that all of its versions know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langfuse import Langfuse, get_client, observe

from tests.langfuse import work


@observe(name="observed", as_type="agent")
def observed(question: str, below: Callable[[], Any] = dict) -> dict[str, Any]:
    """Answer a question, with what it does below."""
    below()
    get_client().update_current_span(metadata={"plain": "text", "number": 3, "nested": {"a": [1]}})
    return {"answer": question.upper()}


@observe(name="failing")
def failing() -> None:
    """Fail."""
    raise ValueError("no stock for anna@example.org")


def generation(client: Langfuse) -> None:
    """Make a generation with all that one may have."""
    with client.start_as_current_observation(name="model", as_type="generation", model="m-1") as made:
        made.update(
            input=[{"role": "user", "content": "write to anna@example.org"}],
            output={"role": "assistant", "content": "done"},
            model_parameters={"temperature": 0.5},
            usage_details={"input": 10, "output": 5},
            cost_details={"total": 0.25},
            version="v9",
        )


def around(client: Langfuse) -> None:
    """Make an observation with ours below it, with theirs below that."""
    with client.start_as_current_observation(name="outer"):
        work.agent(observed, "inner")
