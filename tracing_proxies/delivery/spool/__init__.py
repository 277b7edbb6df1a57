"""Keeps encoded requests on disk until a server takes them, through crashes and restarts of the process."""
