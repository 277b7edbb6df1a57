"""Cost of what a rule can ask for, each by itself, beside the same call woven with arguments and result captured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import attrs
import pytest

import tracing_proxies
from perf.bursts import ARGUMENTS, measure
from perf.woven import flush, woven


class Target:
    """What is measured: the same small body, as a method, coroutine and generator, and with larger arguments."""

    def sell(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def note(self, given: Any, quantity: int) -> dict[str, Any]:
        return {"product": "olive-oil-1l", "quantity": quantity, "status": "ok"}

    async def fetch(self, product: str, quantity: int) -> dict[str, Any]:
        return {"product": product, "quantity": quantity, "status": "ok"}

    def items(self, product: str, quantity: int) -> Iterator[dict[str, Any]]:
        for _ in range(10):
            yield {"product": product, "quantity": quantity, "status": "ok"}

    async def stream(self, product: str, quantity: int) -> AsyncIterator[dict[str, Any]]:
        for _ in range(10):
            yield {"product": product, "quantity": quantity, "status": "ok"}


def complete(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing, without a loop."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def drain(items: Iterator[Any]) -> None:
    """Take all items."""
    for _ in items:
        pass


async def drain_stream(items: AsyncIterator[Any]) -> None:
    """Take all items."""
    async for _ in items:
        pass


_WORDS = "an order of olive oil, from the market of the harbour "
VALUES = {
    "kilobyte": (_WORDS * 19)[:1_000],
    "ten_kilobytes": (_WORDS * 186)[:10_000],
    "lines": [{"product": f"olive-oil-{n}l", "quantity": n, "status": "ok"} for n in range(50)],
}
SELL, NOTE = f"target.sell{ARGUMENTS}", "target.note({}, 12)"
FETCH, ITEMS = f"complete(target.fetch{ARGUMENTS})", f"drain(target.items{ARGUMENTS})"
STREAM = f"complete(drain_stream(target.stream{ARGUMENTS}))"


@attrs.frozen
class Option:
    """One case: what its rule says besides the match, the call, and the case that makes the same call untraced."""

    case: str
    title: str
    settings: str = ""
    call: str = SELL
    plain: str = "plain_call"
    kept: bool = True

    @property
    def method(self) -> str:
        return self.call.partition("target.")[2].partition("(")[0]


OPTIONS = (
    Option("input_only", "`capture: { output: false }`", "capture: { output: false }"),
    Option("output_only", "`capture: { input: false }`", "capture: { input: false }"),
    Option("input_by_path", "`input: args.product`", "input: args.product"),
    Option("metadata", "`metadata: { status: result.status }`", "metadata: { status: result.status }"),
    Option("name_template", '`name: "sell {args.product}"`', 'name: "sell {args.product}"'),
    Option("error_when", '`error_when: result.status == "failed"`', "error_when: 'result.status == \"failed\"'"),
    Option("outcome", "`outcome: { decision: result.status }`", "outcome: { decision: result.status }"),
    Option("condition", "`if: args.quantity > 3`", "if: args.quantity > 3"),
    Option("session", "`session: args.product`", "session: args.product"),
    Option("tags", "`tags: [shop]`", "tags: [shop]"),
    Option("hashed_user", "`user: args.product \\| hash`", "user: 'args.product | hash'"),
    Option("hidden", "`masking: { hide: [quantity] }`", "masking: { hide: [quantity] }"),
    Option("dropped_when_fast", "`min_duration: 1min`, faster than that", "min_duration: 1min", kept=False),
    Option("one_in_a_hundred", "`sample: 1%`", "sample: 1%", kept=False),
    Option("text_1kb", "a text of 1 kB as argument", call=NOTE.format("kilobyte")),
    Option("text_10kb", "a text of 10 kB as argument", call=NOTE.format("ten_kilobytes")),
    Option(
        "text_10kb_cut",
        "the same, `max_bytes: 1KiB`",
        "capture: { max_bytes: 1KiB }",
        call=NOTE.format("ten_kilobytes"),
    ),
    Option("lines_50", "a list of 50 dicts as argument", call=NOTE.format("lines")),
    Option("lines_50_cut", "the same, `max_items: 5`", "capture: { max_items: 5 }", call=NOTE.format("lines")),
    Option("lines_50_unread", "the same, `input: false`", "capture: { input: false }", call=NOTE.format("lines")),
    Option("coroutine", "a coroutine", call=FETCH, plain="plain_coroutine"),
    Option("generator_10", "a generator of 10 items", call=ITEMS, plain="plain_generator_10"),
    Option("stream_10", "an asynchronous generator of 10 items", call=STREAM, plain="plain_stream_10"),
)
PLAIN = (("plain_coroutine", FETCH), ("plain_generator_10", ITEMS), ("plain_stream_10", STREAM))


def _scope() -> dict[str, Any]:
    helpers: tuple[Callable[..., Any], ...] = (complete, drain, drain_stream)
    return {"target": Target(), **VALUES, **{helper.__name__: helper for helper in helpers}}


@pytest.fixture(autouse=True)
def no_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRACING_PROXIES", "TRACING_PROXIES__SAMPLING__BUDGET"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("case", "call"), PLAIN, ids=[case for case, _ in PLAIN])
def test_the_plain_call(benchmark: Any, case: str, call: str) -> None:
    measure(benchmark, call, _scope(), case=case, group="plain")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.case)
def test_option(benchmark: Any, option: Option) -> None:
    rule = f"match: 'perf.test_options:Target.{option.method}'"
    with woven(f"{rule}, {option.settings}" if option.settings else rule):
        facts = {"title": option.title, "plain": option.plain}
        measure(benchmark, option.call, _scope(), case=option.case, group="options", settle=flush, part=3, **facts)
        delivered, calls = (tracing_proxies.status()[part] for part in ("delivery", "calls"))
        assert calls["errors"] == 0
        if option.kept:
            assert delivered["delivered"] == calls["count"]
        else:
            assert delivered["delivered"] < 0.1 * calls["count"]
