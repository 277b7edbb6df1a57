"""Reads an application's source without importing it, and proposes a registry."""
