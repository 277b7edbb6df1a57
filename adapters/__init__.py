"""Presets, one per framework or application: a YAML file, and a module where YAML is not enough."""
