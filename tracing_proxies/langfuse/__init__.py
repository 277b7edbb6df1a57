"""Langfuse beyond the upload of spans: scores, and what its public API lets one read and make."""
