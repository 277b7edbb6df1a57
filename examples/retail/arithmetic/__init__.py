"""Retail arithmetic on plain numbers; every formula names its source."""
