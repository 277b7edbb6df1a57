"""A registry that changes while the application runs."""
