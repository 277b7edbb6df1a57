"""The local store, made visible."""
