"""Traces Python agent applications from one YAML file, without touching their source."""
