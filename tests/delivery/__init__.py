"""Tests of tracing_proxies.delivery."""
