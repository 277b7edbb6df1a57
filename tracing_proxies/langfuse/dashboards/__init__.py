"""Dashboards as code: declared in YAML, made and kept on the server by its unstable API, checked by their queries."""
