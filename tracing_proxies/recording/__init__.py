"""One call to one span record."""
