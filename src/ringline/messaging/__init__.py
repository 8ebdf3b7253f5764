"""Providers of messages: adapters of the port `MessageProvider`."""
