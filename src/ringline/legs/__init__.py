"""Adapters of the port `Leg`: connections into a call, one file per kind."""
