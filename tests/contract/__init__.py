"""A server that keeps Langfuse's ingestion contract, in a process of its own."""
