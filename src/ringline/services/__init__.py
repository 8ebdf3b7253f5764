"""Verbs: run a call, open a session, follow the log."""
