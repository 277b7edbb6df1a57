"""What Langfuse can do beyond taking spans: reads, metrics and dashboards of its public API."""
