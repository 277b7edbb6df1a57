"""Tests of tracing_proxies.langfuse."""
