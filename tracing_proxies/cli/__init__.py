"""The command `tracing-proxies`: one module per command."""
