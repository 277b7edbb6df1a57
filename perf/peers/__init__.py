"""The same call under other tracing tools, each in an environment and a process of its own."""
