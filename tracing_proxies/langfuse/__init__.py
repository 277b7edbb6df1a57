"""Langfuse beyond the upload of spans: scores."""
