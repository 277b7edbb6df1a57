"""The example application must not know that it is traced."""

from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "retail"


def test_no_source_of_the_example_names_a_tracing_library() -> None:
    sources = sorted(EXAMPLE.rglob("*.py"))
    assert len(sources) > 20
    for source in sources:
        text = source.read_text().lower()
        for word in ("tracing_proxies", "langfuse", "opentelemetry", "wrapt"):
            assert word not in text, f"{source} mentions {word}"
