"""The dashboards that are shipped, one YAML file each, in the terms of Langfuse's API for widgets."""
