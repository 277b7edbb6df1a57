"""The destinations: one module each."""
