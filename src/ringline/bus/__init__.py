"""Adapters of the port `Bus`: delivery of publications between processes."""
